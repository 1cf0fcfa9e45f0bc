//! Reading an item's attributes.

use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;

use super::value::Item;

/// The attributes of an item, or of a map in it. Errors say what is wrong with which attribute, without its value: it may be
/// a secret.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(pub &'a Item);

impl<'a> Fields<'a> {
    /// The attribute, unless it isn't there or is null.
    pub fn get(self, name: &str) -> Option<&'a AttributeValue> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(self, name: &str) -> Result<Option<&'a str>, String> {
        let text = self.get(name).map(|value| value.as_s().map(String::as_str));
        text.transpose().map_err(|_| format!("{name} is not a string"))
    }

    /// What a text that must be there says.
    pub fn parsed<T: FromStr<Err: ToString>>(self, name: &str) -> Result<T, String> {
        let text = self.text(name)?.ok_or_else(|| format!("{name} is missing"))?;
        text.parse()
            .map_err(|error: T::Err| format!("{name} {}", error.to_string()))
    }

    /// A number.
    pub fn number<T: FromStr>(self, name: &str) -> Result<Option<T>, String> {
        let number = self.get(name).map(|value| value.as_n().ok()?.parse().ok());
        number
            .map(|number| number.ok_or_else(|| format!("{name} is not a number of the right size")))
            .transpose()
    }

    /// A number that must be there.
    pub fn required<T: FromStr>(self, name: &str) -> Result<T, String> {
        self.number(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    /// What `read` makes of a map.
    pub fn map<T>(self, name: &str, read: impl FnOnce(Self) -> Result<T, String>) -> Result<Option<T>, String> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let map = value.as_m().map_err(|_| format!("{name} is not a map"))?;
        read(Self(map)).map(Some).map_err(|reason| format!("{name}: {reason}"))
    }
}

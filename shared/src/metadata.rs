//! The app's own name–value pairs, which ride in the callback URL and come back with each notification.

use std::collections::BTreeMap;

use serde::Serialize;
use thiserror::Error;

/// The most pairs that one registration has.
pub const MAX_PAIRS: usize = 8;
/// The longest name, in bytes.
pub const MAX_NAME_LENGTH: usize = 16;
/// The most that all names and values have together, in bytes before percent-encoding.
pub const MAX_TOTAL_LENGTH: usize = 512;

/// Names that a CloudEvents 1.0 event or a Printbell message uses for itself.
pub const RESERVED_NAMES: [&str; 12] = [
    "data",
    "datacontenttype",
    "dataschema",
    "id",
    "outcome",
    "printerref",
    "source",
    "specversion",
    "subject",
    "tenantid",
    "time",
    "type",
];

/// Why a pair can't be part of a [`Metadata`]. The text names the rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPair {
    /// The name has characters or a length that CloudEvents or a URL would not take.
    #[error("the name must be 1 to 16 characters of a-z 0-9")]
    Name,
    /// The name already means something in the message.
    #[error("the name is taken: CloudEvents or Printbell uses it in the message")]
    Reserved,
    /// The name is there already.
    #[error("the name is given twice")]
    Repeated,
    /// CloudEvents allows no control characters in an attribute.
    #[error("the value must not contain control characters")]
    Value,
    /// There are [`MAX_PAIRS`] pairs already.
    #[error("there can be at most 8 pairs")]
    TooMany,
    /// Names and values together would be longer than [`MAX_TOTAL_LENGTH`].
    #[error("names and values can have at most 512 bytes together")]
    TooLong,
}

/// Up to eight name–value pairs that keep every rule of the message contract, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// Adds a pair, or says which rule it breaks and stays as it was.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), InvalidPair> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !(1..=MAX_NAME_LENGTH).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(InvalidPair::Name);
        }
        if RESERVED_NAMES.contains(&name) {
            return Err(InvalidPair::Reserved);
        }
        if value.chars().any(char::is_control) {
            return Err(InvalidPair::Value);
        }
        if self.0.contains_key(name) {
            return Err(InvalidPair::Repeated);
        }
        if self.0.len() == MAX_PAIRS {
            return Err(InvalidPair::TooMany);
        }
        let taken: usize = self.iter().map(|(name, value)| name.len() + value.len()).sum();
        if taken + name.len() + value.len() > MAX_TOTAL_LENGTH {
            return Err(InvalidPair::TooLong);
        }
        self.0.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// The pairs, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_named() {
        let long = "x".repeat(505);
        let table = [
            ("", "x", InvalidPair::Name),
            ("Room", "x", InvalidPair::Name),
            ("a_b", "x", InvalidPair::Name),
            ("abcdefghijklmnopq", "x", InvalidPair::Name),
            ("tenantid", "x", InvalidPair::Reserved),
            ("subject", "x", InvalidPair::Reserved),
            ("outcome", "x", InvalidPair::Reserved),
            ("floor", "a\nb", InvalidPair::Value),
            ("room", "x", InvalidPair::Repeated),
            ("floor", &long, InvalidPair::TooLong),
        ];
        for (name, value, rule) in table {
            let mut metadata = Metadata::default();
            metadata.insert("room", "lab").unwrap();
            assert_eq!(metadata.insert(name, value), Err(rule), "{name}={value}");
            assert_eq!(metadata.iter().collect::<Vec<_>>(), [("room", "lab")]);
        }
    }

    #[test]
    fn eight_pairs_of_512_bytes_fit_and_no_more() {
        let mut metadata = Metadata::default();
        for n in 0..8 {
            metadata.insert(&format!("n{n}"), &"x".repeat(62)).unwrap();
        }
        assert_eq!(metadata.insert("n8", ""), Err(InvalidPair::TooMany));
    }
}

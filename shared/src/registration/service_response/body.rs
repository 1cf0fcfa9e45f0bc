//! What the body of a success takes back.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Deserializer, Value};

/// The media types of pages.
const PAGE_TYPES: [&str; 2] = ["text/html", "application/xhtml+xml"];

/// What pages begin with, in lower case.
const PAGE_STARTS: [&str; 2] = ["<!doctype html", "<html"];

/// The member that names an error, in lower case: older APIs of theirs answer `{"Status": 404, "Error": "…"}`.
const STATUS: &str = "status";

/// Whether this is a page for people: a proxy, a firewall or a maintenance page answers so, with 200 too.
pub(super) fn is_page(content_type: Option<&str>, body: &str) -> bool {
    let media_type = content_type.and_then(|value| value.split(';').next());
    let media_type = media_type.map(|media_type| media_type.trim().to_ascii_lowercase());
    let is_start = |start: &str| {
        let text = start_of(body).get(..start.len());
        text.is_some_and(|text| text.eq_ignore_ascii_case(start))
    };
    // Servers call by that name what isn't any, too: a page begins with a tag.
    let is_called_so = media_type.is_some_and(|media_type| PAGE_TYPES.contains(&media_type.as_str()));
    is_called_so && start_of(body).starts_with('<') || PAGE_STARTS.into_iter().any(is_start)
}

/// The error code that a JSON object names as its `Status`, also one that breaks off after it.
pub(super) fn error_code(body: &str) -> Option<u16> {
    let mut codes = Codes::default();
    let mut json = Deserializer::from_str(start_of(body));
    let end = json.deserialize_map(&mut codes).and_then(|()| json.end());
    let is_json = end.map_or_else(|error| error.is_eof(), |()| true);
    let (_, code) = codes.0.into_iter().find(|(_, code)| !(200..300).contains(code))?;
    Some(code).filter(|_| is_json)
}

/// The text less the byte order mark and the white space that servers put before it.
fn start_of(body: &str) -> &str {
    body.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}')
}

/// The members called `Status`, as they are spelled, with their codes.
#[derive(Default)]
struct Codes(Vec<(String, u16)>);

impl<'de> Visitor<'de> for &mut Codes {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            if !name.eq_ignore_ascii_case(STATUS) {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: Value = members.next_value()?;
            // Of one that repeats, the last counts.
            self.0.retain(|(other, _)| *other != name);
            self.0.extend(code(&value).map(|code| (name, code)));
        }
        Ok(())
    }
}

/// The code that a number, or a text that is one, stands for.
fn code(value: &Value) -> Option<u16> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }?;
    let is_code = number.fract() == 0.0 && (100.0..1000.0).contains(&number);
    is_code.then_some(number as u16)
}

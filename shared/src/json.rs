//! JSON that is cut into pieces which stay as they were written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object, in order: key and value as they were written. A key may repeat.
#[derive(Debug, Default)]
pub struct Members<'a>(pub Vec<(&'a str, &'a str)>);

/// Why a text isn't an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotMembers {
    /// It isn't JSON.
    NotJson {
        /// The line where that shows, from 1.
        line: usize,
        /// The column, from 1, in bytes.
        column: usize,
    },
    /// It is JSON, and another value.
    OtherJson,
}

impl<'a> Members<'a> {
    /// Cuts the JSON object `text` into its members.
    pub fn read(text: &'a str) -> Result<Self, NotMembers> {
        let mut json = serde_json::Deserializer::from_str(text);
        let members = json
            .deserialize_map(Object)
            .and_then(|members| json.end().map(|()| members));
        members.map_err(|error| match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => NotMembers::OtherJson,
            Err(_) => NotMembers::NotJson {
                line: error.line(),
                column: error.column(),
            },
        })
    }

    /// The value of the last member of this name; `None` also where the value is `null`.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let found = self
            .0
            .iter()
            .rev()
            .find(|(key, _)| self::name(key).as_deref() == Some(name));
        found.map(|(_, value)| *value).filter(|value| *value != "null")
    }

    /// The members of the object that the last member of this name is.
    pub fn object(&self, name: &str) -> Option<Self> {
        Self::read(self.get(name)?).ok()
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            members.push((key.get(), value.get()));
        }
        Ok(Members(members))
    }
}

/// What a key that is written as `key` says. (Written with escapes, it may say `SecretKey` too.)
pub fn name(key: &str) -> Option<Cow<'_, str>> {
    if key.contains('\\') {
        string(key)
    } else {
        Some(Cow::Borrowed(&key[1..key.len() - 1]))
    }
}

/// The text of a JSON string; `None` for other values, and for a string that isn't text (a lone surrogate).
pub fn string(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(json).ok().map(Cow::Owned)
}

/// The text of a JSON string or number.
pub fn scalar(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'"' if !json.contains('\\') => Some(Cow::Borrowed(&json[1..json.len() - 1])),
        b'"' => string(json),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(json)),
        _ => None,
    }
}

/// A number that is written as a JSON number or in a string; infinite where it is beyond an `f64`.
pub fn number(json: &str) -> Option<f64> {
    let text = scalar(json)?;
    let text = text.trim();
    // Rust reads "inf" and "NaN" too.
    let is_numeric = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    text.parse().ok().filter(|_| text.bytes().all(is_numeric))
}

/// A whole number that is written as a JSON number (`6`, `6.0`, `6e0`) or in a string.
pub fn whole_number(json: &str) -> Option<i64> {
    /// From here on not every whole number is an `f64`.
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    scalar(json)?.trim().parse().ok().or_else(|| {
        let float = number(json)?;
        #[expect(clippy::cast_possible_truncation, reason = "a whole number within an i64's range")]
        (float.fract() == 0.0 && float.abs() < LIMIT).then_some(float as i64)
    })
}

/// The bytes of a JSON string, which may hold a lone surrogate that no Rust string can: it is encoded as if it were a
/// character. `None` for other values.
pub fn bytes(json: &str) -> Option<Vec<u8>> {
    struct Bytes;
    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }
    serde_json::Deserializer::from_str(json).deserialize_bytes(Bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_member_of_a_name_counts_however_it_is_written() {
        let members = Members::read(r#"{"a":1,"\u0061":{"b" : null},"c":[],"c":null}"#).unwrap();
        assert_eq!(members.get("a"), Some(r#"{"b" : null}"#));
        assert_eq!((members.get("c"), members.get("d")), (None, None));
        assert!(members.object("a").is_some_and(|a| a.0 == [(r#""b""#, "null")]));
        assert!(members.object("c").is_none());
    }

    #[test]
    fn a_number_comes_as_one_or_as_text() {
        for (json, expected) in [
            ("0.0", Some(0.0)),
            ("-1", Some(-1.0)),
            ("62.5", Some(62.5)),
            (r#""3990.5""#, Some(3990.5)),
            (r#"" 5e-1 ""#, Some(0.5)),
            ("1e999", Some(f64::INFINITY)),
            (r#""inf""#, None),
            (r#""NaN""#, None),
            (r#""None""#, None),
            (r#""""#, None),
            (r#""1:30:00""#, None),
            ("null", None),
            ("true", None),
            ("[1]", None),
        ] {
            assert_eq!(number(json), expected, "{json}");
        }
    }

    #[test]
    fn strings_come_as_bytes_lone_surrogates_too() {
        for (json, expected) in [
            (r#""a\n""#, Some(&b"a\n"[..])),
            (r#""\ud800""#, Some(b"\xED\xA0\x80")),
            (r#""\u0000""#, Some(b"\0")),
            ("7", None),
            ("null", None),
            ("[1]", None),
        ] {
            assert_eq!(bytes(json).as_deref(), expected, "{json}");
        }
    }
}

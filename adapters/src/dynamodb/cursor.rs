//! Where a listing goes on.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

/// Where a listing of a table with a hash and a range key goes on: after this key, which a person may have chosen against every
/// rule. Opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The hash key.
    pub hash: String,
    /// The range key.
    pub range: String,
}

/// The longest keys that DynamoDB has, in bytes.
const MAX_HASH: usize = 2048;
const MAX_RANGE: usize = 1024;

/// A text that isn't a [`Cursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be the `next` of an earlier page of the same list")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = serde_json::to_string(&[&self.hash, &self.range]).unwrap_or_default(); // two strings: can't fail
        f.write_str(&URL_SAFE_NO_PAD.encode(key))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let key = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let [hash, range]: [String; 2] = serde_json::from_slice(&key).map_err(|_| InvalidCursor)?;
        let is_key = (1..=MAX_HASH).contains(&hash.len()) && (1..=MAX_RANGE).contains(&range.len());
        is_key.then_some(Self { hash, range }).ok_or(InvalidCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_from_its_text() {
        let cursor = Cursor {
            hash: "abc".to_owned(),
            range: "by hand\0".to_owned(),
        };
        assert_eq!(cursor.to_string(), "WyJhYmMiLCJieSBoYW5kXHUwMDAwIl0");
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn other_texts_are_no_cursors() {
        let encoded = |key: &[&str]| URL_SAFE_NO_PAD.encode(serde_json::to_string(key).unwrap());
        let (empty, long) = (encoded(&["", "p"]), encoded(&["a", &"p".repeat(1025)]));
        let (one, three) = (encoded(&["a"]), encoded(&["a", "b", "c"]));
        for text in ["", "!", "abc", "YWJj", "AAAA", "_w", &empty, &long, &one, &three] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}

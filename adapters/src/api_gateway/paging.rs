//! The parameters of a list that comes page by page: `?limit=` and `?next=`.

use percent_encoding::percent_decode;

use crate::dynamodb::cursor::{Cursor, InvalidCursor};

/// The most items on a page, and what it has when the caller doesn't say.
pub const MAX_LIMIT: u32 = 100;

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// What the page begins after.
    pub after: Option<Cursor>,
    /// How many items it may have.
    pub limit: u32,
}

impl Default for Paging {
    fn default() -> Self {
        Self {
            after: None,
            limit: MAX_LIMIT,
        }
    }
}

impl Paging {
    /// The names of its parameters.
    pub const NAMES: [&'static str; 2] = ["limit", "next"];

    /// Takes a parameter, or says which rule its value breaks. `None`: it isn't one of [`Self::NAMES`].
    pub fn take(&mut self, name: &str, value: &str) -> Option<Result<(), String>> {
        match name {
            "limit" => Some(match value.parse() {
                Ok(limit @ 1..=MAX_LIMIT) => {
                    self.limit = limit;
                    Ok(())
                }
                _ => Err(format!("must be a number from 1 to {MAX_LIMIT}")),
            }),
            "next" => Some(match value.parse() {
                Ok(cursor) => {
                    self.after = Some(cursor);
                    Ok(())
                }
                Err(rule @ InvalidCursor) => Err(rule.to_string()),
            }),
            _ => None,
        }
    }
}

/// The parameters of a raw query, decoded.
pub fn parameters(query: &[u8]) -> impl Iterator<Item = (String, String)> {
    let decode = |text: &[u8]| percent_decode(text).decode_utf8_lossy().into_owned();
    let pairs = query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs.map(move |pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        (
            decode(halves.next().unwrap_or_default()),
            decode(halves.next().unwrap_or_default()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_said_by_limit_and_next() {
        let mut paging = Paging::default();
        assert_eq!(paging.take("limit", "7"), Some(Ok(())));
        assert_eq!(paging.take("next", "WyJhYmMiLCJwMSJd"), Some(Ok(())));
        assert_eq!(paging.take("room", "lab"), None);
        assert_eq!(
            (paging.limit, paging.after.map(|after| after.range)),
            (7, Some("p1".to_owned()))
        );
    }

    #[test]
    fn each_broken_rule_is_named() {
        for limit in ["0", "101", "-1", "x", ""] {
            let rule = Paging::default().take("limit", limit);
            assert_eq!(rule, Some(Err("must be a number from 1 to 100".to_owned())), "{limit}");
        }
        let rule = Paging::default().take("next", "xyz");
        assert_eq!(
            rule,
            Some(Err("must be the `next` of an earlier page of the same list".to_owned()))
        );
    }

    #[test]
    fn parameters_are_decoded_once() {
        let pairs: Vec<_> = parameters(b"a=b%2526&&c&%FF==").collect();
        let expected = [("a", "b%26"), ("c", ""), ("\u{FFFD}", "=")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}

//! Problem details (RFC 9457): how every error is told to a caller.

use std::borrow::Cow;

use serde::Serialize;

/// The media type of a [`Problem`].
pub const CONTENT_TYPE: &str = "application/problem+json";

/// One error as the caller sees it. Never holds a secret, nor anything that only the operator should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The HTTP status code.
    pub status: u16,
    /// The kind of error in a few words, the same for every occurrence.
    pub title: &'static str,
    /// What was wrong this time, and what to do about it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub detail: Cow<'static, str>,
    /// One entry for each field that broke a rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// A field of the request that broke a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where: a JSON pointer into the body (`/eventTypes/0`), or the parameter's name.
    pub field: String,
    /// Which rule it broke.
    pub rule: String,
}

impl Problem {
    /// A problem without field errors.
    pub fn new(status: u16, title: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            title,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// The JSON body.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // strings and a number: can't fail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_without_a_value_are_left_out() {
        let problem = Problem::new(401, "Unauthorized", "");
        assert_eq!(problem.to_json(), r#"{"status":401,"title":"Unauthorized"}"#);
    }
}

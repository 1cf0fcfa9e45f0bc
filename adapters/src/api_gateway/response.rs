//! The response.

use printbell_shared::problem::{self, Problem};
use serde::Serialize;

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpResponse {
    /// The HTTP status.
    pub status_code: u16,
    headers: Headers,
    /// The body; empty with `204`.
    pub body: String,
    is_base64_encoded: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Headers {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow: Option<&'static str>,
}

impl HttpResponse {
    /// JSON that is JSON already.
    pub fn raw_json(status_code: u16, body: String) -> Self {
        Self::new(status_code, Some("application/json"), body)
    }

    /// Something in JSON.
    pub fn json(status_code: u16, shown: &impl Serialize) -> Self {
        // What is shown are strings and numbers: can't fail.
        Self::raw_json(status_code, serde_json::to_string(shown).unwrap_or_default())
    }

    /// A text.
    pub fn text(status_code: u16, body: String) -> Self {
        Self::new(status_code, Some("text/plain; charset=utf-8"), body)
    }

    /// `204`.
    pub fn no_content() -> Self {
        Self::new(204, None, String::new())
    }

    /// The same, and nobody on the way may keep it.
    #[must_use]
    pub fn uncached(mut self) -> Self {
        self.headers.cache_control = Some("no-store");
        self
    }

    /// The same, and this is how one may ask: what a `405` has to say (RFC 9110, 15.5.6).
    #[must_use]
    pub fn allow(mut self, methods: &'static str) -> Self {
        self.headers.allow = Some(methods);
        self
    }

    fn new(status_code: u16, content_type: Option<&'static str>, body: String) -> Self {
        Self {
            status_code,
            headers: Headers {
                content_type,
                ..Headers::default()
            },
            body,
            is_base64_encoded: false,
        }
    }
}

impl From<&Problem> for HttpResponse {
    fn from(problem: &Problem) -> Self {
        Self::new(problem.status, Some(problem::CONTENT_TYPE), problem.to_json())
    }
}

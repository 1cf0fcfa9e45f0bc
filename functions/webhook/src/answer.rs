//! The answer, as API Gateway and function URLs take it.

use printbell_shared::problem::{self, Problem};
use serde::Serialize;

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The HTTP status.
    pub status_code: u16,
    headers: Headers,
    /// The body: JSON.
    pub body: String,
    is_base64_encoded: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Headers {
    #[serde(rename = "content-type")]
    content_type: &'static str,
}

impl Answer {
    /// The notification `id` is durable.
    pub fn taken(id: &str) -> Self {
        Self::new(200, "application/json", format!(r#"{{"id":"{id}"}}"#))
    }

    /// The callback is refused, or could not be made durable.
    pub fn problem(problem: &Problem) -> Self {
        Self::new(problem.status, problem::CONTENT_TYPE, problem.to_json())
    }

    fn new(status_code: u16, content_type: &'static str, body: String) -> Self {
        Self {
            status_code,
            headers: Headers { content_type },
            body,
            is_base64_encoded: false,
        }
    }
}

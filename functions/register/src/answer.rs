//! Answers, and the problems that are told instead of them.

use std::future::ready;

use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use lambda_http::{BoxFuture, IntoResponse, Response};
use printbell_shared::id::RegistrationKey;
use printbell_shared::problem::{self, Problem};
use printbell_shared::registration::Registration;
use printbell_shared::table::ReadError;
use serde::Serialize;

use crate::view::View;

/// An answer that isn't a problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, if there is one.
    pub body: Option<Body>,
}

/// A body.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// JSON.
    Json(String),
    /// Anything else.
    Text(String),
}

impl Answer {
    /// Shows a registration.
    pub fn registration(status: u16, row: &Registration) -> Self {
        Self::json(status, &View::from(row))
    }

    /// Shows something in JSON.
    pub fn json(status: u16, shown: &impl Serialize) -> Self {
        let json = serde_json::to_string(shown).unwrap_or_default(); // strings and numbers: can't fail
        Self {
            status,
            body: Some(Body::Json(json)),
        }
    }

    /// `204`.
    pub fn nothing() -> Self {
        Self {
            status: 204,
            body: None,
        }
    }
}

/// What goes back to API Gateway.
///
/// A type of our own: `lambda_http` recodes the text of every body that it converts itself, and links the tables of every
/// encoding on the web for it. Ours is UTF-8.
pub struct Reply(Response<lambda_http::Body>);

impl From<Result<Answer, Problem>> for Reply {
    fn from(answer: Result<Answer, Problem>) -> Self {
        let (status, content_type, body) = match answer {
            Ok(Answer { status, body: None }) => (status, None, lambda_http::Body::Empty),
            Ok(Answer {
                status,
                body: Some(Body::Json(json)),
            }) => (status, Some("application/json"), json.into()),
            Ok(Answer {
                status,
                body: Some(Body::Text(text)),
            }) => (status, Some("text/plain; charset=utf-8"), text.into()),
            Err(problem) => (problem.status, Some(problem::CONTENT_TYPE), problem.to_json().into()),
        };
        let mut response = Response::builder().status(status).header(CACHE_CONTROL, "no-store");
        if let Some(content_type) = content_type {
            response = response.header(CONTENT_TYPE, content_type);
        }
        Self(response.body(body).unwrap_or_default()) // statuses and headers are our own: can't fail
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> BoxFuture<'static, Response<lambda_http::Body>> {
        Box::pin(ready(self.0))
    }
}

/// `404`: there is no registration under this key.
pub fn absent(key: &RegistrationKey) -> Problem {
    Problem::new(
        404,
        "Not Found",
        format!("There is no registration {key}. PUT it first."),
    )
}

/// `503`: something that the API stands on doesn't work. The caller is told to come again, the log is told what it is.
pub fn unavailable(reason: impl std::fmt::Display) -> Problem {
    tracing::error!("{reason}");
    let detail = "Nothing was changed. Send the request again in a moment.";
    Problem::new(503, "Service Unavailable", detail)
}

/// What to tell when a row can't be had.
pub fn unread(error: ReadError) -> Problem {
    match error {
        ReadError::Unavailable(error) => unavailable(error),
        ReadError::Unreadable(error) => {
            tracing::error!(row = error.key, "{error}");
            Problem::new(500, "Unreadable Registration", error.to_string())
        }
    }
}

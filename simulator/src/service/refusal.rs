//! The errors of the App APIs: real HTTP statuses, up into the 600s, with a JSON body.

use http::StatusCode;

/// An answer that isn't 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Refusal {
    /// The caller's mistake: the same request will never do.
    pub(crate) fn bad_request(text: impl Into<String>) -> Self {
        Self {
            status: 400,
            text: text.into(),
        }
    }

    /// 603: nobody issued this token.
    pub(crate) fn not_found() -> Self {
        Self::of_status(603)
    }

    /// A status that was asked for, with the words of the documentation.
    pub(crate) fn of_status(status: u16) -> Self {
        Self {
            status,
            text: meaning(status).to_owned(),
        }
    }

    /// In the form of the service's older APIs; the newer ones' isn't documented.
    pub(crate) fn body(&self) -> serde_json::Value {
        serde_json::json!({"Status": self.status, "Error": self.text})
    }
}

/// What a status means (octoeverywhere.md, "Error codes").
fn meaning(status: u16) -> &'static str {
    match status {
        600 => "Unknown or server error.",
        601 => "The printer is not connected to OctoEverywhere.",
        602 => "The connection to the plugin timed out.",
        603 => "App Connection not found.",
        604 => "App Connection revoked or expired.",
        605 => "The owner of this App Connection is no longer a supporter.",
        606 => "Invalid App Connection credentials.",
        607 => "The file is over the download limit.",
        608 => "The file is over the upload limit.",
        609 => "The webcam limit is reached.",
        610 => "The plugin must be updated.",
        611 => "No access to this beta.",
        612 => "The plugin reported an error.",
        613 => "There is no active print.",
        _ => StatusCode::from_u16(status)
            .ok()
            .and_then(|code| code.canonical_reason())
            .unwrap_or("Unknown error."),
    }
}

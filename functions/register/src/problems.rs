//! The problems that are told instead of an answer.

use std::fmt::Display;

use printbell_adapters::registrations::ReadError;
use printbell_adapters::worker::WorkError;
use printbell_shared::id::RegistrationKey;
use printbell_shared::problem::{FieldError, Problem};
use printbell_shared::registration::Registration;
use printbell_shared::registration::renewal::Status;

/// `400`, with every field that breaks a rule.
pub(crate) fn invalid(errors: Vec<FieldError>) -> Problem {
    let detail = "The request was not understood. Correct the fields below and send it again.";
    Problem {
        errors,
        ..Problem::new(400, "Bad Request", detail)
    }
}

/// `404`: there is no registration under this key.
pub(crate) fn absent(key: &RegistrationKey) -> Problem {
    Problem::new(
        404,
        "Not Found",
        format!("There is no registration {key}. PUT it first."),
    )
}

/// `409`: what can't be asked of a registration that is on its way out.
pub(crate) fn not_while(row: &Registration) -> Problem {
    match row.renewal.status {
        Status::Revoked => revoked(&row.key),
        _ => deleting(&row.key),
    }
}

/// `409`: only a PUT brings it back.
pub(crate) fn revoked(key: &RegistrationKey) -> Problem {
    let detail = format!(
        "OctoEverywhere refused the registration {key} for good. Have its owner connect the printer again, and PUT the new \
         appToken."
    );
    Problem::new(409, "Conflict", detail)
}

/// `409`: it is being deleted.
pub(crate) fn deleting(key: &RegistrationKey) -> Problem {
    Problem::new(409, "Conflict", format!("The registration {key} is being deleted."))
}

/// `503`: something that the API stands on doesn't work. The caller is told to come again, the log is told what it is.
pub(crate) fn unavailable(reason: impl Display) -> Problem {
    tracing::error!("{reason}");
    let detail = "Nothing was changed. Send the request again in a moment.";
    Problem::new(503, "Service Unavailable", detail)
}

/// What to tell when a row can't be had.
pub(crate) fn unread(error: ReadError) -> Problem {
    match error {
        ReadError::Unavailable(error) => unavailable(error),
        ReadError::Unreadable(error) => {
            tracing::error!(row = error.key, "{error}");
            Problem::new(500, "Unreadable Registration", error.to_string())
        }
    }
}

/// What to tell when a change was not even written.
pub(crate) fn unwritten(error: WorkError) -> Problem {
    match error {
        WorkError::Table(error) => unread(error),
        other => unavailable(other),
    }
}

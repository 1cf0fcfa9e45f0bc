//! The problems that are told instead of an answer.

use std::borrow::Cow;
use std::fmt::Display;

use printbell_adapters::registrations::ReadError;
use printbell_adapters::worker::WorkError;
use printbell_shared::id::RegistrationKey;
use printbell_shared::problem::{FieldError, Problem};
use printbell_shared::registration::TooManyOldTokens;

/// How many broken rules a problem names: an answer must not grow to many times its request.
pub(crate) const MAX_ERRORS: usize = 100;

/// `400`, with every field that breaks a rule, or the first hundred and how many more there are.
pub(crate) fn invalid(mut errors: Vec<FieldError>) -> Problem {
    let more = errors.len().saturating_sub(MAX_ERRORS);
    if more > 0 {
        errors.truncate(MAX_ERRORS);
        errors.push(FieldError {
            field: String::new(),
            rule: format!("breaks {more} more rules, which aren't listed"),
        });
    }
    let detail = "The request was not understood. Correct the fields below and send it again.";
    Problem {
        errors,
        ..Problem::new(400, "Bad Request", detail)
    }
}

/// A name that a caller gave, as it is told of. A long one is cut short: no name that there is is as long, and a token that stands
/// where a name belongs must not come back.
pub(crate) fn repeated(name: &str) -> Cow<'_, str> {
    /// More than that of a credential gives it away, in characters.
    const LONGEST: usize = 15;
    match name.char_indices().nth(LONGEST) {
        None => name.into(),
        Some((end, _)) => format!("{}…", &name[..end]).into(),
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

/// `409`: it has no token.
pub(crate) fn replaced(key: &RegistrationKey) -> Problem {
    let detail = format!(
        "The token of the registration {key} belongs to another registration now. PUT a token of its own, or DELETE it."
    );
    Problem::new(409, "Conflict", detail)
}

/// `409`: names nobody, for another tenant's customers are nobody's business.
pub(crate) fn of_another_tenant() -> Problem {
    let detail = "A registration of another tenant holds this appToken. DELETE that one first, or have the printer's owner connect \
                  it again, and PUT the new appToken. Nothing was changed.";
    Problem::new(409, "Conflict", detail)
}

/// `409`: tokens come faster than their webhooks can be deleted.
pub(crate) fn crowded(key: &RegistrationKey, reason: TooManyOldTokens) -> Problem {
    let detail = format!(
        "For the registration {key}, {reason}. Send the request again once OctoEverywhere can be reached. Nothing was changed."
    );
    Problem::new(409, "Conflict", detail)
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

/// `503`, where it can't be known whether anything was changed.
fn unknown(reason: impl Display) -> Problem {
    tracing::error!("{reason}");
    let detail =
        "It is not known whether the change was stored. Send the request again in a moment: it may be repeated.";
    Problem::new(503, "Service Unavailable", detail)
}

/// What to tell when a row can't be had.
pub(crate) fn unread(error: ReadError) -> Problem {
    match error {
        ReadError::Unavailable(error) => unavailable(error),
        ReadError::Unreadable(error) => {
            tracing::error!(row = error.key(), "{error}");
            // No fault of the API's: it says what to do about it.
            Problem::new(409, "Conflict", error.to_string())
        }
    }
}

/// What to tell when a change wasn't written, or may have been.
pub(crate) fn unwritten(error: WorkError) -> Problem {
    match error {
        WorkError::Read(error) => unread(error),
        WorkError::Write(ReadError::Unavailable(error)) => unknown(error),
        WorkError::Write(error @ ReadError::Unreadable(_)) => unread(error),
        WorkError::Keys(error) => unavailable(error),
    }
}

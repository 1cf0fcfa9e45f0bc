//! What an answer means: the table of codes in `octoeverywhere.md`.

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

/// The longest text that is kept of an answer, in characters: enough for an operator, little enough for a table row.
const MAX_TEXT: usize = 300;

/// What came of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What it means for the registration.
    pub outcome: Outcome,
    /// For a person: on success the answer's body, else a sentence that says what was wrong. Holds no secret.
    pub text: String,
}

/// What an answer means for the registration that the call was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done: OctoEverywhere answered 200, the only status that says so.
    Success,
    /// Not now; the same call may succeed later.
    Temporary {
        /// Whose trouble it is.
        fault: Fault,
        /// When OctoEverywhere wants to hear from us again, if it said so.
        retry_after: Option<SignedDuration>,
    },
    /// 605: the printer's owner is no longer a supporter. Works again, as it was, when they upgrade; may last months.
    Suspended,
    /// 400, 401, 603, 604, 606: this call will never succeed, if the answer can be believed.
    Refused,
}

/// Whose trouble a temporary failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The service is down, unreachable or not itself: the next registration would fare no better.
    Service,
    /// The service is well and asks for fewer calls (429).
    Rate,
    /// This printer, plugin or connection: says nothing about the next registration.
    Registration,
}

impl Reply {
    /// Reads an answer.
    pub(super) fn new(status: u16, retry_after: Option<SignedDuration>, body: &str) -> Self {
        let outcome = classify(status, retry_after);
        let body = shorten(body.trim());
        let text = match (outcome, meaning(status)) {
            (Outcome::Success, _) => body,
            (_, meaning) if body.is_empty() => format!("OctoEverywhere answered {status} ({meaning})"),
            (_, meaning) => format!("OctoEverywhere answered {status} ({meaning}): {body}"),
        };
        Self { outcome, text }
    }

    /// There was no answer, because of `cause`.
    pub(super) fn none(cause: &str) -> Self {
        Self {
            outcome: Outcome::Temporary {
                fault: Fault::Service,
                retry_after: None,
            },
            text: format!("OctoEverywhere could not be reached: {}", shorten(cause)),
        }
    }

    /// No HTTP header can carry this AppToken, so OctoEverywhere has never issued it.
    pub(super) fn unsendable() -> Self {
        Self {
            outcome: Outcome::Refused,
            text: "the appToken holds characters that no HTTP header can carry".to_owned(),
        }
    }
}

/// Error codes are real statuses in the 600s, above anything that `http` calls an error, so each is named here. Existing
/// codes never change and new ones may come, so what isn't known is temporary.
fn classify(status: u16, retry_after: Option<SignedDuration>) -> Outcome {
    let fault = match status {
        200 => return Outcome::Success,
        605 => return Outcome::Suspended,
        400 | 401 | 603 | 604 | 606 => return Outcome::Refused,
        429 => Fault::Rate,
        601.. => Fault::Registration,
        // 5xx and 600 are trouble by name; redirects, other successes and other 4xx come from something in front of the
        // service (a proxy, a firewall, a maintenance page), which treats all of our calls alike.
        _ => Fault::Service,
    };
    Outcome::Temporary { fault, retry_after }
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "no AppToken, or a bad request",
        401 => "not authorized",
        429 => "too many requests",
        300..400 => "a redirect, which is not followed",
        500..600 => "server error",
        600 => "unknown or server error",
        601 => "printer not connected to OctoEverywhere",
        602 => "connection to the plugin timed out",
        603 => "App Connection not found",
        604 => "App Connection revoked or expired, printer removed, or owner's account deleted",
        605 => "owner is no longer a supporter",
        606 => "invalid App Connection credentials",
        607 | 608 => "file transfer limit",
        609 => "webcam limit",
        610 => "plugin update required",
        611 => "no beta access",
        612 => "plugin error",
        613 => "no active print",
        _ => "unexpected",
    }
}

/// How long to wait by a `Retry-After` header: seconds, or an HTTP date (RFC 9110, section 10.2.3). `None` when it is
/// neither.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<SignedDuration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(SignedDuration::from_secs(value.parse().unwrap_or(i64::MAX)));
    }
    let at = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(at.duration_since(now).max(SignedDuration::ZERO))
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary(fault: Fault) -> Outcome {
        Outcome::Temporary {
            fault,
            retry_after: None,
        }
    }

    #[test]
    fn every_code_means_what_octoeverywhere_says() {
        let table = [
            (Outcome::Success, &[200][..]),
            (Outcome::Refused, &[400, 401, 603, 604, 606]),
            (Outcome::Suspended, &[605]),
            (temporary(Fault::Rate), &[429]),
            (
                temporary(Fault::Service),
                &[
                    100, 201, 202, 204, 299, 301, 302, 308, 402, 403, 404, 410, 499, 500, 502, 503, 599, 600,
                ],
            ),
            (
                temporary(Fault::Registration),
                &[601, 602, 607, 608, 609, 610, 611, 612, 613, 614, 699, 700, 999],
            ),
        ];
        for (outcome, codes) in table {
            for &code in codes {
                assert_eq!(classify(code, None), outcome, "{code}");
            }
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let table = [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999", Some(i64::MAX)),
            ("Tue, 24 Nov 2026 10:05:00 GMT", Some(300)),
            ("Tue, 24 Nov 2026 09:00:00 GMT", Some(0)),
            ("", None),
            ("-5", None),
            ("soon", None),
            ("1.5", None),
        ];
        for (value, seconds) in table {
            let read = retry_after(value, now).map(|wait| wait.as_secs());
            assert_eq!(read, seconds, "{value:?}");
        }
    }

    #[test]
    fn the_text_is_a_sentence_and_short() {
        let reply = Reply::new(604, None, r#"{"Status":604,"Error":"gone"}"#);
        insta::assert_snapshot!(reply.text, @r#"OctoEverywhere answered 604 (App Connection revoked or expired, printer removed, or owner's account deleted): {"Status":604,"Error":"gone"}"#);
        assert_eq!(
            Reply::new(502, None, " \n").text,
            "OctoEverywhere answered 502 (server error)"
        );
        assert_eq!(Reply::new(200, None, "{}").text, "{}");
        let long = Reply::new(200, None, &"ü".repeat(1000));
        assert_eq!(long.text.chars().count(), MAX_TEXT + 1);
    }
}

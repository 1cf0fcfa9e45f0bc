//! What an answer means: the table of codes in `octoeverywhere.md`.

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

/// OctoEverywhere's answer to a call, as the state machine and as the operator want it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceResponse {
    /// What it means.
    pub class: ResponseClass,
    /// Its HTTP status; none after a timeout or without a connection.
    pub code: Option<u16>,
    /// A sentence, with what OctoEverywhere said; never a token.
    pub message: String,
}

/// What OctoEverywhere's answer, or its absence, means (`octoeverywhere.md`, "Error codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResponseClass {
    /// 200: done.
    Applied,
    /// Not now: 413, 429, 431, 5xx, 600, 601, 602, an unknown 6xx, a timeout, no connection.
    Temporary {
        /// Who is at fault; a run stops after 20 faults of the service in a row.
        fault: Fault,
        /// How long OctoEverywhere asks to wait (`Retry-After`).
        retry_after: Option<SignedDuration>,
    },
    /// 605: the owner is no longer a supporter.
    Suspended,
    /// 400, 401, 603, 604 or 606. Believed only when it is repeated.
    Refused,
}

/// Whose fault a temporary answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// OctoEverywhere's, so every other call would fail too: timeouts, no connection, 5xx, 600.
    Service,
    /// This registration's own: its printer is offline (601, 602), it calls too often (429), or its token is longer than a
    /// server in front of the service takes for now (413, 431).
    Registration,
}

/// The longest text that is kept of an error, in characters: enough for an operator, little enough for a table row.
const MAX_TEXT: usize = 300;

/// Reads an answer. On success the message is the answer's body, else a sentence that says what was wrong.
pub fn answered(status: u16, retry_after: Option<SignedDuration>, body: &str) -> ServiceResponse {
    let class = classify(status, retry_after);
    let body = body.trim();
    let message = match (class, meaning(status)) {
        (ResponseClass::Applied, _) => body.to_owned(),
        (_, meaning) if body.is_empty() => format!("OctoEverywhere answered {status} ({meaning})"),
        (_, meaning) => format!("OctoEverywhere answered {status} ({meaning}): {}", shorten(body)),
    };
    ServiceResponse {
        class,
        code: Some(status),
        message,
    }
}

/// There was no answer, because of `cause`.
pub fn unanswered(cause: &str) -> ServiceResponse {
    ServiceResponse {
        class: ResponseClass::Temporary {
            fault: Fault::Service,
            retry_after: None,
        },
        code: None,
        message: format!("OctoEverywhere could not be reached: {}", shorten(cause)),
    }
}

/// Error codes are real statuses in the 600s, above anything that `http` calls an error, so each is named here. Existing
/// codes never change and new ones may come, so what isn't known is temporary.
fn classify(status: u16, retry_after: Option<SignedDuration>) -> ResponseClass {
    let fault = match status {
        200 => return ResponseClass::Applied,
        605 => return ResponseClass::Suspended,
        400 | 401 | 603 | 604 | 606 => return ResponseClass::Refused,
        413 | 429 | 431 | 601.. => Fault::Registration,
        // 5xx and 600 are trouble by name; redirects, other successes and other 4xx come from something in front of the
        // service (a proxy, a firewall, a maintenance page), which treats all of our calls alike.
        _ => Fault::Service,
    };
    ResponseClass::Temporary { fault, retry_after }
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "no AppToken, or a bad request",
        401 => "not authorized",
        413 => "the request is too long",
        429 => "too many requests",
        431 => "the request's headers are too long",
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
pub fn retry_after(value: &str, now: Timestamp) -> Option<SignedDuration> {
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

    fn temporary(fault: Fault) -> ResponseClass {
        ResponseClass::Temporary {
            fault,
            retry_after: None,
        }
    }

    #[test]
    fn every_code_means_what_octoeverywhere_says() {
        let table = [
            (ResponseClass::Applied, &[200][..]),
            (ResponseClass::Refused, &[400, 401, 603, 604, 606]),
            (ResponseClass::Suspended, &[605]),
            (
                temporary(Fault::Service),
                &[
                    100, 201, 202, 204, 299, 301, 302, 308, 402, 403, 404, 410, 499, 500, 502, 503, 599, 600,
                ],
            ),
            (
                temporary(Fault::Registration),
                &[
                    413, 429, 431, 601, 602, 607, 608, 609, 610, 611, 612, 613, 614, 699, 700, 999,
                ],
            ),
        ];
        for (class, codes) in table {
            for &code in codes {
                assert_eq!(classify(code, None), class, "{code}");
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
    fn the_message_is_a_sentence_and_short() {
        let message = |status, body: &str| answered(status, None, body).message;
        insta::assert_snapshot!(message(604, r#"{"Status":604,"Error":"gone"}"#), @r#"OctoEverywhere answered 604 (App Connection revoked or expired, printer removed, or owner's account deleted): {"Status":604,"Error":"gone"}"#);
        assert_eq!(message(502, " \n"), "OctoEverywhere answered 502 (server error)");
        assert_eq!(message(200, "{}"), "{}");
        let long = message(500, &"ü".repeat(1000));
        assert_eq!(long.chars().filter(|c| *c == 'ü').count(), MAX_TEXT);
    }
}

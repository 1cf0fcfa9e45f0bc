//! What an answer means: the table of codes in `octoeverywhere.md`.

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use crate::registration::Reply;
use crate::renewal::{Answer, Fault};

/// The longest text that is kept of an error, in characters: enough for an operator, little enough for a table row.
const MAX_TEXT: usize = 300;

/// Reads an answer. On success the message is the answer's body, else a sentence that says what was wrong.
pub(super) fn answered(status: u16, retry_after: Option<SignedDuration>, body: &str) -> Reply {
    let answer = classify(status, retry_after);
    let body = body.trim();
    let message = match (answer, meaning(status)) {
        (Answer::Applied, _) => body.to_owned(),
        (_, meaning) if body.is_empty() => format!("OctoEverywhere answered {status} ({meaning})"),
        (_, meaning) => format!("OctoEverywhere answered {status} ({meaning}): {}", shorten(body)),
    };
    Reply {
        answer,
        code: Some(status),
        message,
    }
}

/// There was no answer, because of `cause`.
pub(super) fn unanswered(cause: &str) -> Reply {
    Reply {
        answer: Answer::Temporary {
            fault: Fault::Service,
            retry_after: None,
        },
        code: None,
        message: format!("OctoEverywhere could not be reached: {}", shorten(cause)),
    }
}

/// Error codes are real statuses in the 600s, above anything that `http` calls an error, so each is named here. Existing
/// codes never change and new ones may come, so what isn't known is temporary.
fn classify(status: u16, retry_after: Option<SignedDuration>) -> Answer {
    let fault = match status {
        200 => return Answer::Applied,
        605 => return Answer::Suspended,
        400 | 401 | 603 | 604 | 606 => return Answer::Refused,
        429 | 601.. => Fault::Registration,
        // 5xx and 600 are trouble by name; redirects, other successes and other 4xx come from something in front of the
        // service (a proxy, a firewall, a maintenance page), which treats all of our calls alike.
        _ => Fault::Service,
    };
    Answer::Temporary { fault, retry_after }
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

    fn temporary(fault: Fault) -> Answer {
        Answer::Temporary {
            fault,
            retry_after: None,
        }
    }

    #[test]
    fn every_code_means_what_octoeverywhere_says() {
        let table = [
            (Answer::Applied, &[200][..]),
            (Answer::Refused, &[400, 401, 603, 604, 606]),
            (Answer::Suspended, &[605]),
            (
                temporary(Fault::Service),
                &[
                    100, 201, 202, 204, 299, 301, 302, 308, 402, 403, 404, 410, 499, 500, 502, 503, 599, 600,
                ],
            ),
            (
                temporary(Fault::Registration),
                &[429, 601, 602, 607, 608, 609, 610, 611, 612, 613, 614, 699, 700, 999],
            ),
        ];
        for (answer, codes) in table {
            for &code in codes {
                assert_eq!(classify(code, None), answer, "{code}");
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

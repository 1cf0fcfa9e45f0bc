//! What an answer means: the table of codes in `octoeverywhere.md`.

mod body;

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

/// OctoEverywhere's answer to a call, as the state machine and as the operator want it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceResponse {
    /// What it means.
    pub class: ResponseClass,
    /// Its status: of HTTP, or the error code in the body of a success; none after a timeout or without a connection.
    pub code: Option<u16>,
    /// A sentence, with what OctoEverywhere said; never a token.
    pub message: String,
}

/// Which call was answered. The same status means another thing to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// SetNotificationWebhook.
    Set,
    /// DeleteNotificationWebhook: what isn't there any more needs no deletion.
    Delete,
    /// TestWebhook and info, which answer with a body of their own: a `Status` there is our URL's, or the printer's.
    Test,
}

/// What OctoEverywhere's answer, or its absence, means (`octoeverywhere.md`, "Error codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResponseClass {
    /// 200–299: done. Of a DELETE also 404, 410, 603, 604 and 606: it is gone.
    Applied,
    /// Not now: any other 4xx, 5xx, 600, 601, 602, an unknown 6xx, a redirect, an HTML page, a timeout, no connection.
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
    /// A refusal that would be believed by now, but for a run in which over half of the answers are refusals: that is the
    /// service's mistake, or ours, and no news about this App Connection. See [`Belief`].
    Doubtful,
}

/// Whose fault a temporary answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// OctoEverywhere's, so every other call would fail too: no connection, a redirect, an HTML page, 5xx, 600.
    Service,
    /// OctoEverywhere's too: the call was sent and no answer came. **It may have been carried out.**
    Silence,
    /// This registration's own: its printer is offline (601, 602), it calls too often (429), its token is longer than a
    /// server in front of the service takes for now (413, 431), or it isn't found or let in (other 4xx).
    Registration,
}

impl Fault {
    /// Whether every other call would fail too.
    pub fn is_of_the_service(self) -> bool {
        matches!(self, Self::Service | Self::Silence)
    }
}

/// Whether a refusal that was repeated often enough is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Belief {
    /// It is about this registration.
    Believe,
    /// Nearly everybody is refused: it is [`ResponseClass::Doubtful`].
    Doubt,
}

/// The longest text that is kept of an error, in characters: enough for an operator, little enough for a table row.
const MAX_TEXT: usize = 300;

/// What is on the way when a page comes where the service's own answer should.
const PAGE: &str = "an HTML page, so from something in front of the service";

/// Reads an answer. On success the message is the answer's body, else a sentence that says what was wrong.
///
/// A body that breaks off is taken as far as it goes: the status is the answer.
pub fn answered(
    api: Api,
    status: u16,
    retry_after: Option<SignedDuration>,
    content_type: Option<&str>,
    body: &str,
) -> ServiceResponse {
    let is_read = matches!(status, 200..300) && api != Api::Test;
    let is_page = is_read && body::is_page(content_type, body);
    let code = Some(status)
        .filter(|_| is_read && !is_page)
        .and_then(|_| body::error_code(body))
        .unwrap_or(status);
    let class = if is_page {
        ResponseClass::Temporary {
            fault: Fault::Service,
            retry_after,
        }
    } else {
        classify(api, code, retry_after)
    };
    let body = body.trim();
    let message = if class == ResponseClass::Applied {
        body.to_owned()
    } else {
        let meaning = if is_page { PAGE } else { meaning(code) };
        let answer = if code == status {
            format!("OctoEverywhere answered {status} ({meaning})")
        } else {
            format!("OctoEverywhere answered {status}, but {code} in its body ({meaning})")
        };
        match body {
            "" => answer,
            _ => format!("{answer}: {}", shorten(body)),
        }
    };
    ServiceResponse {
        class,
        code: Some(code),
        message,
    }
}

/// Nothing was sent, because of `cause`: it is certain that the call wasn't carried out.
pub fn unreached(cause: &str) -> ServiceResponse {
    silent(
        Fault::Service,
        format!("OctoEverywhere could not be reached: {}", shorten(cause)),
    )
}

/// The call was sent, and there was no answer, because of `cause`.
pub fn unanswered(cause: &str) -> ServiceResponse {
    silent(
        Fault::Silence,
        format!(
            "OctoEverywhere was called and did not answer, so it may have done it: {}",
            shorten(cause)
        ),
    )
}

fn silent(fault: Fault, message: String) -> ServiceResponse {
    ServiceResponse {
        class: ResponseClass::Temporary {
            fault,
            retry_after: None,
        },
        code: None,
        message,
    }
}

/// Error codes are real statuses in the 600s, above anything that `http` calls an error, so each is named here. Existing
/// codes never change and new ones may come, so what isn't known is temporary.
fn classify(api: Api, code: u16, retry_after: Option<SignedDuration>) -> ResponseClass {
    let fault = match code {
        200..300 => return ResponseClass::Applied,
        404 | 410 | 603 | 604 | 606 if api == Api::Delete => return ResponseClass::Applied,
        400 | 401 | 603 | 604 | 606 => return ResponseClass::Refused,
        605 => return ResponseClass::Suspended,
        400..500 | 601.. => Fault::Registration,
        // Trouble by name, or from something in front of the service (a proxy, a firewall), which treats all of our calls
        // alike.
        _ => Fault::Service,
    };
    ResponseClass::Temporary { fault, retry_after }
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "no AppToken, or a bad request",
        401 => "not authorized",
        402 => "payment required",
        403 => "forbidden",
        404 => "not found",
        410 => "gone",
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

    const APIS: [Api; 3] = [Api::Set, Api::Delete, Api::Test];

    fn temporary(fault: Fault) -> ResponseClass {
        ResponseClass::Temporary {
            fault,
            retry_after: None,
        }
    }

    fn class(api: Api, status: u16, content_type: Option<&str>, body: &str) -> ResponseClass {
        answered(api, status, None, content_type, body).class
    }

    #[test]
    fn every_code_means_what_octoeverywhere_says() {
        const OWN: ResponseClass = ResponseClass::Temporary {
            fault: Fault::Registration,
            retry_after: None,
        };
        let table = [
            // Set, Delete, Test
            ([ResponseClass::Applied; 3], &[200, 201, 202, 204, 206, 299][..]),
            ([ResponseClass::Refused; 3], &[400, 401]),
            (
                [ResponseClass::Refused, ResponseClass::Applied, ResponseClass::Refused],
                &[603, 604, 606],
            ),
            ([OWN, ResponseClass::Applied, OWN], &[404, 410]),
            ([ResponseClass::Suspended; 3], &[605]),
            (
                [temporary(Fault::Service); 3],
                &[100, 103, 199, 300, 301, 302, 307, 308, 399, 500, 502, 503, 599, 600],
            ),
            (
                [OWN; 3],
                &[
                    402, 403, 405, 407, 408, 409, 411, 413, 418, 422, 429, 431, 451, 499, 601, 602, 607, 608, 609, 610,
                    611, 612, 613, 614, 699, 700, 999,
                ],
            ),
        ];
        for (classes, codes) in table {
            for &code in codes {
                for (api, expected) in APIS.into_iter().zip(classes) {
                    assert_eq!(class(api, code, None, ""), expected, "{api:?} {code}");
                    // In the body of a success it is the same, but for those whose bodies are their own.
                    let body = format!(r#"{{"Status":{code},"Error":"x"}}"#);
                    let expected = if api == Api::Test {
                        ResponseClass::Applied
                    } else {
                        expected
                    };
                    assert_eq!(
                        class(api, 200, Some("application/json"), &body),
                        expected,
                        "{api:?} {body}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_page_is_no_success() {
        let pages = [
            (Some("text/html"), "<h1>Back soon</h1>"),
            (Some("Text/HTML; charset=utf-8"), "\n<!-- x --><p>x"),
            (Some(" application/xhtml+xml ;q=1"), "<?xml version=\"1.0\"?>"),
            (None, "<!doctype html><title>x</title>"),
            (Some("text/plain"), "\u{FEFF} \r\n<!DOCTYPE HTML PUBLIC"),
            (Some("application/json"), "\n\u{FEFF}<HTML lang=en>"),
            (None, "<html"),
        ];
        for (content_type, body) in pages {
            for api in [Api::Set, Api::Delete] {
                for status in [200, 204, 299] {
                    let class = class(api, status, content_type, body);
                    assert_eq!(class, temporary(Fault::Service), "{content_type:?} {body:?}");
                }
                // Other statuses say enough.
                assert_eq!(class(api, 605, content_type, body), ResponseClass::Suspended);
                assert_eq!(class(api, 403, content_type, body), temporary(Fault::Registration));
            }
            assert_eq!(class(Api::Test, 200, content_type, body), ResponseClass::Applied);
        }
        for (content_type, body) in [
            (Some("text/html"), ""),
            (Some("text/html"), "ok"),
            (Some("text/html"), r#"{"Status":200}"#),
            (None, ""),
            (None, "OK"),
            (Some("text/plain"), "an <html> page"),
            (Some("text/htmlx"), "<"),
            (Some("application/xml"), "<ok/>"),
            (Some("äöü"), "<htm"),
            (None, "<!doctype xml>"),
        ] {
            let class = class(Api::Set, 200, content_type, body);
            assert_eq!(class, ResponseClass::Applied, "{content_type:?} {body:?}");
        }
    }

    #[test]
    fn an_error_code_in_the_body_of_a_success_counts() {
        let errors = [
            (r#"{"Status":604}"#, 604),
            (r#"{"status":404}"#, 404),
            (r#"{"Error":"x","STATUS":"605"}"#, 605),
            (r#"{"Status":" 500 "}"#, 500),
            (r#"{"Status":604.0}"#, 604),
            (r#"{"Status":"604.0"}"#, 604),
            (" \r\n\u{FEFF}{\"Status\":302}\n", 302),
            (r#"{"Status":200,"status":603}"#, 603),
            (r#"{"Status":604,"Status":200}"#, 200),
            (r#"{"Sta\u0074us":604}"#, 604),
            // What a connection that breaks, or our own limit, leaves of a longer one.
            (r#"{"Status":604,"Error":"a long st"#, 604),
            (r#"{"Status":604"#, 604),
        ];
        for (body, code) in errors {
            assert_eq!(answered(Api::Set, 200, None, None, body).code, Some(code), "{body}");
        }
        for body in [
            "",
            "604",
            "null",
            r#""604""#,
            r#"[{"Status":604}]"#,
            "{}",
            r#"{"Result":{"Status":604}}"#,
            r#"{"Status":200}"#,
            r#"{"Status":"204"}"#,
            r#"{"Status":0}"#,
            r#"{"Status":1}"#,
            r#"{"Status":99}"#,
            r#"{"Status":1000}"#,
            r#"{"Status":-604}"#,
            r#"{"Status":604.5}"#,
            r#"{"Status":1e300}"#,
            r#"{"Status":99999999999999999999999999}"#,
            r#"{"Status":"not well"}"#,
            r#"{"Status":""}"#,
            r#"{"Status":"NaN"}"#,
            r#"{"Status":null}"#,
            r#"{"Status":true}"#,
            r#"{"Status":[604]}"#,
            r#"{"Status":{"Status":604}}"#,
            r#"{"StatusCode":604}"#,
            r#"{"Status":604 and so on"#,
            r#"{"Status":604}}"#,
        ] {
            let response = answered(Api::Set, 200, None, None, body);
            let expected = (ResponseClass::Applied, Some(200), body.to_owned());
            assert_eq!((response.class, response.code, response.message), expected);
        }
        // An error stays what it is.
        assert_eq!(class(Api::Set, 604, None, r#"{"Status":200}"#), ResponseClass::Refused);
    }

    #[test]
    fn no_answer_may_be_a_call_that_was_carried_out() {
        let (unreached, unanswered) = (unreached("refused"), unanswered("no answer in time"));
        assert_eq!(unreached.class, temporary(Fault::Service));
        assert_eq!(unanswered.class, temporary(Fault::Silence));
        assert_eq!((unreached.code, unanswered.code), (None, None));
        insta::assert_snapshot!(unreached.message, @"OctoEverywhere could not be reached: refused");
        insta::assert_snapshot!(unanswered.message, @"OctoEverywhere was called and did not answer, so it may have done it: no answer in time");
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
        let message = |status, body: &str| answered(Api::Set, status, None, None, body).message;
        insta::assert_snapshot!(message(604, r#"{"Status":604,"Error":"gone"}"#), @r#"OctoEverywhere answered 604 (App Connection revoked or expired, printer removed, or owner's account deleted): {"Status":604,"Error":"gone"}"#);
        insta::assert_snapshot!(message(200, r#"{"Status":500,"Error":"oops"}"#), @r#"OctoEverywhere answered 200, but 500 in its body (server error): {"Status":500,"Error":"oops"}"#);
        insta::assert_snapshot!(message(200, "<html>soon"), @"OctoEverywhere answered 200 (an HTML page, so from something in front of the service): <html>soon");
        assert_eq!(message(502, " \n"), "OctoEverywhere answered 502 (server error)");
        assert_eq!(message(200, "{}"), "{}");
        for status in [500, 200] {
            let long = format!(r#"{{"Status":500,"Error":"{}"}}"#, "ü".repeat(1000));
            let length = message(status, &long).chars().count();
            assert!((MAX_TEXT..MAX_TEXT + 100).contains(&length), "{length}");
        }
    }
}

//! What OctoEverywhere sends: a JSON object of which keys are never removed and to which new ones are added over time
//! (`octoeverywhere.md`). So it is not taken apart into fields and put together again, which would cost what isn't
//! known here, the digits of numbers and the order of the keys: it is cut into members that stay as they were written.

use std::borrow::Cow;

use thiserror::Error;

use super::event::EventType;
use super::outcome::{Cause, Outcome};
use crate::json::{self, Members, NotMembers};

/// The longest body that is published, in bytes: half of what SNS takes (256 KiB), so that the rest of the message always
/// fits; a real notification has less than 2 KiB.
pub const MAX_LENGTH: usize = 128 * 1024;

/// The key that the user may have set at OctoEverywhere to be recognised by; it goes nowhere from here.
const SECRET_KEY: &str = "SecretKey";

/// The longest id that is used for anything but passing it on, in bytes. OctoEverywhere's have 60 to 80 characters.
const MAX_ID_LENGTH: usize = 256;

/// Why a body is not a payload; says where, and nothing of what the body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotAnObject {
    /// Not UTF-8, the only encoding of JSON (RFC 8259).
    #[error("the body isn't text in UTF-8 (wrong at byte {0})")]
    NotUtf8(usize),
    /// Not JSON.
    #[error("the body isn't JSON (wrong near line {line}, column {column})")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1, in bytes.
        column: usize,
    },
    /// JSON, and another value.
    #[error("the body is JSON, but not an object")]
    OtherJson,
}

impl From<NotMembers> for NotAnObject {
    fn from(error: NotMembers) -> Self {
        match error {
            NotMembers::NotJson { line, column } => Self::NotJson { line, column },
            NotMembers::OtherJson => Self::OtherJson,
        }
    }
}

/// A notification's JSON object. Of the members that Printbell itself looks at, the last one counts if a key repeats.
#[derive(Debug, Default)]
pub struct Payload<'a> {
    /// What happened; `None` where there is no usable `EventType`.
    pub event_type: Option<EventType>,
    /// Which printer it is about: stable while the printer stays on the account.
    pub printer_id: Option<Cow<'a, str>>,
    /// Which print it is about; missing for what happens outside of one.
    pub print_id: Option<Cow<'a, str>>,
    /// Whether it is about a print at all: whose id may be one that no attribute can hold.
    is_of_print: bool,
    /// Whether the print has been going on for a while; outside of prints it hasn't.
    has_duration: bool,
    error: Option<Cause>,
    platform_error_code: Option<Cause>,
    /// All members less the secret key, in order.
    members: Vec<Member<'a>>,
}

/// A member of the object: key and value as they were written.
#[derive(Debug)]
struct Member<'a> {
    key: &'a str,
    value: &'a str,
    /// Whether it is a link, which is another one when the same notification is sent again.
    is_link: bool,
}

impl<'a> Payload<'a> {
    /// Reads a callback's body. Liberal in everything but being a JSON object; a byte order mark before it is ignored, as
    /// RFC 8259 allows.
    pub fn read(body: &'a [u8]) -> Result<Self, NotAnObject> {
        let text = std::str::from_utf8(body).map_err(|error| NotAnObject::NotUtf8(error.valid_up_to()))?;
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let Members(members) = Members::read(text)?;
        let mut payload = Self::default();
        for (key, value) in members {
            payload.take(key, value);
        }
        Ok(payload)
    }

    /// Appends the object: every value exactly as it was written, without the secret key.
    pub fn write_to(&self, json: &mut String) {
        write(json, self.members.iter());
    }

    /// The object without its links: the same each time that the notification is sent.
    pub fn lasting_data(&self) -> String {
        let length = |member: &Member<'_>| member.key.len() + member.value.len() + 2;
        let mut json = String::with_capacity(self.members.iter().map(length).sum::<usize>() + 2);
        write(&mut json, self.members.iter().filter(|member| !member.is_link));
        json
    }

    /// Whether a repeat of this notification can be told from another one that says the same. Outside of a print, two can
    /// be equal to the byte; and a test always says the same.
    pub fn identifies_itself(&self) -> bool {
        self.is_of_print && self.has_duration && self.event_type != Some(EventType::TEST)
    }

    /// How the print ended that this notification ends, if it ends one. `Error` has the word; the code counts where there
    /// is none.
    pub fn outcome(&self) -> Option<Outcome> {
        Outcome::of(self.event_type?, self.error.or(self.platform_error_code))
    }

    fn take(&mut self, key: &'a str, value: &'a str) {
        let name = json::name(key);
        match name.as_deref() {
            Some(SECRET_KEY) => return,
            Some("EventType") => self.event_type = json::whole_number(value).map(EventType),
            Some("PrinterId") => self.printer_id = id(value).filter(|id| can_be_attribute(id)),
            Some("PrintId") => {
                let id = id(value);
                self.is_of_print = id.is_some();
                self.print_id = id.filter(|id| can_be_attribute(id));
            }
            Some("DurationSec") => self.has_duration = json::number(value).is_some_and(|seconds| seconds > 0.0),
            Some("Error") => self.error = Cause::read(value),
            Some("PlatformErrorCode") => self.platform_error_code = Cause::read(value),
            _ => {}
        }
        let is_link = matches!(name.as_deref(), Some("SnapshotUrl" | "QuickViewUrl"));
        self.members.push(Member { key, value, is_link });
    }
}

fn write<'a>(json: &mut String, members: impl Iterator<Item = &'a Member<'a>>) {
    json.push('{');
    for (n, Member { key, value, .. }) in members.enumerate() {
        if n > 0 {
            json.push(',');
        }
        json.extend([key, ":", value]);
    }
    json.push('}');
}

/// Whether a text stands for one that isn't there. The plugin writes Python's `None` as `"None"` (`octoeverywhere.md`).
pub(super) fn is_filler(text: &str) -> bool {
    matches!(text, "" | "None")
}

fn id(written: &str) -> Option<Cow<'_, str>> {
    json::scalar(written).filter(|id| !is_filler(id))
}

/// Whether an id can go into the attributes of an event: it has a reasonable length, and no characters that CloudEvents or
/// XML forbid.
fn can_be_attribute(id: &str) -> bool {
    let usable = |c: char| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}');
    id.len() <= MAX_ID_LENGTH && id.chars().all(usable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn data(body: &str) -> String {
        let mut json = String::new();
        Payload::read(body.as_bytes()).unwrap().write_to(&mut json);
        json
    }

    #[test]
    fn values_stay_as_they_were_written() {
        let same = [
            "{}",
            r#"{"b":1,"a":2}"#,
            r#"{"n":1.0,"m":1e999,"o":-0.0,"p":123456789012345678901234567890.10,"q":1E+2}"#,
            r#"{"a":"\u00e9\/\ud800 \udc00\ud800","\ud800":"lone","A":"é"}"#,
            r#"{"a":1,"a":2,"a":3}"#,
            "{\"a\":{ \"SecretKey\" : 1,\n\"b\": [ 1 , 2.50 ] }}",
            "{\"a\":\"\u{FFFE}\u{7F}\"}",
        ];
        for body in same {
            assert_eq!(data(body), body);
        }
        assert_eq!(data(" {\r\n\"a\" : 1 ,\t\"b\":{ } } \n"), r#"{"a":1,"b":{ }}"#);
        assert_eq!(data("\u{FEFF}{}"), "{}");
    }

    #[test]
    fn the_secret_key_goes_nowhere() {
        let bodies = [
            r#"{"SecretKey":"s3cret","a":1}"#,
            r#"{"a":1,"SecretKey":{"b":"s3cret"}}"#,
            r#"{"SecretKey":"s3cret","a":1,"SecretKey":"s3cret"}"#,
            r#"{"Secret\u004bey":"s3cret","a":1,"\u0053\u0065cretKey":["s3cret"]}"#,
        ];
        for body in bodies {
            assert_eq!(data(body), r#"{"a":1}"#, "{body}");
        }
        assert_eq!(data(r#"{"SecretKey":""}"#), "{}");
    }

    #[test]
    fn deep_nesting_is_no_danger() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(60_000), "]".repeat(60_000));
        assert_eq!(data(&deep), deep);
    }

    #[test]
    fn numbers_come_in_every_form() {
        let table = [
            ("6", Some(6)),
            ("6.0", Some(6)),
            ("6e0", Some(6)),
            (r#""6""#, Some(6)),
            (r#"" 6.0 ""#, Some(6)),
            (r#""\u0036""#, Some(6)),
            ("-1", Some(-1)),
            ("65536", Some(65536)),
            ("6.5", None),
            ("1e300", None),
            ("1e999", None),
            (r#""NaN""#, None),
            (r#""inf""#, None),
            (r#""""#, None),
            ("null", None),
            ("true", None),
            ("[6]", None),
            (r#"{"a":6}"#, None),
        ];
        for (written, number) in table {
            let body = format!(r#"{{"EventType":{written}}}"#);
            let payload = Payload::read(body.as_bytes()).unwrap();
            assert_eq!(payload.event_type, number.map(EventType), "{written}");
        }
    }

    #[test]
    fn ids_are_texts_that_an_attribute_can_hold() {
        let long = format!("\"{}\"", "x".repeat(257));
        let table = [
            (r#""abc-1""#, Some("abc-1")),
            (r#""\u00fc""#, Some("ü")),
            ("42", Some("42")),
            ("4.20", Some("4.20")),
            (r#""""#, None),
            (r#""None""#, None),
            (r#""none""#, Some("none")),
            (r#""a\u0000b""#, None),
            (r#""a\ud800b""#, None),
            (r#""\uffff""#, None),
            (&long, None),
            ("null", None),
            ("{}", None),
        ];
        for (written, id) in table {
            let body = format!(r#"{{"PrinterId":{written},"PrintId":{written}}}"#);
            let payload = Payload::read(body.as_bytes()).unwrap();
            assert_eq!(payload.printer_id.as_deref(), id, "{written}");
            assert_eq!(payload.print_id.as_deref(), id, "{written}");
        }
    }

    #[test]
    fn what_is_no_object_is_named_without_its_contents() {
        let table: [(&[u8], &str); 11] = [
            (b"", "the body isn't JSON (wrong near line 1, column 0)"),
            (b"null", "the body is JSON, but not an object"),
            (b"[1]", "the body is JSON, but not an object"),
            (b"\"s3cret\"", "the body is JSON, but not an object"),
            (b"12", "the body is JSON, but not an object"),
            (b"1e999", "the body is JSON, but not an object"),
            (b"{\"a\":1", "the body isn't JSON (wrong near line 1, column 6)"),
            (b"{\"a\":01}", "the body isn't JSON (wrong near line 1, column 7)"),
            (b"{\"a\":\"\0\"}", "the body isn't JSON (wrong near line 1, column 6)"),
            (b"{}\n{}", "the body isn't JSON (wrong near line 2, column 1)"),
            (b"{\"a\":\"\xFF\"}", "the body isn't text in UTF-8 (wrong at byte 6)"),
        ];
        for (body, reason) in table {
            let error = Payload::read(body).unwrap_err().to_string();
            assert_eq!(error, reason, "{}", String::from_utf8_lossy(body));
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_less_the_secret_key(members in prop::collection::vec(
            (prop_oneof!["[A-Za-z]{0,3}", Just("SecretKey".to_owned())], any::<f64>().prop_map(Value::from)), 0..6))
        {
            let texts: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
            let kept: Vec<_> = members.iter().zip(&texts)
                .filter(|((key, _), _)| key != "SecretKey").map(|(_, text)| text.as_str()).collect();
            prop_assert_eq!(data(&format!("{{{}}}", texts.join(","))), format!("{{{}}}", kept.join(",")));
        }
    }
}

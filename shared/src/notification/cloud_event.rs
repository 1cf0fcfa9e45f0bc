//! A CloudEvents 1.0 event in its JSON form, written around data that stays as it is.
//!
//! (`cloudevents-sdk` would parse the data and write it anew, and with that lose digits and order.)

use jiff::Timestamp;

use crate::id::RegistrationKey;
use crate::metadata::Metadata;
use crate::notification::outcome::Outcome;

/// An event, as it is sent to the topic.
#[derive(Debug)]
pub struct CloudEvent<'a> {
    /// Names this event: two events with one id (and source) are the same event.
    pub id: &'a str,
    /// What it is about, as a URI.
    pub source: &'a str,
    /// What happened: a reverse-DNS name.
    pub kind: &'a str,
    /// What it is about within the source.
    pub subject: Option<&'a str>,
    /// When it happened, or was received.
    pub time: Timestamp,
    /// Which registration it belongs to.
    pub registration: &'a RegistrationKey,
    /// How the print ended, where it did.
    pub outcome: Option<Outcome>,
    /// The app's own pairs.
    pub metadata: &'a Metadata,
}

impl CloudEvent<'_> {
    /// The event in JSON, with characters only that XML 1.0 allows, which is all that SNS and SQS carry. `write_data`
    /// appends the data: one JSON value.
    pub fn to_json(&self, data_length: usize, write_data: impl FnOnce(&mut String)) -> String {
        const ENVELOPE: usize = 1024;
        let mut json = String::with_capacity(ENVELOPE + data_length);
        json.push_str(r#"{"specversion":"1.0""#);
        let mut member = |name: &str, value: &str| {
            json.push_str(",\"");
            json.push_str(name);
            json.push_str("\":");
            push_string(&mut json, value);
        };
        member("id", self.id);
        member("source", self.source);
        member("type", self.kind);
        if let Some(subject) = self.subject {
            member("subject", subject);
        }
        member("time", &rfc3339(self.time));
        member("datacontenttype", "application/json");
        member("tenantid", self.registration.tenant.as_str());
        member("printerref", self.registration.printer.as_str());
        if let Some(outcome) = self.outcome {
            member("outcome", outcome.as_str());
        }
        for (name, value) in self.metadata.iter() {
            member(name, value);
        }
        json.push_str(",\"data\":");
        write_data(&mut json);
        json.push('}');
        only_xml_characters(json)
    }
}

/// A time as it is told everywhere: RFC 3339, UTC, milliseconds.
pub fn rfc3339(time: Timestamp) -> String {
    format!("{time:.3}")
}

fn push_string(json: &mut String, text: &str) {
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        json.extend(["\"", text, "\""]);
    } else {
        json.push_str(&serde_json::to_string(text).unwrap_or_default()); // a string can't fail
    }
}

/// Writes U+FFFE and U+FFFF, the only characters that can stand in a JSON text and not in XML 1.0, as escapes. They can
/// stand only within strings, where an escape says the same.
pub fn only_xml_characters(json: String) -> String {
    if json.contains(['\u{FFFE}', '\u{FFFF}']) {
        json.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff")
    } else {
        json
    }
}

//! The JSON of what waits in a queue and isn't an event yet.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::body::Body;
use super::{Callback, Letter};
use crate::id::RegistrationKey;
use crate::metadata::Metadata;
use crate::notification::cloud_event::only_xml_characters;
use crate::notification::message::{Arrival, Origin};
use crate::notification::payload;

#[derive(Serialize, Deserialize)]
struct Unverified {
    received: Timestamp,
    request: String,
    query: Bytes,
    #[serde(flatten)]
    body: KeptBody,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Quarantined {
    reason: String,
    tenant_id: String,
    printer_ref: String,
    metadata: BTreeMap<String, String>,
    received: Timestamp,
    request: String,
    #[serde(flatten)]
    body: KeptBody,
}

/// A body, or its beginning.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptBody {
    body: Bytes,
    /// How many bytes came, where that is more than are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_length: Option<usize>,
}

impl From<&Body> for KeptBody {
    fn from(body: &Body) -> Self {
        let body_length = match body {
            Body::Whole(_) => None,
            Body::Cut { length, .. } => Some(*length),
        };
        Self {
            body: Bytes::new(body.bytes()),
            body_length,
        }
    }
}

impl KeptBody {
    fn into_body(self) -> Option<Body> {
        let bytes = self.body.into_vec()?;
        Some(match self.body_length {
            None => Body::Whole(bytes),
            Some(length) => Body::Cut {
                beginning: bytes,
                length,
            },
        })
    }
}

/// Bytes as a text where a person can read them; never longer than base64 would be, so that it is known what fits into a
/// queue message.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Bytes {
    Text(String),
    Base64 { base64: String },
}

impl Bytes {
    fn new(bytes: &[u8]) -> Self {
        /// By how much base64 makes it longer: 4 for 3.
        const LIMIT: (usize, usize) = (4, 3);
        match std::str::from_utf8(bytes) {
            // Nobody reads more than could have been published.
            Ok(text) if text.len() <= payload::MAX_LENGTH && json_length(text) * LIMIT.1 <= text.len() * LIMIT.0 => {
                Self::Text(text.to_owned())
            }
            _ => Self::Base64 {
                base64: STANDARD.encode(bytes),
            },
        }
    }

    fn into_vec(self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.into_bytes()),
            Self::Base64 { base64 } => STANDARD.decode(base64).ok(),
        }
    }
}

/// How long a text is within a JSON string that keeps to the characters of XML 1.0.
fn json_length(text: &str) -> usize {
    let length = |c| match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{C}' => 2,
        '\0'..'\u{20}' | '\u{FFFE}' | '\u{FFFF}' => 6,
        c => c.len_utf8(),
    };
    text.chars().map(length).sum()
}

fn to_json(waiting: &impl Serialize) -> String {
    only_xml_characters(serde_json::to_string(waiting).unwrap_or_default()) // texts and times: can't fail
}

pub(super) fn unverified(callback: &Callback) -> String {
    to_json(&Unverified {
        received: callback.arrival.received,
        request: callback.arrival.request_id.clone(),
        query: Bytes::new(&callback.query),
        body: KeptBody::from(&callback.body),
    })
}

pub(super) fn read_unverified(json: &str) -> Option<Callback> {
    let waiting: Unverified = serde_json::from_str(json).ok()?;
    Some(Callback {
        query: waiting.query.into_vec()?,
        body: waiting.body.into_body()?,
        arrival: Arrival {
            received: waiting.received,
            request_id: waiting.request,
        },
    })
}

pub(super) fn quarantined(origin: &Origin, callback: &Callback, reason: &str) -> String {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    to_json(&Quarantined {
        reason: reason.to_owned(),
        tenant_id: origin.registration.tenant.to_string(),
        printer_ref: origin.registration.printer.to_string(),
        metadata: origin.metadata.iter().map(owned).collect(),
        received: callback.arrival.received,
        request: callback.arrival.request_id.clone(),
        body: KeptBody::from(&callback.body),
    })
}

pub(super) fn read_quarantined(json: &str) -> Option<Letter> {
    let waiting: Quarantined = serde_json::from_str(json).ok()?;
    let mut metadata = Metadata::default();
    for (name, value) in &waiting.metadata {
        metadata.insert(name, value).ok()?;
    }
    let registration = RegistrationKey {
        tenant: waiting.tenant_id.try_into().ok()?,
        printer: waiting.printer_ref.try_into().ok()?,
    };
    let arrival = Arrival {
        received: waiting.received,
        request_id: waiting.request,
    };
    Some(Letter::Quarantined {
        origin: Origin { registration, metadata },
        callback: Callback {
            query: Vec::new(),
            body: waiting.body.into_body()?,
            arrival,
        },
        reason: waiting.reason,
    })
}

/// The id of a finished event.
pub(super) fn event_id(json: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Event {
        id: String,
    }
    serde_json::from_str::<Event>(json).ok().map(|event| event.id)
}

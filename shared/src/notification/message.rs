//! The message that goes to the SNS topic for a notification: a CloudEvents event, and attributes to filter by.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use percent_encoding::utf8_percent_encode;
use thiserror::Error;

use crate::callback::URI_COMPONENT;
use crate::id::RegistrationKey;
use crate::metadata::Metadata;
use crate::notification::cloud_event::CloudEvent;
use crate::notification::event::{EventType, Severity, TYPE_PREFIX};
use crate::notification::identity::notification_id;
use crate::notification::payload::{NotAnObject, Payload};

/// The longest message, with its attributes, in bytes: what SNS takes, less some room for what a queue adds when the
/// message has to wait there.
pub const MAX_SIZE: usize = 255 * 1024;

/// The numbers that a filter policy can match (SNS's documentation, "Filter policy constraints").
const FILTERABLE_NUMBERS: RangeInclusive<i64> = -1_000_000_000..=1_000_000_000;

/// What the `source` of a notification begins with; the printer's id follows.
const SOURCE: &str = "https://octoeverywhere.com/printers/";

/// Who an authenticated callback is for, and the app's own pairs that came with it. Only what has one is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The registration whose token was shown.
    pub registration: RegistrationKey,
    /// The app's own pairs.
    pub metadata: Metadata,
}

/// When and as what a callback was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When it came.
    pub received: Timestamp,
    /// The request's id, which AWS gives to no other: the API's where there is one, else the invocation's.
    pub request_id: String,
}

/// A message for the topic, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The event's id.
    pub id: String,
    /// The event in JSON.
    pub body: String,
    /// Up to ten attributes: with more, SQS queues that subscribed with raw delivery get nothing at all.
    pub attributes: Vec<Attribute>,
}

/// A message attribute. Nothing secret goes here: SNS encrypts no attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its data type: `String` or `Number`.
    pub data_type: Cow<'static, str>,
    /// Its value, which is never empty.
    pub value: String,
}

impl Attribute {
    /// An attribute of type `String`.
    pub fn string(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            data_type: "String".into(),
            value: value.into(),
        }
    }

    /// An attribute of type `Number`.
    pub fn number(name: &'static str, value: i64) -> Self {
        Self {
            name: name.into(),
            data_type: "Number".into(),
            value: value.to_string(),
        }
    }
}

/// Why an authentic callback can't be published, ever. It is kept for a person to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unpublishable {
    /// Its body is no payload.
    #[error(transparent)]
    NotAnObject(#[from] NotAnObject),
    /// SNS's limit. (A body of up to 128 KiB gets there by characters that have to be escaped.)
    #[error("the finished message has {0} bytes, and SNS takes 256 KiB at most")]
    TooLarge(usize),
}

impl Message {
    /// The message for an authentic callback.
    pub fn for_callback(origin: &Origin, body: &[u8], arrival: &Arrival) -> Result<Self, Unpublishable> {
        let payload = Payload::read(body)?;
        let id = notification_id(&origin.registration, &payload, &arrival.request_id);
        let printer = payload.printer_id.as_deref().unwrap_or_default();
        let event = payload
            .event_type
            .map_or(Cow::Borrowed("event.unknown"), EventType::name);
        let cloud_event = CloudEvent {
            id: &id,
            source: &format!("{SOURCE}{}", utf8_percent_encode(printer, URI_COMPONENT)),
            kind: &format!("{TYPE_PREFIX}{event}"),
            subject: payload.print_id.as_deref(),
            time: arrival.received,
            registration: &origin.registration,
            outcome: payload.outcome(),
            metadata: &origin.metadata,
        };
        let message = Self {
            body: cloud_event.to_json(body.len(), |json| payload.write_to(json)),
            attributes: attributes(origin, &payload, &event),
            id,
        };
        match message.size() {
            0..=MAX_SIZE => Ok(message),
            size => Err(Unpublishable::TooLarge(size)),
        }
    }

    /// What SNS and SQS count: the text, and name, type and value of each attribute.
    pub fn size(&self) -> usize {
        let attribute = |a: &Attribute| a.name.len() + a.data_type.len() + a.value.len();
        self.body.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }
}

fn attributes(origin: &Origin, payload: &Payload<'_>, event: &str) -> Vec<Attribute> {
    let Origin { registration, .. } = origin;
    let outcome = payload.outcome();
    let severity = payload
        .event_type
        .map_or(Severity::Info, |event_type| event_type.severity(outcome));
    [
        Some(Attribute::string("tenantId", registration.tenant.as_str())),
        Some(Attribute::string("printerRef", registration.printer.as_str())),
        payload
            .printer_id
            .as_deref()
            .map(|id| Attribute::string("printerId", id)),
        payload
            .event_type
            .filter(|EventType(number)| FILTERABLE_NUMBERS.contains(number))
            .map(|EventType(number)| Attribute::number("eventType", number)),
        Some(Attribute::string("event", event)),
        outcome.map(|outcome| Attribute::string("outcome", outcome.as_str())),
        Some(Attribute::string("severity", severity.as_str())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests;

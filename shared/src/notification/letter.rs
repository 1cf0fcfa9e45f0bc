//! What leaves the receiver, and the form that it has while it waits in a queue.
//!
//! A queue message says by its attribute `printbell` what it is:
//!
//! | `printbell` | body | what redrive does |
//! |---|---|---|
//! | `notification` | the finished event; its attributes are the queue message's too | publishes it |
//! | `unverified` | JSON: a callback that came while there were no keys, token and all; in the dead-letter queue with the reason | authenticates it, then as for a new one |
//! | `quarantined` | JSON: an authentic callback that can't be published, and the reason | tries to read it again |
//! | `unreadable` | a queue message that is none of these, as it was | puts it back into the dead-letter queue |
//!
//! All but notifications say by an attribute `reason` why they aren't one. So whatever Printbell puts into the dead-letter
//! queue tells a person why it is there.

pub mod body;
mod wire;

use std::borrow::Cow;

use crate::callback::query::Query;
use crate::id::RegistrationKey;
use crate::notification::identity::{notification_id, unreadable_id};
use crate::notification::message::{Arrival, Attribute, Message, Origin};
use crate::notification::payload::{self, Payload};
use body::Body;

/// The attribute that says what a queue message is.
const KIND: &str = "printbell";
/// The attribute that says why a queue message is no notification, or not yet.
const REASON: &str = "reason";

/// Why a callback waits unverified.
const UNVERIFIED: &str = "it came while the callback keys could not be read; once it is redriven, its token is checked";
/// SQS's limit of a message.
const MAX_ATTRIBUTES: usize = 10;

/// Something that must become durable before the sender may be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Letter {
    /// A finished notification.
    Notification(Message),
    /// A callback that could not be authenticated yet.
    Unverified(Callback),
    /// A callback that can't be authenticated any more: one for a person to look at. It waits as what it was, so that it is
    /// authenticated again after a redrive of the dead-letter queue.
    Unverifiable {
        /// The callback, token and all.
        callback: Callback,
        /// Why it can't be authenticated.
        reason: String,
    },
    /// An authentic callback that can't be published: one for a person to look at.
    Quarantined {
        /// Who it is for.
        origin: Origin,
        /// The callback; its query is not kept.
        callback: Callback,
        /// Why it can't be published.
        reason: String,
    },
    /// A queue message that Printbell didn't write.
    Unreadable {
        /// Its text.
        body: String,
        /// Its attributes.
        attributes: Vec<Attribute>,
        /// What is wrong with it.
        reason: String,
    },
}

/// A callback as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    /// The raw query. A secret: it holds the token.
    pub query: Vec<u8>,
    /// The body.
    pub body: Body,
    /// When and as what it came.
    pub arrival: Arrival,
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callback")
            .field("receipt", &self.arrival)
            .finish_non_exhaustive()
    }
}

impl Letter {
    /// An authentic callback: a notification, or one for the quarantine.
    pub fn authentic(origin: Origin, callback: Callback) -> Self {
        match message(&origin, &callback) {
            Ok(message) => Self::Notification(message),
            Err(reason) => Self::Quarantined {
                origin,
                callback,
                reason,
            },
        }
    }

    /// The id that the event has, or will have; empty where there is no event.
    pub fn id(&self) -> String {
        let later = |registration: &RegistrationKey, callback: &Callback| {
            let request_id = &callback.arrival.request_id;
            match Payload::read(callback.body.bytes()) {
                Ok(payload) => notification_id(registration, &payload, request_id),
                Err(_) => unreadable_id(registration, callback.body.bytes(), request_id),
            }
        };
        match self {
            Self::Notification(message) => message.id.clone(),
            Self::Quarantined { origin, callback, .. } => later(&origin.registration, callback),
            Self::Unverified(callback) | Self::Unverifiable { callback, .. } => Query::read(&callback.query)
                .claim
                .map(|claim| later(&claim.registration, callback))
                .unwrap_or_default(),
            Self::Unreadable { .. } => String::new(),
        }
    }

    /// The queue message: its text and its attributes.
    pub fn to_queue(&self) -> (Cow<'_, str>, Vec<Attribute>) {
        match self {
            Self::Notification(message) => {
                let mut attributes = message.attributes.clone();
                attributes.push(Attribute::string(KIND, "notification"));
                (Cow::Borrowed(&message.body), attributes)
            }
            Self::Unverified(callback) => (
                wire::unverified(callback).into(),
                explained(Vec::new(), "unverified", UNVERIFIED),
            ),
            Self::Unverifiable { callback, reason } => (
                wire::unverified(callback).into(),
                explained(Vec::new(), "unverified", reason),
            ),
            Self::Quarantined {
                origin,
                callback,
                reason,
            } => (
                wire::quarantined(origin, callback, reason).into(),
                explained(Vec::new(), "quarantined", reason),
            ),
            Self::Unreadable {
                body,
                attributes,
                reason,
            } => (Cow::Borrowed(body), explained(attributes.clone(), "unreadable", reason)),
        }
    }

    /// Reads a queue message.
    pub fn from_queue(body: String, mut attributes: Vec<Attribute>) -> Self {
        let kind = attributes.iter().find(|attribute| attribute.name == KIND);
        let letter = match kind.map(|kind| kind.value.as_str()) {
            Some("notification") => wire::event_id(&body).map(|id| {
                attributes.retain(|attribute| !is_ours(attribute));
                let (body, attributes) = (body.clone(), std::mem::take(&mut attributes));
                Self::Notification(Message { id, body, attributes })
            }),
            Some("unverified") => wire::read_unverified(&body).map(Self::Unverified),
            Some("quarantined") => wire::read_quarantined(&body),
            _ => {
                let reason = "the attribute `printbell` doesn't say what this message is".to_owned();
                return Self::Unreadable {
                    body,
                    attributes,
                    reason,
                };
            }
        };
        letter.unwrap_or_else(|| Self::Unreadable {
            body,
            attributes,
            reason: "the text isn't what the attribute `printbell` says it is".to_owned(),
        })
    }
}

/// The notification that a callback is, or why it is none.
fn message(origin: &Origin, callback: &Callback) -> Result<Message, String> {
    match &callback.body {
        Body::Whole(body) if body.len() <= payload::MAX_LENGTH => {
            Message::for_callback(origin, body, &callback.arrival).map_err(|reason| reason.to_string())
        }
        body => Err(format!(
            "the body has {} bytes, and at most {} are published",
            body.length(),
            payload::MAX_LENGTH
        )),
    }
}

/// Whether an attribute is about how the message waits, and not of the message itself.
fn is_ours(attribute: &Attribute) -> bool {
    attribute.name == KIND || attribute.name == REASON
}

/// The attributes of what is no notification, beside those that it had. The reason is one of ours, so SQS takes it.
fn explained(mut attributes: Vec<Attribute>, kind: &str, reason: &str) -> Vec<Attribute> {
    attributes.retain(|attribute| !is_ours(attribute));
    attributes.truncate(MAX_ATTRIBUTES - 2);
    attributes.extend([Attribute::string(KIND, kind), Attribute::string(REASON, reason)]);
    attributes
}

#[cfg(test)]
mod tests;

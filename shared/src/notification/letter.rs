//! What leaves the receiver, and the form that it has while it waits in a queue.
//!
//! A queue message says by its attribute `printbell` what it is:
//!
//! | `printbell` | body | what redrive does |
//! |---|---|---|
//! | `notification` | the finished event; its attributes are the queue message's too | publishes it |
//! | `unverified` | JSON: a callback that came while there were no keys, token and all | authenticates it, then as for a new one |
//! | `quarantined` | JSON: an authentic callback that can't be published, and the reason | tries to read it again |
//! | `unreadable` | a queue message that is none of these, as it was | puts it back into the dead-letter queue |

mod wire;

use std::borrow::Cow;

use crate::callback::query::Query;
use crate::id::RegistrationKey;
use crate::notification::identity::{notification_id, unreadable_id};
use crate::notification::message::{Arrival, Attribute, Message, Origin};
use crate::notification::payload::Payload;

/// The attribute that says what a queue message is.
const KIND: &str = "printbell";
/// The attribute that says why a queue message is in the dead-letter queue.
const REASON: &str = "reason";

/// Something that must become durable before the sender may be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Letter {
    /// A finished notification.
    Notification(Message),
    /// A callback that could not be authenticated yet.
    Unverified(Callback),
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
    pub body: Vec<u8>,
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
        match Message::for_callback(&origin, &callback.body, &callback.arrival) {
            Ok(message) => Self::Notification(message),
            Err(reason) => Self::Quarantined {
                origin,
                callback,
                reason: reason.to_string(),
            },
        }
    }

    /// The id that the event has, or will have; empty where there is no event.
    pub fn id(&self) -> String {
        let later = |registration: &RegistrationKey, callback: &Callback| {
            let request_id = &callback.arrival.request_id;
            match Payload::read(&callback.body) {
                Ok(payload) => notification_id(registration, &payload, request_id),
                Err(_) => unreadable_id(registration, &callback.body, request_id),
            }
        };
        match self {
            Self::Notification(message) => message.id.clone(),
            Self::Quarantined { origin, callback, .. } => later(&origin.registration, callback),
            Self::Unverified(callback) => Query::read(&callback.query)
                .claim
                .map(|claim| later(&claim.registration, callback))
                .unwrap_or_default(),
            Self::Unreadable { .. } => String::new(),
        }
    }

    /// The queue message: its text and its attributes.
    pub fn to_queue(&self) -> (Cow<'_, str>, Vec<Attribute>) {
        let kind = |kind| vec![Attribute::string(KIND, kind)];
        match self {
            Self::Notification(message) => {
                let mut attributes = message.attributes.clone();
                attributes.push(Attribute::string(KIND, "notification"));
                (Cow::Borrowed(&message.body), attributes)
            }
            Self::Unverified(callback) => (wire::unverified(callback).into(), kind("unverified")),
            Self::Quarantined {
                origin,
                callback,
                reason,
            } => (wire::quarantined(origin, callback, reason).into(), kind("quarantined")),
            Self::Unreadable {
                body,
                attributes,
                reason,
            } => {
                let mut attributes = attributes.clone();
                attributes.retain(|attribute| attribute.name != KIND && attribute.name != REASON);
                attributes.truncate(8); // SQS takes ten
                attributes.extend([Attribute::string(KIND, "unreadable"), Attribute::string(REASON, reason)]);
                (Cow::Borrowed(body), attributes)
            }
        }
    }

    /// Reads a queue message.
    pub fn from_queue(body: String, mut attributes: Vec<Attribute>) -> Self {
        let kind = attributes.iter().find(|attribute| attribute.name == KIND);
        let letter = match kind.map(|kind| kind.value.as_str()) {
            Some("notification") => wire::event_id(&body).map(|id| {
                attributes.retain(|attribute| attribute.name != KIND);
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

#[cfg(test)]
mod tests;

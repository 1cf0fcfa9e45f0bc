//! What came of each notification, and the record of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event_type::EventType;
use super::ids::PrinterId;

/// One notification and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Counts up from 1 in the order in which it was known what came of them; 1 again after a reset.
    pub id: u64,
    /// Whose notification.
    pub printer_id: PrinterId,
    /// The payload's `EventType`, where it has a usable one.
    pub event_type: Option<EventType>,
    /// When it was fired, in the simulator's time.
    pub at: Timestamp,
    /// The body that was to be sent; what isn't UTF-8 in it is shown as U+FFFD.
    pub body: String,
    /// What came of it.
    #[serde(flatten)]
    pub end: DeliveryEnd,
}

impl Delivery {
    /// The status that the webhook answered, if it did.
    pub fn status(&self) -> Option<u16> {
        match self.end {
            DeliveryEnd::Answered { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Whether the webhook took it: answered 200 in time.
    pub fn succeeded(&self) -> bool {
        self.end.succeeded()
    }
}

/// What came of a notification. Times are real milliseconds from the start of the delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "end")]
pub enum DeliveryEnd {
    /// The webhook answered. Anything but 200 counts as a failure.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body (OctoEverywhere ignores it), as text, up to 64 KiB.
        answer: String,
        /// How long it took.
        ms: u64,
    },
    /// No whole answer within the delivery timeout.
    TimedOut {
        /// How long it was given.
        ms: u64,
    },
    /// The connection failed or broke.
    Unreachable {
        /// In which way.
        reason: String,
        /// How long it took.
        ms: u64,
    },
    /// It was never sent.
    NotSent {
        /// Why not.
        reason: NotSentReason,
    },
}

impl DeliveryEnd {
    pub(crate) fn succeeded(&self) -> bool {
        matches!(self, Self::Answered { status: 200, .. })
    }
}

/// Why a notification wasn't sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NotSentReason {
    /// There is none set for this printer.
    NoWebhook,
    /// It was set more than 180 days ago.
    Expired,
    /// Too many deliveries in a row failed.
    Disabled,
    /// Its filter doesn't name the event.
    Filtered,
}

/// Part of the record of deliveries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliveryPage {
    /// Oldest first.
    pub items: Vec<Delivery>,
    /// What to ask for `after` next time.
    pub next: u64,
}

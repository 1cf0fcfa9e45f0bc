//! What came of each notification, and the record of it.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{EventType, PrinterId};

/// How many deliveries are kept to look at.
pub const DELIVERIES_KEPT: usize = 10_000;

/// One notification and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Counts up from 1 in the order in which the outcomes were known; 1 again after a reset.
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
    pub outcome: Outcome,
}

impl Delivery {
    /// The status that the webhook answered, if it did.
    pub fn status(&self) -> Option<u16> {
        match self.outcome {
            Outcome::Answered { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Whether the webhook took it: answered 200 in time.
    pub fn succeeded(&self) -> bool {
        self.outcome.succeeded()
    }
}

/// What came of a notification. Times are real milliseconds from the start of the delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "outcome")]
pub enum Outcome {
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
        reason: NotSent,
    },
}

impl Outcome {
    pub(crate) fn succeeded(&self) -> bool {
        matches!(self, Self::Answered { status: 200, .. })
    }
}

/// Why a notification wasn't sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NotSent {
    /// There is none set for this printer.
    NoWebhook,
    /// It was set more than 180 days ago.
    Expired,
    /// Too many deliveries in a row failed.
    Disabled,
    /// Its filter doesn't name the event.
    Filtered,
}

/// The newest deliveries.
#[derive(Debug, Default)]
pub(crate) struct DeliveryLog {
    newest: VecDeque<Delivery>,
    last_id: u64,
}

impl DeliveryLog {
    /// Numbers the delivery and keeps it.
    pub(crate) fn record(&mut self, mut delivery: Delivery) -> Delivery {
        self.last_id += 1;
        delivery.id = self.last_id;
        if self.newest.len() == DELIVERIES_KEPT {
            self.newest.pop_front();
        }
        self.newest.push_back(delivery.clone());
        delivery
    }

    /// Those numbered above `after`, oldest first.
    pub(crate) fn after(&self, after: u64) -> Vec<Delivery> {
        let first_kept = self.last_id - self.newest.len() as u64;
        let skip = after.saturating_sub(first_kept).try_into().unwrap_or(usize::MAX);
        self.newest.iter().skip(skip).cloned().collect()
    }

    pub(crate) fn last_id(&self) -> u64 {
        self.last_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_deliveries_are_kept_and_found_by_number() {
        let outcome = Outcome::NotSent {
            reason: NotSent::NoWebhook,
        };
        let printer_id = PrinterId::new("p1");
        let at = Timestamp::UNIX_EPOCH;
        let delivery = Delivery {
            id: 0,
            printer_id,
            event_type: None,
            at,
            body: String::new(),
            outcome,
        };
        let mut log = DeliveryLog::default();
        assert_eq!((log.after(0), log.after(9), log.last_id()), (vec![], vec![], 0));
        for _ in 0..DELIVERIES_KEPT + 20 {
            log.record(delivery.clone());
        }
        let last = DELIVERIES_KEPT as u64 + 20;
        assert_eq!(log.last_id(), last);
        for (after, first, count) in [
            (0, Some(21), DELIVERIES_KEPT),
            (20, Some(21), DELIVERIES_KEPT),
            (21, Some(22), DELIVERIES_KEPT - 1),
            (last - 1, Some(last), 1),
            (last, None, 0),
            (u64::MAX, None, 0),
        ] {
            let found = log.after(after);
            assert_eq!(
                (found.first().map(|delivery| delivery.id), found.len()),
                (first, count),
                "after {after}"
            );
        }
    }
}

//! What happened to a printer's webhook: the calls about it, and the times when it was dead.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Route;
use crate::webhook::{Standing, Webhook};

/// How many calls of each printer are kept to look at; the figures of [`History`] cover all of them.
pub const CALLS_KEPT: usize = 1_000;

/// One call of the API with a printer's token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    /// Which one.
    pub route: Route,
    /// When it had been read, in the simulator's time.
    pub at: Timestamp,
    /// The status answered; `None` when the caller got no answer or didn't wait for it.
    pub status: Option<u16>,
    /// Whether the work was done, whatever the caller was told.
    pub applied: bool,
}

/// Figures over everything that happened to a printer's webhook since the printer was issued.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Set calls that took effect.
    pub sets: u64,
    /// Delete calls that took effect.
    pub deletes: u64,
    /// The longest time from one Set that took effect to the next; 0 before the second.
    pub longest_gap_seconds: i64,
    /// The most Set and Delete calls that were under way at once; above 1, two callers were at it together.
    pub max_calls_in_flight: u32,
    /// Whether notifications would have got lost at any time from the first Set on, a Delete aside.
    pub ever_inactive: bool,
    /// The times when the webhook was set but dead, and that a later Set ended.
    pub lapses: Vec<Lapse>,
}

/// A time when the webhook was dead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lapse {
    /// Why.
    pub cause: Standing,
    /// The expiry, or the delivery that failed once too often.
    pub from: Timestamp,
    /// The Set that ended it.
    pub until: Timestamp,
}

/// Keeps a printer's [`History`] and its newest calls.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    figures: History,
    last_set: Option<Timestamp>,
    in_flight: u32,
    calls: VecDeque<CallRecord>,
}

impl Chronicle {
    pub(crate) fn call_began(&mut self, route: Route) {
        if route.changes_the_webhook() {
            self.in_flight += 1;
            self.figures.max_calls_in_flight = self.figures.max_calls_in_flight.max(self.in_flight);
        }
    }

    pub(crate) fn call_ended(&mut self, record: CallRecord) {
        if record.route.changes_the_webhook() {
            self.in_flight -= 1;
        }
        if self.calls.len() == CALLS_KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(record);
    }

    pub(crate) fn was_set(&mut self, replaced: Option<&Webhook>, now: Timestamp) {
        self.figures.sets += 1;
        if let Some(last) = self.last_set.replace(now) {
            let gap = now.duration_since(last).as_secs();
            self.figures.longest_gap_seconds = self.figures.longest_gap_seconds.max(gap);
        }
        if let Some((cause, from)) = replaced.and_then(|webhook| webhook.dead_since(now)) {
            self.figures.lapses.push(Lapse {
                cause,
                from,
                until: now,
            });
            self.figures.ever_inactive = true;
        }
    }

    pub(crate) fn was_deleted(&mut self, webhook: &Webhook, now: Timestamp) {
        self.figures.deletes += 1;
        self.last_set = None;
        self.look_at(Some(webhook), now);
    }

    /// Notes a webhook that is dead now, before the clock moves (perhaps back, to when it was alive).
    pub(crate) fn look_at(&mut self, webhook: Option<&Webhook>, now: Timestamp) {
        self.figures.ever_inactive |= webhook.is_some_and(|webhook| webhook.dead_since(now).is_some());
    }

    pub(crate) fn sets(&self) -> u64 {
        self.figures.sets
    }

    pub(crate) fn figures(&self, webhook: Option<&Webhook>, now: Timestamp) -> History {
        let dead = webhook.is_some_and(|webhook| webhook.dead_since(now).is_some());
        History {
            ever_inactive: self.figures.ever_inactive || dead,
            ..self.figures.clone()
        }
    }

    pub(crate) fn calls(&self) -> Vec<CallRecord> {
        self.calls.iter().cloned().collect()
    }
}

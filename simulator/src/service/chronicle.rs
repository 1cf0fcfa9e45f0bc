//! What happened to a printer's webhook: the calls about it, and the times when it was dead.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::webhook::Webhook;
use crate::wire::history::{CallRecord, History, Lapse};
use crate::wire::route::Route;

/// How many calls of each printer are kept to look at; the figures of [`History`] cover all of them.
pub const CALLS_KEPT: usize = 1_000;

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

    pub(crate) fn was_set(&mut self, old: Option<&Webhook>, now: Timestamp) {
        self.figures.sets += 1;
        if let Some(last) = self.last_set.replace(now) {
            let gap = now.duration_since(last).as_secs();
            self.figures.longest_gap_seconds = self.figures.longest_gap_seconds.max(gap);
        }
        if let Some((cause, from)) = old.and_then(|webhook| webhook.dead_since(now)) {
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

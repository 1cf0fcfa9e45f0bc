//! The rules for one webhook: how long it lives, what its filter lets through, and what disables it.

use jiff::{SignedDuration, Timestamp};

use super::webhook_url::WebhookUrl;
use crate::wire::delivery::{DeliveryEnd, NotSentReason};
use crate::wire::event_type::EventType;
use crate::wire::registration::Standing;

/// How long a webhook stays active after a successful Set (the specification page: 180 days).
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(180 * 24);

/// More failures in a row than this disable the webhook (the page's draft of 2026-06-14: "more than 5 in a row").
pub const FAILURES_BORNE: u32 = 5;

/// What one Set call says; the next one overwrites all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) url: WebhookUrl,
    /// Empty for all events.
    pub(crate) filter: Vec<EventType>,
}

/// A webhook since its last Set.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) parameters: Parameters,
    pub(crate) set_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) failures_in_a_row: u32,
    disabled_at: Option<Timestamp>,
}

impl Webhook {
    pub(crate) fn new(parameters: Parameters, now: Timestamp) -> Self {
        let expires_at = now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX);
        Self {
            parameters,
            set_at: now,
            expires_at,
            failures_in_a_row: 0,
            disabled_at: None,
        }
    }

    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        self.dead_since(now).map_or(Standing::Active, |(cause, _)| cause)
    }

    /// Since when, and why first, no notification goes out.
    pub(crate) fn dead_since(&self, now: Timestamp) -> Option<(Standing, Timestamp)> {
        let disabled = self.disabled_at.map(|at| (Standing::Disabled, at));
        let expired = (self.expires_at <= now).then_some((Standing::Expired, self.expires_at));
        disabled.into_iter().chain(expired).min_by_key(|&(_, since)| since)
    }

    /// Why no notification at all may be sent now, if so.
    pub(crate) fn closed(&self, now: Timestamp) -> Option<NotSentReason> {
        match self.standing(now) {
            Standing::Active => None,
            Standing::Expired => Some(NotSentReason::Expired),
            Standing::Disabled => Some(NotSentReason::Disabled),
        }
    }

    /// Whether the filter lets this event through. One without a usable type is none that a filter could name.
    pub(crate) fn wants(&self, event: Option<EventType>) -> bool {
        let filter = &self.parameters.filter;
        filter.is_empty() || event.is_some_and(|event| filter.contains(&event))
    }

    /// Takes note of how a delivery went.
    pub(crate) fn delivered(&mut self, end: &DeliveryEnd, now: Timestamp) {
        if end.succeeded() {
            self.failures_in_a_row = 0;
            return;
        }
        self.failures_in_a_row += 1;
        if self.failures_in_a_row > FAILURES_BORNE {
            self.disabled_at.get_or_insert(now);
        }
    }
}

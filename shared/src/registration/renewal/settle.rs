//! What an answer means.

use jiff::SignedDuration;

use super::backoff::honoured;
use super::{
    Call, CallKind, EpochSeconds, KeyHash, REFUSALS_SPAN, REFUSALS_TO_BELIEVE, Refusals, Renewal, Slot, Status,
    StatusChange,
};
use crate::registration::service_response::ResponseClass;

/// What to do after a call. `R` is the row: a [`Renewal`], or a whole registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement<R> {
    /// Write this row. If it has an announcement, publish that, then write [`Renewal::published`].
    Write(R, Effect),
    /// Remove the row (on condition of its revision, like any write).
    Remove(Effect),
    /// The wish was changed during the call, and the lease is still the caller's: apply the new wish at once
    /// ([`Renewal::call`]), or, without the time for that, [`Renewal::release`] it.
    Changed,
    /// Somebody else took over, or the row isn't there any more. Write nothing.
    Lost,
}

impl<R> Settlement<R> {
    /// The same settlement for another kind of row.
    pub fn map<S>(self, into: impl FnOnce(R, Effect) -> S) -> Settlement<S> {
        match self {
            Self::Write(row, effect) => Settlement::Write(into(row, effect), effect),
            Self::Remove(effect) => Settlement::Remove(effect),
            Self::Changed => Settlement::Changed,
            Self::Lost => Settlement::Lost,
        }
    }
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// OctoEverywhere holds the present wish.
    Renewed,
    /// It will be tried again.
    Temporary,
    /// The owner is no longer a supporter; it will be tried again.
    Suspended,
    /// Refused, and not believed yet: it will be tried again.
    Refused,
    /// Refused for good: the previous wish is back, and due at once so that OctoEverywhere surely holds it.
    Restored,
    /// Refused for good: not called any more.
    Revoked,
    /// Deleted at OctoEverywhere, or gone there.
    Deleted,
    /// A new registration that was refused in its own PUT is gone.
    Withdrawn,
}

impl Renewal {
    /// What to write after OctoEverywhere answered `call`; `self` is the row as it was leased, or, if writing that failed its
    /// condition, as it was read afresh.
    pub fn settle(&self, slot: Slot, call: &Call, class: &ResponseClass, now: EpochSeconds) -> Settlement<Self> {
        if let Some(moot) = self.moot(call) {
            return moot;
        }
        let key = slot.key;
        let mut row = self.next();
        row.lease = None;
        let effect = match (class, call.kind) {
            (ResponseClass::Applied, CallKind::Set) => row.renewed(slot, call),
            (ResponseClass::Applied, CallKind::Delete) => return Settlement::Remove(Effect::Deleted),
            (ResponseClass::Temporary { retry_after, .. }, _) => row.failed(key, *retry_after, now),
            (ResponseClass::Suspended, _) => row.suspended(key, now),
            (ResponseClass::Refused, kind) if row.believes_another_refusal(now) => match kind {
                CallKind::Delete => return Settlement::Remove(Effect::Deleted),
                CallKind::Set => row.refused_for_good(now),
            },
            (ResponseClass::Refused, _) => row.refused(key, now),
        };
        let is_news = row.status != self.status && row.status != Status::Deleting;
        if is_news {
            row.status_change = Some(StatusChange {
                status: row.status,
                at: now,
            });
            row.lease = self.lease;
        }
        Settlement::Write(row, effect)
    }

    /// What to write after OctoEverywhere refused a PUT in the PUT's own call, which the app is told as `422`: the row is
    /// again what `existing`, the row that the PUT found, was; a new row is removed.
    pub fn withdraw(&self, call: &Call, existing: Option<&Self>, now: EpochSeconds) -> Settlement<Self> {
        if let Some(moot) = self.moot(call) {
            return moot;
        }
        let Some(existing) = existing else {
            return Settlement::Remove(Effect::Withdrawn);
        };
        let mut row = self.next();
        row.lease = None;
        row.attempts = existing.attempts;
        row.refusals = existing.refusals;
        row.previous_status = existing.previous_status;
        row.go_back(existing.status, now);
        Settlement::Write(row, Effect::Restored)
    }

    /// What to do with an answer that says nothing about the present wish, or that isn't the caller's to write down.
    fn moot(&self, call: &Call) -> Option<Settlement<Self>> {
        match () {
            () if !self.is_held_by(call.lease) => Some(Settlement::Lost),
            () if self.version != call.version => Some(Settlement::Changed),
            () => None,
        }
    }

    fn renewed(&mut self, slot: Slot, call: &Call) -> Effect {
        let next = slot.next(call.started);
        let reapply = self.reapply.filter(|at| *at > call.started);
        self.status = Status::Active;
        self.applied = Some(call.version);
        self.renewed_at = Some(call.started);
        self.due = Some(reapply.map_or(next, |at| at.min(next)));
        self.attempts = 0;
        self.refusals = None;
        self.previous_status = None;
        self.reapply = None;
        Effect::Renewed
    }

    fn failed(&mut self, key: KeyHash, retry_after: Option<SignedDuration>, now: EpochSeconds) -> Effect {
        self.attempts = self.attempts.saturating_add(1);
        let wait = retry_after.map_or_else(|| key.retry_delay(self.attempts), honoured);
        self.due = Some(now + wait);
        Effect::Temporary
    }

    /// A 605 also says that the App Connection exists: earlier refusals are disproved.
    fn suspended(&mut self, key: KeyHash, now: EpochSeconds) -> Effect {
        if self.status != Status::Deleting {
            self.status = Status::Suspended;
        }
        self.attempts = self.attempts.saturating_add(1);
        self.refusals = None;
        self.due = Some(now + key.suspended_delay(self.attempts, now, self.expires_at()));
        Effect::Suspended
    }

    fn refused(&mut self, key: KeyHash, now: EpochSeconds) -> Effect {
        let first = self.refusals.map_or(now, |refusals| refusals.first);
        let count = self.refusals.map_or(0, |refusals| refusals.count).saturating_add(1);
        self.refusals = Some(Refusals { count, first });
        self.failed(key, None, now);
        Effect::Refused
    }

    fn believes_another_refusal(&self, now: EpochSeconds) -> bool {
        self.refusals
            .is_some_and(|earlier| earlier.count + 1 >= REFUSALS_TO_BELIEVE && now - earlier.first >= REFUSALS_SPAN)
    }

    fn refused_for_good(&mut self, now: EpochSeconds) -> Effect {
        self.attempts = 0;
        self.refusals = None;
        match self.previous_status.take() {
            None => {
                self.status = Status::Revoked;
                self.due = None;
                self.reapply = None;
                Effect::Revoked
            }
            Some(status) => {
                let is_live = !matches!(status, Status::Revoked | Status::Deleting);
                // A live one may have become suspended since.
                self.go_back(if is_live { self.status } else { status }, now);
                Effect::Restored
            }
        }
    }

    /// To the earlier wish, which OctoEverywhere is asked to confirm at once, unless it was revoked already.
    fn go_back(&mut self, status: Status, now: EpochSeconds) {
        self.status = status;
        self.version += 1;
        self.due = (status != Status::Revoked).then_some(now);
    }
}

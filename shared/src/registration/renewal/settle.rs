//! What an answer means.

use jiff::SignedDuration;

use super::backoff::honoured;
use super::{
    Call, CallKind, Clearing, EpochSeconds, KeyHash, LIFETIME, MAX_CLOCK_SKEW, News, REFUSALS_SPAN,
    REFUSALS_TO_BELIEVE, Refusals, Renewal, Slot, Status,
};
use crate::registration::service_response::{Fault, ResponseClass};

/// What to do after a call. `R` is the row: a [`Renewal`], or a whole registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement<R> {
    /// Write this row. The lease stays while there is more to call, or something to announce.
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
    /// The webhook of an old token is deleted.
    Cleared,
    /// It will be tried again.
    Temporary,
    /// The owner is no longer a supporter; it will be tried again.
    Suspended,
    /// Refused, and not believed yet: it will be tried again.
    Refused,
    /// Refused for good: the previous wish is back, and due at once so that OctoEverywhere surely holds it.
    Restored,
    /// Refused for good, with nothing to go back to.
    Revoked,
    /// Deleted at OctoEverywhere, or gone there.
    Deleted,
    /// A new registration that was refused in its own PUT is gone.
    Withdrawn,
}

impl Renewal {
    /// What to write after OctoEverywhere answered `call`; `self` is the row as it was leased, or, if writing that failed its
    /// condition, as it was read afresh. `old_tokens`: how many old tokens' webhooks are to be deleted once the call was done.
    pub fn settle(
        &self,
        slot: Slot,
        call: &Call,
        class: &ResponseClass,
        old_tokens: u8,
        now: EpochSeconds,
    ) -> Settlement<Self> {
        if let Some(moot) = self.moot(call) {
            return moot;
        }
        let key = slot.key;
        let mut row = self.next();
        row.lease = None;
        let believes = self.believes_another_refusal(now);
        let effect = match (class, call.kind) {
            (ResponseClass::Applied, CallKind::Set) => row.renewed(slot, call, old_tokens, now),
            (ResponseClass::Applied, CallKind::Clear) => row.cleared(old_tokens, now),
            (ResponseClass::Applied, CallKind::Delete) => return Settlement::Remove(Effect::Deleted),
            (_, CallKind::Delete) if self.is_past_expiry(now) => return Settlement::Remove(Effect::Deleted),
            (ResponseClass::Refused, CallKind::Delete) if believes => return Settlement::Remove(Effect::Deleted),
            (ResponseClass::Refused, CallKind::Set) if believes => row.refused_for_good(now),
            (ResponseClass::Refused | ResponseClass::Doubtful, CallKind::Set | CallKind::Delete) => {
                row.refused(key, now)
            }
            (ResponseClass::Suspended, CallKind::Set | CallKind::Delete) => row.suspended(key, now),
            (ResponseClass::Temporary { retry_after, .. }, _) => row.failed(key, *retry_after, now),
            (_, CallKind::Clear) => row.failed(key, None, now),
        };
        row.note_what_may_be(call, class);
        row.note_the_time(key, self.status, now);
        if row.status != self.status
            && let Some(news) = News::of(row.status)
            && row.status_change == self.status_change
        {
            row.announce(news, now);
        }
        let has_news = row.status_change.is_some_and(|change| change.due <= now);
        let goes_on = matches!(effect, Effect::Renewed | Effect::Cleared) && row.is_due_to_holder(now);
        if has_news || goes_on {
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
        row.old_tokens = existing.old_tokens;
        row.applied = existing.applied;
        row.renewed_at = existing.renewed_at;
        // What others may have set meanwhile is as doubtful as before.
        row.set_at = self.set_at.max(existing.set_at);
        row.lapsed_at = existing.lapsed_at;
        row.go_back(existing.status, existing.due, now);
        Settlement::Write(row, Effect::Restored)
    }

    /// What to do with an answer that says nothing about the present wish, or that isn't the caller's to write down.
    fn moot(&self, call: &Call) -> Option<Settlement<Self>> {
        match () {
            () if !self.is_held_by(call.lease) => Some(Settlement::Lost),
            () if self.version != call.version => Some(Settlement::Changed),
            // This very answer was written down already: its token has gone back.
            () if self.status == Status::Replaced => Some(Settlement::Changed),
            () => None,
        }
    }

    /// A success: due at its slot, or at once if there are old tokens whose webhooks are to be deleted.
    fn renewed(&mut self, slot: Slot, call: &Call, old_tokens: u8, now: EpochSeconds) -> Effect {
        let next = slot.next(call.started);
        // Within the skew nobody can tell which came first.
        let reapply = self.reapply.filter(|at| *at + MAX_CLOCK_SKEW >= call.started);
        let is_back = self.lapsed_at.take().is_some();
        let is_wanted = matches!(self.status, Status::Pending | Status::Active | Status::Suspended);
        if is_back || is_wanted && self.is_past_expiry(call.started) {
            // Whoever wasn't told that it lapsed hears both, in that order.
            let news = if is_back { News::Active } else { News::Lapsed };
            self.lapsed_at = (!is_back).then_some(call.started);
            self.announce(news, now);
        }
        self.status = Status::Active;
        self.applied = Some(call.version);
        self.renewed_at = Some(call.started);
        self.set_at = None;
        self.due = Some(reapply.map_or(next, |at| at.min(next)));
        // After a call for an old token that failed, this success was only to make sure of the present one: the next failure is
        // one more in a row.
        if self.clearing != Clearing::NeedsSet || old_tokens == 0 {
            self.attempts = 0;
        }
        self.refusals = None;
        self.previous_status = None;
        self.reapply = None;
        self.old_tokens = old_tokens;
        self.clearing = Clearing::Rests;
        if old_tokens > 0 {
            self.clearing = Clearing::IsNext;
            self.due = Some(now);
        }
        Effect::Renewed
    }

    /// An old token's webhook is gone, and maybe the present one with it.
    fn cleared(&mut self, old_tokens: u8, now: EpochSeconds) -> Effect {
        self.old_tokens = old_tokens;
        self.clearing = Clearing::NeedsSet;
        self.attempts = 0;
        self.due = Some(now);
        Effect::Cleared
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

    /// Whether one more refusal would be believed.
    pub fn believes_another_refusal(&self, now: EpochSeconds) -> bool {
        self.status != Status::Revoked
            && self
                .refusals
                .is_some_and(|earlier| earlier.count + 1 >= REFUSALS_TO_BELIEVE && now - earlier.first >= REFUSALS_SPAN)
    }

    /// What a row that was accepted with a `202` is told: that the change is refused, and that it is revoked if there is nothing
    /// to go back to.
    fn refused_for_good(&mut self, now: EpochSeconds) -> Effect {
        // A row by hand was accepted by nobody, and a wish that was confirmed before is no change.
        let is_change = self.version > 0 && (self.previous_status.is_some() || self.applied.is_none());
        let is_untold = self.status_change.is_some();
        if is_change {
            self.announce(News::Refused, now);
        }
        match self.previous_status.take() {
            None => {
                let (count, first) = self
                    .refusals
                    .map_or((0, now), |refusals| (refusals.count, refusals.first));
                self.refusals = Some(Refusals {
                    count: count.saturating_add(1),
                    first,
                });
                self.attempts = self.attempts.saturating_add(1);
                self.status = Status::Revoked;
                self.reapply = None;
                Effect::Revoked
            }
            Some(status) => {
                self.attempts = 0;
                self.refusals = None;
                let is_live = !matches!(status, Status::Revoked | Status::Replaced | Status::Deleting);
                let status = match is_live {
                    // What wasn't told is told when it has become so again.
                    true if is_untold => Status::Pending,
                    // It may have become suspended since.
                    true => self.status,
                    false => status,
                };
                self.go_back(status, None, now);
                Effect::Restored
            }
        }
    }

    /// To the earlier wish, which OctoEverywhere is asked to confirm at once, unless it was revoked or replaced already: then it
    /// is due as it was.
    fn go_back(&mut self, status: Status, due: Option<EpochSeconds>, now: EpochSeconds) {
        self.status = status;
        self.version += 1;
        self.clearing = Clearing::Rests;
        self.due = match status {
            Status::Revoked | Status::Replaced => due,
            Status::Pending | Status::Active | Status::Suspended | Status::Deleting => Some(now),
        };
    }

    /// What OctoEverywhere may have done though it didn't say so: then a webhook is there for 180 days, or the present one isn't
    /// there any more.
    fn note_what_may_be(&mut self, call: &Call, class: &ResponseClass) {
        let is_unknown = matches!(
            class,
            ResponseClass::Temporary {
                fault: Fault::Silence,
                ..
            }
        );
        match call.kind {
            CallKind::Set if is_unknown => self.set_at = self.set_at.max(Some(call.started)),
            // Whatever it answered, the renewal comes first.
            CallKind::Clear if *class != ResponseClass::Applied && self.status != Status::Deleting => {
                self.clearing = Clearing::NeedsSet;
            }
            CallKind::Set | CallKind::Delete | CallKind::Clear => {}
        }
    }

    /// What follows from the time alone: a wanted row is tried at its expiry at the latest, and has lapsed then; a revoked one is
    /// tried weekly, until its webhook would have expired.
    fn note_the_time(&mut self, key: KeyHash, before: Status, now: EpochSeconds) {
        let expiry = self.expires_at();
        match self.status {
            Status::Pending | Status::Active | Status::Suspended | Status::Deleting => {
                let is_ahead = expiry.is_some_and(|expiry| expiry > now);
                self.due = self
                    .due
                    .map(|due| expiry.filter(|_| is_ahead).map_or(due, |expiry| due.min(expiry)));
                // One thing at a time: a new status is told first.
                let lapses = self.is_past_expiry(now) && self.status != Status::Deleting && self.status == before;
                if lapses && !self.is_known_to_have_lapsed() {
                    self.lapsed_at = Some(now);
                    self.announce(News::Lapsed, now);
                }
            }
            Status::Revoked => {
                let last = self.renewed_at.or(self.refusals.map(|refusals| refusals.first));
                let end = last.unwrap_or(now) + LIFETIME;
                let due = now + key.revoked_delay(self.attempts);
                self.due = (due <= end).then_some(due);
            }
            Status::Replaced => {}
        }
    }
}

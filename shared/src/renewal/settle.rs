//! What an answer means.

use super::backoff::honoured;
use super::{
    Announcement, Answer, Call, CallKind, EpochSeconds, Key, REFUSALS_SPAN, REFUSALS_TO_BELIEVE, Refusals, Renewal,
    Status,
};

/// What to do after a call. `R` is the row: a [`Renewal`], or a whole registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement<R> {
    /// Write this row. If it has an announcement, publish that, then write [`Renewal::announced`].
    Write(R, Outcome),
    /// Remove the row (on condition of its revision, like any write).
    Remove(Outcome),
    /// The wish was changed during the call, and the lease is still the caller's: apply the new wish at once
    /// ([`Renewal::call`]), or, without the time for that, [`Renewal::release`] it.
    Changed,
    /// Somebody else took over, or the row isn't there any more. Write nothing.
    Lost,
}

impl<R> Settlement<R> {
    /// The same settlement for another kind of row.
    pub fn map<S>(self, into: impl FnOnce(R, Outcome) -> S) -> Settlement<S> {
        match self {
            Self::Write(row, outcome) => Settlement::Write(into(row, outcome), outcome),
            Self::Remove(outcome) => Settlement::Remove(outcome),
            Self::Changed => Settlement::Changed,
            Self::Lost => Settlement::Lost,
        }
    }
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
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
    pub fn settle(&self, key: Key, call: &Call, answer: &Answer, now: EpochSeconds) -> Settlement<Self> {
        if !self.is_held_by(call.lease) {
            return Settlement::Lost;
        }
        if self.version != call.version {
            return Settlement::Changed;
        }
        let row = Self {
            lease: None,
            ..self.next()
        };
        match (call.kind, answer) {
            (CallKind::Set, Answer::Applied) => row.renewed(key, call).turned(Status::Active, self, now),
            (CallKind::Delete, Answer::Applied) => return Settlement::Remove(Outcome::Deleted),
            (_, Answer::Temporary { retry_after, .. }) => {
                let row = row.failed();
                let delay = retry_after.map_or_else(|| key.retry_delay(row.attempts), honoured);
                (
                    Self {
                        due: Some(now + delay),
                        ..row
                    },
                    Outcome::Temporary,
                )
            }
            (kind, Answer::Suspended) => {
                let row = Self {
                    refusals: None,
                    ..row.failed()
                };
                let delay = key.suspended_delay(row.attempts, now, row.expires_at());
                let row = Self {
                    due: Some(now + delay),
                    ..row
                };
                match kind {
                    CallKind::Set => row.turned(Status::Suspended, self, now),
                    CallKind::Delete => (row, Outcome::Suspended),
                }
            }
            (kind, Answer::Refused) => {
                let row = row.failed().refused(now);
                match kind {
                    _ if !row.believes_refusal(now) => (
                        Self {
                            due: Some(now + key.retry_delay(row.attempts)),
                            ..row
                        },
                        Outcome::Refused,
                    ),
                    CallKind::Delete => return Settlement::Remove(Outcome::Deleted),
                    CallKind::Set => match row.fallback {
                        Some(status) => (row.restored(status, None, now), Outcome::Restored),
                        None => Self {
                            due: None,
                            reapply: None,
                            ..row
                        }
                        .turned(Status::Revoked, self, now),
                    },
                }
            }
        }
        .into()
    }

    /// What to write after OctoEverywhere refused a PUT in the PUT's own call, which the app is told as `422`: the row is
    /// again what `existing`, the row that the PUT found, was; a new row is removed.
    pub fn withdraw(&self, call: &Call, existing: Option<&Self>, now: EpochSeconds) -> Settlement<Self> {
        if !self.is_held_by(call.lease) {
            return Settlement::Lost;
        }
        if self.version != call.version {
            return Settlement::Changed;
        }
        let Some(existing) = existing else {
            return Settlement::Remove(Outcome::Withdrawn);
        };
        let row = Self {
            lease: None,
            attempts: existing.attempts,
            refusals: existing.refusals,
            ..self.next()
        };
        Settlement::Write(row.restored(existing.status, existing.fallback, now), Outcome::Restored)
    }

    fn renewed(self, key: Key, call: &Call) -> Self {
        let slot = key.next_slot(call.started);
        let again = self.reapply.filter(|at| *at > call.started);
        Self {
            applied: Some(call.version),
            renewed_at: Some(call.started),
            due: Some(again.map_or(slot, |at| at.min(slot))),
            attempts: 0,
            refusals: None,
            fallback: None,
            reapply: None,
            ..self
        }
    }

    fn failed(self) -> Self {
        Self {
            attempts: self.attempts.saturating_add(1),
            ..self
        }
    }

    fn refused(self, now: EpochSeconds) -> Self {
        let Refusals { count, first } = self.refusals.unwrap_or(Refusals { count: 0, first: now });
        Self {
            refusals: Some(Refusals {
                count: count.saturating_add(1),
                first,
            }),
            ..self
        }
    }

    fn believes_refusal(&self, now: EpochSeconds) -> bool {
        self.refusals
            .is_some_and(|refusals| refusals.count >= REFUSALS_TO_BELIEVE && now - refusals.first >= REFUSALS_SPAN)
    }

    /// The row with its earlier wish, which OctoEverywhere is asked to confirm at once, unless it was revoked already.
    fn restored(self, status: Status, fallback: Option<Status>, now: EpochSeconds) -> Self {
        Self {
            status,
            fallback,
            version: self.version + 1,
            due: (status != Status::Revoked).then_some(now),
            ..self
        }
    }

    /// The row with a status after a call; a change is announced, and the lease `before` it is kept until that is done.
    fn turned(self, status: Status, before: &Self, now: EpochSeconds) -> (Self, Outcome) {
        let outcome = match status {
            Status::Active => Outcome::Renewed,
            Status::Suspended => Outcome::Suspended,
            Status::Revoked => Outcome::Revoked,
            Status::Pending | Status::Deleting => Outcome::Temporary,
        };
        if status == before.status {
            return (self, outcome);
        }
        let announcement = Some(Announcement { status, at: now });
        (
            Self {
                status,
                announcement,
                lease: before.lease,
                ..self
            },
            outcome,
        )
    }
}

impl From<(Renewal, Outcome)> for Settlement<Renewal> {
    fn from((row, outcome): (Renewal, Outcome)) -> Self {
        Self::Write(row, outcome)
    }
}

//! What the app may ask for.

use super::{Clearing, EpochSeconds, Renewal, Status};

/// What a request comes to. `R` is the row: a [`Renewal`], or a whole registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<R> {
    /// Write this row, with the caller's lease if nobody else may be calling ([`Renewal::take_turn`]).
    Write(R),
    /// Remove the row; nothing is to be called, and nobody is to be told.
    Remove,
    /// Nothing to write: it can't be asked of a registration with this status.
    Never(Status),
}

impl<R> Change<R> {
    /// The same change for another kind of row.
    pub fn map<S>(self, into: impl FnOnce(R) -> S) -> Change<S> {
        match self {
            Self::Write(row) => Change::Write(into(row)),
            Self::Remove => Change::Remove,
            Self::Never(status) => Change::Never(status),
        }
    }
}

impl Renewal {
    /// A new wish. It is written before OctoEverywhere is called, so that a crash at any point is finished by renew.
    pub fn put(existing: Option<&Self>, now: EpochSeconds) -> Self {
        let Some(existing) = existing else {
            return Self::born(now).wish_anew(now);
        };
        let mut row = existing.next().with_doubt(now).wish_anew(now);
        row.previous_status = match existing.status {
            Status::Replaced => None,
            status => existing.previous_status.or(Some(status)),
        };
        if matches!(existing.status, Status::Revoked | Status::Replaced | Status::Deleting) {
            row.status = Status::Pending;
        }
        if existing.status == Status::Replaced {
            // What is known of the webhook of the token that it lost says nothing about the new one's.
            row.applied = None;
            row.renewed_at = None;
            row.set_at = None;
            row.lapsed_at = None;
        }
        row
    }

    /// The wish that it be deleted.
    pub fn delete(&self, now: EpochSeconds) -> Change<Self> {
        let mut row = match self.status {
            Status::Replaced => return Change::Remove,
            Status::Deleting => return self.renew_now(now),
            Status::Pending | Status::Active | Status::Suspended | Status::Revoked => self.next().wish_anew(now),
        };
        // Where it isn't known for sure until when there is a webhook, it is for as long as if it had just been set.
        if row.expires_at().is_none() || self.attempts > 0 || !self.is_applied() {
            row.set_at = Some(now);
        }
        row.status = Status::Deleting;
        row.previous_status = None;
        row.status_change = None;
        Change::Write(row)
    }

    /// The same wish once more, now.
    pub fn renew_now(&self, now: EpochSeconds) -> Change<Self> {
        if let status @ (Status::Revoked | Status::Replaced) = self.status {
            return Change::Never(status);
        }
        let mut row = self.next();
        // What was due before stays so: whoever died at it may have called.
        row.due = Some(self.due.map_or(now, |due| due.min(now)));
        Change::Write(row)
    }

    /// The same wish once more, for a sweep: due now, and if somebody is at it, once more after the call that may be under way.
    pub fn reapply(&self, now: EpochSeconds) -> Self {
        let mut row = self.next();
        row.due = Some(self.due.map_or(now, |due| due.min(now)));
        row.reapply = (!self.is_free(now)).then_some(now);
        row
    }

    /// A row that there wasn't.
    pub(super) fn born(now: EpochSeconds) -> Self {
        Self {
            revision: (now.0.max(0) as u64) << 20,
            ..Self::default()
        }
    }

    /// The row with a new version of its wish, due at once, and with none of the failures of the old one.
    fn wish_anew(mut self, now: EpochSeconds) -> Self {
        self.version += 1;
        self.due = Some(now);
        self.attempts = 0;
        self.refusals = None;
        self.clearing = Clearing::Rests;
        self
    }

    /// The changed row with the caller's lease, unless somebody else may be calling: then that one will see the change, or the
    /// next run.
    pub fn take_turn(self, now: EpochSeconds, deadline: EpochSeconds) -> Self {
        if self.is_free(now) {
            self.with_lease(now, deadline)
        } else {
            self
        }
    }
}

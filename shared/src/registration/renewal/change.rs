//! What the app may ask for.

use super::{EpochSeconds, Renewal, Status};

/// What a request comes to. `R` is the row: a [`Renewal`], or a whole registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<R> {
    /// Write this row: it has the lease, so call OctoEverywhere then.
    Apply(R),
    /// Write this row: somebody else holds the lease and will see the change, or the next run will.
    Leave(R),
    /// Remove the row; nothing is to be called. If it has an announcement, publish that first.
    Remove,
    /// Nothing to write: a revoked registration is called again only after a PUT.
    Revoked,
}

impl<R> Change<R> {
    /// The same change for another kind of row.
    pub fn map<S>(self, into: impl FnOnce(R) -> S) -> Change<S> {
        match self {
            Self::Apply(row) => Change::Apply(into(row)),
            Self::Leave(row) => Change::Leave(into(row)),
            Self::Remove => Change::Remove,
            Self::Revoked => Change::Revoked,
        }
    }
}

impl Renewal {
    /// A new wish. It is written before OctoEverywhere is called, so that a crash at any point is finished by renew.
    pub fn put(existing: Option<&Self>, now: EpochSeconds, deadline: EpochSeconds) -> Change<Self> {
        let Some(existing) = existing else {
            let revision = (now.0.max(0) as u64) << 20;
            let born = Self {
                revision,
                ..Self::default()
            };
            return born.wish_anew(now).take_over(now, deadline);
        };
        let mut row = existing.next().wish_anew(now);
        row.previous_status = existing.previous_status.or(Some(existing.status));
        if matches!(existing.status, Status::Revoked | Status::Deleting) {
            row.status = Status::Pending;
        }
        row.take_over(now, deadline)
    }

    /// The wish that it be deleted.
    pub fn delete(&self, now: EpochSeconds, deadline: EpochSeconds) -> Change<Self> {
        let mut row = match self.status {
            Status::Revoked => return Change::Remove,
            Status::Deleting => return self.renew_now(now, deadline),
            Status::Pending | Status::Active | Status::Suspended => self.next().wish_anew(now),
        };
        row.status = Status::Deleting;
        row.previous_status = None;
        row.take_over(now, deadline)
    }

    /// The same wish once more, now.
    pub fn renew_now(&self, now: EpochSeconds, deadline: EpochSeconds) -> Change<Self> {
        if self.status == Status::Revoked {
            return Change::Revoked;
        }
        let mut row = self.next();
        row.due = Some(now);
        row.take_over(now, deadline)
    }

    /// The same wish once more, at `at` the latest. `None`: nothing to write, because it is due by then or never called.
    pub fn reapply(&self, now: EpochSeconds, at: EpochSeconds) -> Option<Self> {
        if matches!(self.status, Status::Revoked | Status::Deleting) {
            return None;
        }
        let sooner = |planned: Option<EpochSeconds>| Some(planned.map_or(at, |planned| planned.min(at)));
        let mut row = self.next();
        row.due = sooner(self.due);
        if !self.is_free(now) {
            row.reapply = sooner(self.reapply);
        }
        (row.due != self.due || row.reapply != self.reapply).then_some(row)
    }

    /// The row with a new version of its wish, due at once, and with none of the failures of the old one.
    fn wish_anew(mut self, now: EpochSeconds) -> Self {
        self.version += 1;
        self.due = Some(now);
        self.attempts = 0;
        self.refusals = None;
        self
    }

    fn take_over(self, now: EpochSeconds, deadline: EpochSeconds) -> Change<Self> {
        if self.is_free(now) {
            Change::Apply(self.with_lease(deadline))
        } else {
            Change::Leave(self)
        }
    }
}

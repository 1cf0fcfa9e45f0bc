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
            let born = Self {
                revision: (now.0.max(0) as u64) << 20,
                version: 1,
                due: Some(now),
                ..Self::default()
            };
            return Change::Apply(born.with_lease(deadline));
        };
        let row = Self {
            status: match existing.status {
                Status::Revoked | Status::Deleting => Status::Pending,
                status => status,
            },
            fallback: existing.fallback.or(Some(existing.status)),
            ..existing.wishing(now)
        };
        row.take_over(now, deadline)
    }

    /// The wish that it be deleted.
    pub fn delete(&self, now: EpochSeconds, deadline: EpochSeconds) -> Change<Self> {
        match self.status {
            Status::Revoked => Change::Remove,
            Status::Deleting => Self {
                due: Some(now),
                ..self.next()
            }
            .take_over(now, deadline),
            _ => Self {
                status: Status::Deleting,
                fallback: None,
                ..self.wishing(now)
            }
            .take_over(now, deadline),
        }
    }

    /// The same wish once more, now.
    pub fn renew_now(&self, now: EpochSeconds, deadline: EpochSeconds) -> Change<Self> {
        match self.status {
            Status::Revoked => Change::Revoked,
            _ => Self {
                due: Some(now),
                ..self.next()
            }
            .take_over(now, deadline),
        }
    }

    /// The same wish once more, at `at` the latest. `None`: nothing to write, because it is due by then or never called.
    pub fn reapply(&self, now: EpochSeconds, at: EpochSeconds) -> Option<Self> {
        if matches!(self.status, Status::Revoked | Status::Deleting) {
            return None;
        }
        if self.is_free(now) {
            let later = self.due.is_none_or(|due| at < due);
            return later.then(|| Self {
                due: Some(at),
                ..self.next()
            });
        }
        let later = self.reapply.is_none_or(|planned| at < planned);
        later.then(|| Self {
            reapply: Some(at),
            ..self.next()
        })
    }

    /// The row with a new version of its wish, due at once, and with none of the failures of the old one.
    fn wishing(&self, now: EpochSeconds) -> Self {
        Self {
            version: self.version + 1,
            due: Some(now),
            attempts: 0,
            refusals: None,
            ..self.next()
        }
    }

    fn take_over(self, now: EpochSeconds, deadline: EpochSeconds) -> Change<Self> {
        if self.is_free(now) {
            Change::Apply(self.with_lease(deadline))
        } else {
            Change::Leave(self)
        }
    }
}

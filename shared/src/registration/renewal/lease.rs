//! One caller at a time for each registration.

use super::{Call, CallKind, EpochSeconds, Lease, MAX_CLOCK_SKEW, Renewal, Status};

impl Renewal {
    /// The row with a lease until `deadline` (the caller's own), if there is something to do and nobody does it.
    ///
    /// `None`: not due, or somebody holds the lease, or revoked. What the index said may be old, so this is asked of the
    /// row as it was read from the table.
    pub fn lease(&self, now: EpochSeconds, deadline: EpochSeconds) -> Option<Self> {
        let wanted = self.status_change.is_some() || self.is_due(now);
        (wanted && self.is_free(now)).then(|| self.next().with_lease(deadline))
    }

    /// What the holder of the lease must call now; `None`: nothing, and nobody holds a lease.
    pub fn call(&self, now: EpochSeconds) -> Option<Call> {
        let lease = self.lease.filter(|_| self.is_due_to_holder(now))?;
        let kind = if self.status == Status::Deleting {
            CallKind::Delete
        } else {
            CallKind::Set
        };
        Some(Call {
            lease: lease.id,
            version: self.version,
            kind,
            started: now,
        })
    }

    /// The row without the lease, for a holder that runs out of time: due again at once. `None`: the lease isn't theirs
    /// any more, and there is nothing to write.
    pub fn release(&self, lease: u64) -> Option<Self> {
        let mut row = self.is_held_by(lease).then(|| self.next())?;
        row.lease = None;
        Some(row)
    }

    /// The row after its announcement was published by the holder of `lease`. If it is due as well, the lease stays for
    /// the call; otherwise it is given back. `None`: the lease isn't theirs any more, and there is nothing to write.
    pub fn published(&self, lease: u64, now: EpochSeconds) -> Option<Self> {
        let mut row = self.is_held_by(lease).then(|| self.next())?;
        row.status_change = None;
        if !self.is_due_to_holder(now) {
            row.lease = None;
        }
        Some(row)
    }

    /// Whether nobody may be calling: there is no lease, or even the slowest clock is past its end.
    pub(super) fn is_free(&self, now: EpochSeconds) -> bool {
        self.lease.is_none_or(|lease| lease.until + MAX_CLOCK_SKEW <= now)
    }

    pub(in crate::registration) fn is_held_by(&self, lease: u64) -> bool {
        self.lease.is_some_and(|held| held.id == lease)
    }

    fn is_due(&self, now: EpochSeconds) -> bool {
        self.status != Status::Revoked && self.due.is_some_and(|due| due <= now)
    }

    /// Whether the holder of the lease must call. The wish may have come from a host whose clock is ahead, so what is due
    /// within the skew is due.
    fn is_due_to_holder(&self, now: EpochSeconds) -> bool {
        self.is_due(now + MAX_CLOCK_SKEW)
    }

    /// The row for the next write.
    pub(super) fn next(mut self) -> Self {
        self.revision += 1;
        self
    }

    pub(super) fn with_lease(mut self, until: EpochSeconds) -> Self {
        self.lease = Some(Lease {
            id: self.revision,
            until,
        });
        self
    }
}

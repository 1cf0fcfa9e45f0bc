//! One caller at a time for each token.

use super::{Call, CallKind, Clearing, EpochSeconds, Lease, MAX_CLOCK_SKEW, Renewal, Status};

impl Renewal {
    /// The row with a lease until `deadline` (the caller's own), if there is something to do and nobody does it.
    ///
    /// `None`: not due, or somebody holds the lease. What the index said may be old, so this is asked of the row as it was read
    /// from the table.
    pub fn lease(&self, now: EpochSeconds, deadline: EpochSeconds) -> Option<Self> {
        let has_news = self.status_change.is_some_and(|change| change.due <= now);
        let is_wanted = has_news || self.is_due(now);
        (is_wanted && self.is_free(now)).then(|| self.next().with_lease(now, deadline))
    }

    /// What the holder of the lease must call now; `None`: nothing, nobody holds a lease, or somebody else may still be calling.
    pub fn call(&self, now: EpochSeconds) -> Option<Call> {
        let lease = self
            .lease
            .filter(|_| self.is_due_to_holder(now) && !self.awaits_foreign(now))?;
        let has_old = self.old_tokens > 0;
        let kind = match (self.status, self.clearing) {
            (Status::Deleting, _) if has_old => CallKind::Clear,
            (Status::Deleting, _) => CallKind::Delete,
            (_, Clearing::IsNext) if has_old => CallKind::Clear,
            _ => CallKind::Set,
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

    /// Whether nobody may be calling: there is no lease, or even the slowest clock is past its end.
    pub(super) fn is_free(&self, now: EpochSeconds) -> bool {
        let is_over = self.lease.is_none_or(|lease| lease.until + MAX_CLOCK_SKEW <= now);
        is_over && !self.awaits_foreign(now)
    }

    /// Whether somebody may still be calling under a lease of another registration.
    pub(in crate::registration) fn awaits_foreign(&self, now: EpochSeconds) -> bool {
        self.foreign.is_some_and(|foreign| now < foreign.until + MAX_CLOCK_SKEW)
    }

    pub(in crate::registration) fn is_held_by(&self, lease: u64) -> bool {
        self.lease.is_some_and(|held| held.id == lease)
    }

    fn is_due(&self, now: EpochSeconds) -> bool {
        self.status != Status::Replaced && self.due.is_some_and(|due| due <= now)
    }

    /// Whether the holder of the lease must call. The wish may have come from a host whose clock is ahead, so what is due
    /// within the skew is due.
    pub(super) fn is_due_to_holder(&self, now: EpochSeconds) -> bool {
        self.is_due(now + MAX_CLOCK_SKEW)
    }

    /// The row for the next write.
    pub(in crate::registration) fn next(mut self) -> Self {
        self.revision += 1;
        self
    }

    /// The row with a lease.
    pub(super) fn with_lease(self, now: EpochSeconds, until: EpochSeconds) -> Self {
        let mut row = self.with_doubt(now);
        row.foreign = None;
        row.lease = Some(Lease {
            id: row.revision,
            until,
        });
        row
    }

    /// The row for somebody who won't hear of the call that is made under the lease on it: one that is over without having been given
    /// back, whose holder died and may have set the webhook as late as it could, or one whose holder is about to hear that the wish
    /// has changed.
    pub(super) fn with_doubt(mut self, now: EpochSeconds) -> Self {
        if let Some(lease) = self.lease
            && self.status != Status::Deleting
            && self.is_due_to_holder(lease.until)
        {
            self.set_at = self.set_at.max(Some(lease.until.min(now)));
        }
        self
    }
}

//! A row that comes from another table.

use super::{EpochSeconds, Renewal, Slot, Status};

impl Renewal {
    /// The row as it is to be in another table: nobody has a lease there, and it is due in its slot, at its expiry at the latest.
    pub fn in_another_table(&self, slot: Slot, now: EpochSeconds) -> Self {
        // Whoever held the lease may have set its webhook.
        let mut row = self.with_doubt(now);
        // As if it were born now: what its key may have had here before doesn't come back.
        row.revision = self.next().revision.max(Self::born(now).revision);
        row.lease = None;
        row.foreign = None;
        row.reapply = None;
        let expiry = row.expires_at();
        row.due = row.due.map(|_| match row.status {
            Status::Deleting => now,
            _ => slot.next(now).min(expiry.unwrap_or(EpochSeconds(i64::MAX))),
        });
        row
    }
}

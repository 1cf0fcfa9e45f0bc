//! Taking over the registrations of another table: of a stack that was deleted, or one that was restored from a backup.
//!
//! The table is read three times. Twice only to see that nobody works on its rows any more ([`Phase::FirstLook`] and, no sooner than
//! [`SETTLING_TIME`] later, [`Phase::SecondLook`]): two stacks with the same tokens would fight over each webhook. Then row by row, to
//! take over what isn't here ([`Phase::TakeOver`]); what was changed since the beginning ends that at once. Whoever is refused begins
//! again by itself.
//!
//! What becomes of a row is [`Registration::in_another_table`]; that it comes once, and never again after its DELETE, is a matter of the
//! writes (`adapters`).

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::Registration;
use super::renewal::{Cycle, EpochSeconds, KeyHash, MAX_CLOCK_SKEW, Slot};
use super::sweep;

/// How long after the first look the second one begins. No invocation takes longer than 15 minutes (Lambda's limit): whoever was at
/// a row when their stack was deleted has ended by then, and with them every lease; and no register of a configuration without
/// `RestoreFromTable` is alive any more, which wouldn't note what is deleted meanwhile.
pub const SETTLING_TIME: SignedDuration = sweep::SETTLING_TIME;

/// How far a restore is. `P` is a place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore<P> {
    /// When it began, for the last time: a refusal has it begin anew.
    pub began: EpochSeconds,
    /// What it is at.
    pub phase: Phase,
    /// Where that goes on; `None`: at the source's start.
    pub place: Option<P>,
    /// When that began, or, if nothing was read for it yet, when it may begin.
    pub since: EpochSeconds,
    /// What it has read for that.
    pub seen: Fingerprint,
    /// What the first look read.
    pub first: Fingerprint,
    /// What it came to so far.
    pub tally: Tally,
}

/// What a restore is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It reads the source for the first time.
    FirstLook,
    /// It reads it again, and finds it as it was.
    SecondLook,
    /// It takes over what isn't here.
    TakeOver,
    /// Nothing any more: it is over, for good.
    Over,
}

/// What became of the source's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// They are here now.
    pub taken_over: u64,
    /// Of these, so many can't be read: they are here as they were there, for a person.
    pub unreadable: u64,
    /// There was a row already.
    pub here: u64,
    /// They were deleted here, since the restore began.
    pub deleted: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.taken_over += other.taken_over;
        self.unreadable += other.unreadable;
        self.here += other.here;
        self.deleted += other.deleted;
    }
}

/// What tells whether the rows that were read are the same, in whatever order: how many they are, and a sum of hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// How many rows.
    pub rows: u64,
    /// The sum of their hashes, as far as it goes.
    pub sum: u64,
}

impl Fingerprint {
    /// One row, of which these are the parts that every write changes.
    pub fn of(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        let hash = digest.finalize();
        Self {
            rows: 1,
            sum: hash.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
        }
    }
}

impl std::ops::AddAssign for Fingerprint {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// The source's rows change: a stack is at work on them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SourceChange {
    /// This one is leased now, or was written since the restore began.
    #[error("{0} was written after the restore had begun, or is being worked on")]
    Row(String),
    /// They are others than the first look found.
    #[error("they aren't the same as when they were first read")]
    Rows,
}

impl<P> Restore<P> {
    /// A restore that begins now.
    pub fn new(now: EpochSeconds) -> Self {
        Self {
            began: now,
            phase: Phase::FirstLook,
            place: None,
            since: now,
            seen: Fingerprint::default(),
            first: Fingerprint::default(),
            tally: Tally::default(),
        }
    }

    /// Whether there is something to read now.
    pub fn is_due(&self, now: EpochSeconds) -> bool {
        self.phase != Phase::Over && self.since <= now
    }

    /// Looks whether somebody has worked on this row since the restore began.
    ///
    /// The first look only takes in what there is: the lease of somebody who ended with their stack lasts for some minutes.
    pub fn check(&self, row: &Registration, now: EpochSeconds) -> Result<(), SourceChange> {
        let is_new = row.last_write().is_some_and(|at| at > self.began + MAX_CLOCK_SKEW);
        let leases = [
            row.renewal.lease.map(|lease| lease.until),
            row.renewal.foreign.map(|lease| lease.until),
        ];
        let is_leased = leases.iter().flatten().any(|until| *until + MAX_CLOCK_SKEW > now);
        match self.phase {
            Phase::SecondLook | Phase::TakeOver if is_new || is_leased => Err(SourceChange::Row(row.key.to_string())),
            _ => Ok(()),
        }
    }

    /// Every row up to `next` was passed (`None`: every row there is), of which `page` is the fingerprint, and which came to `tally`.
    pub fn passed(
        &mut self,
        next: Option<P>,
        page: Fingerprint,
        tally: Tally,
        now: EpochSeconds,
    ) -> Result<(), SourceChange> {
        self.seen += page;
        self.tally += tally;
        self.place = next;
        if self.place.is_some() {
            return Ok(());
        }
        let seen = std::mem::take(&mut self.seen);
        self.since = now;
        self.phase = match self.phase {
            Phase::FirstLook => {
                self.first = seen;
                self.since = now + SETTLING_TIME;
                Phase::SecondLook
            }
            Phase::SecondLook => Phase::TakeOver,
            Phase::TakeOver | Phase::Over => Phase::Over,
        };
        match seen == self.first {
            true => Ok(()),
            false => Err(SourceChange::Rows),
        }
    }
}

impl Registration {
    /// The row as it is to be in another table: without its leases and its place in the index there, due in its own slot, and at
    /// its expiry at the latest. What its webhook calls isn't known: it is set anew.
    pub fn in_another_table(&self, cycle: Cycle, now: Timestamp) -> Self {
        let slot = Slot {
            key: KeyHash::from(&self.key),
            cycle,
        };
        let renewal = self.renewal.in_another_table(slot, now.into());
        Self {
            endpoint: None,
            ..self.with(renewal)
        }
    }

    /// When it was last written, as far as its times tell.
    fn last_write(&self) -> Option<EpochSeconds> {
        let renewal = &self.renewal;
        let times = [
            renewal.renewed_at,
            renewal.set_at,
            renewal.lapsed_at,
            renewal.reapply,
            renewal.refusals.map(|refusals| refusals.first),
            renewal.status_change.map(|change| change.at),
            self.created_at.map(EpochSeconds::from),
            self.last_error.as_ref().map(|error| error.at),
        ];
        times.into_iter().flatten().max()
    }
}

#[cfg(test)]
mod tests;

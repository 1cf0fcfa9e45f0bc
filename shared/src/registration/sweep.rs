//! A sweep: passes every row once, and renews those that differ from what the stack says, or were last set before its mark.
//!
//! Which rows those are is [`Renovation::is_for`]; when there is a sweep, and how far it is, is [`Sweep`].

use jiff::SignedDuration;

use super::Registration;
use super::endpoint::Standard;
use super::renewal::{EpochSeconds, MAX_CLOCK_SKEW, Status};
use crate::callback::signing::SIGNERS_REST;
use crate::id::TenantId;

/// How long after a change of what the stack says a sweep begins. No invocation takes longer than 15 minutes (Lambda's limit),
/// and one that was started before the change works under the old configuration to its end.
pub const SETTLING_TIME: SignedDuration = SignedDuration::from_mins(20);

/// How long after a key is put out of use a sweep begins that is to prove that no webhook bears it: who signs with it may have a call
/// under way, and write it down, for [`SIGNERS_REST`] after its successor was taken up, which takes its own two minutes.
pub const KEY_SETTLING_TIME: SignedDuration = SignedDuration::from_mins(SIGNERS_REST.as_mins().saturating_add(5));

/// How long after a key is refused a sweep begins: nobody signs by what was read of the keys more than five minutes ago.
pub const FORCED_SETTLING_TIME: SignedDuration = SignedDuration::from_mins(6);

/// How often webhooks may be applied again because callbacks had failed.
pub const RECOVERY_INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// How long after a lap that left rows under a retiring key the next one begins.
pub const LAP_INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// Which registrations a sweep is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SweepScope {
    /// This tenant's only.
    pub tenant: Option<TenantId>,
    /// Which of them.
    pub statuses: SweepStatuses,
}

/// Which statuses a sweep is for. It is never for those that are replaced, or being deleted: there is nothing to set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SweepStatuses {
    /// Those that are wanted: active, pending and suspended ones.
    #[default]
    Wanted,
    /// Those that are revoked.
    Revoked,
    /// Both.
    All,
}

impl SweepScope {
    /// The least scope that holds both.
    fn or(self, other: Self) -> Self {
        Self {
            tenant: self.tenant.filter(|tenant| other.tenant.as_ref() == Some(tenant)),
            statuses: match self.statuses == other.statuses {
                true => self.statuses,
                false => SweepStatuses::All,
            },
        }
    }

    fn has(&self, row: &Registration) -> bool {
        let is_in = match row.renewal.status {
            Status::Active | Status::Pending | Status::Suspended => self.statuses != SweepStatuses::Revoked,
            Status::Revoked => self.statuses != SweepStatuses::Wanted,
            Status::Replaced | Status::Deleting => false,
        };
        is_in && self.tenant.as_ref().is_none_or(|tenant| *tenant == row.key.tenant)
    }
}

/// What one run's part of a sweep does to rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Renovation {
    /// Which rows.
    pub scope: SweepScope,
    /// What each is held against.
    pub standard: Standard,
    /// What was last set before is set again; `None`: only what differs.
    pub mark: Option<EpochSeconds>,
    /// When the run began. What was set since is left alone: another configuration may know better.
    pub began: EpochSeconds,
}

impl Renovation {
    /// Whether `row` is to be renewed, there and then.
    pub fn is_for(&self, row: &Registration) -> bool {
        let is_before = |time: EpochSeconds| row.renewal.renewed_at.is_none_or(|set| set < time);
        // By another clock: what was set within the skew may have been set before the mark.
        let is_old = self
            .mark
            .is_some_and(|mark| row.renewal.renewed_at.is_none_or(|set| set <= mark + MAX_CLOCK_SKEW));
        let is_settled = is_old || is_before(self.began);
        let differs = row
            .endpoint
            .as_ref()
            .is_none_or(|endpoint| !self.standard.admits(endpoint));
        self.scope.has(row) && is_settled && (is_old || differs || row.renewal.status == Status::Revoked)
    }
}

/// Why there is to be a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Somebody asks for these to be applied again.
    Reapply(SweepScope),
    /// Callbacks had failed, and do no more: OctoEverywhere may have switched webhooks off meanwhile.
    Recovery,
    /// A key is to be retired, once no webhook bears it.
    Retirement,
    /// A key is refused, whoever bears it.
    ForcedRetirement,
    /// The registrations of another table were taken over.
    Restore,
}

/// What is known of the sweep: one at a time. `P` is a place in the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sweep<P> {
    /// What the stack's endpoints began with when a run last looked.
    pub url: Option<String>,
    /// The sweep that is under way, or about to be.
    pub lap: Option<Lap<P>>,
    /// When the last one was over.
    pub end: Option<EpochSeconds>,
    /// When one last began because callbacks had failed.
    pub recovery: Option<EpochSeconds>,
    /// Whether callbacks have failed since.
    pub is_recovery_due: bool,
}

/// One sweep.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lap<P> {
    /// Which rows.
    pub scope: SweepScope,
    /// What was last set before is set again; `None`: only what differs.
    pub mark: Option<EpochSeconds>,
    /// When it begins.
    pub begins: EpochSeconds,
    /// Where it goes on; `None`: at the table's start.
    pub place: Option<P>,
    /// Whether it goes round once more: a reason came when it was somewhere in between.
    pub again: bool,
    /// How many rows couldn't be read or written in the round before.
    pub missing_before: u64,
    /// What it came to so far.
    pub tally: Tally,
}

/// What a sweep came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Tally {
    /// Rows that it set.
    pub applied: u64,
    /// Rows that it couldn't set, but for those of owners who are no supporters (605); they are tried again when they are due.
    pub failed: u64,
    /// Rows that couldn't be read or written, so that nothing follows from having passed them.
    pub missing: u64,
    /// Rows that may still bear a key that is to be retired.
    pub bearing: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.applied += other.applied;
        self.failed += other.failed;
        self.missing += other.missing;
        self.bearing += other.bearing;
    }
}

impl<P> Default for Sweep<P> {
    fn default() -> Self {
        Self {
            url: None,
            lap: None,
            end: None,
            recovery: None,
            is_recovery_due: false,
        }
    }
}

impl<P> Sweep<P> {
    /// What a run finds whose stack says `url`, and has keys that no webhook is to bear in the end, or not. Tells whether anything has
    /// changed.
    ///
    /// Two configurations may be alive for some minutes, and each takes the other's for a change: the sweep begins when only one has
    /// been heard of for [`SETTLING_TIME`].
    pub fn look(&mut self, url: &str, has_keys_to_end: bool, now: EpochSeconds) -> bool {
        let is_new = self.url.as_deref() != Some(url);
        if is_new {
            self.url = Some(url.to_owned());
            self.start(SweepScope::default(), None, now + SETTLING_TIME);
        }
        let recovers = self.look_for_recovery(now);
        // The last one left rows under it that couldn't be set.
        let is_left = has_keys_to_end && self.lap.is_none() && self.end.is_none_or(|end| end + LAP_INTERVAL <= now);
        if is_left {
            self.start(EVERYTHING, None, now);
        }
        is_new || recovers || is_left
    }

    /// Asks for a sweep.
    pub fn ask(&mut self, reason: Reason, now: EpochSeconds) {
        match reason {
            Reason::Reapply(scope) => self.start(scope, Some(now), now),
            Reason::Recovery => self.is_recovery_due = true,
            Reason::Retirement => self.start(EVERYTHING, None, now + KEY_SETTLING_TIME),
            Reason::ForcedRetirement => self.start(EVERYTHING, None, now + FORCED_SETTLING_TIME),
            Reason::Restore => self.start(EVERYTHING, None, now),
        }
    }

    /// Starts the sweep that is due because callbacks had failed, once its time has come. Tells whether it has.
    pub fn look_for_recovery(&mut self, now: EpochSeconds) -> bool {
        let comes = self.next_recovery().is_some_and(|at| at <= now);
        if comes {
            self.is_recovery_due = false;
            self.recovery = Some(now);
            self.start(SweepScope::default(), Some(now), now);
        }
        comes
    }

    /// When that begins, if there is to be one: a day after the last one at the earliest.
    pub fn next_recovery(&self) -> Option<EpochSeconds> {
        let earliest = self.recovery.map_or(EpochSeconds(0), |last| last + RECOVERY_INTERVAL);
        self.is_recovery_due.then_some(earliest)
    }

    /// The sweep that a run goes on with that began at `began`; `None`: there is none, or not yet. What begins or is marked later is the
    /// next one's: what this one knows of the keys, and what it has set itself, may be of before.
    pub fn at_work(&self, began: EpochSeconds) -> Option<&Lap<P>> {
        let is_marked_before = |lap: &&Lap<P>| lap.mark.is_none_or(|mark| mark <= began);
        self.lap
            .as_ref()
            .filter(|lap| lap.begins <= began)
            .filter(is_marked_before)
    }

    /// Every row up to `next` was passed, which came to `tally`; `None`: every row of the table. Gives back the sweep, once
    /// it is over.
    pub fn passed(&mut self, next: Option<P>, tally: Tally, now: EpochSeconds) -> Option<Lap<P>> {
        let lap = self.lap.as_mut()?;
        lap.tally += tally;
        lap.place = next;
        if lap.place.is_some() {
            return None;
        }
        // Once more for what was missing, unless that has been of no use.
        let misses = lap.tally.missing > 0 && lap.tally.missing != lap.missing_before;
        if lap.again || misses {
            lap.again = false;
            lap.missing_before = lap.tally.missing;
            lap.tally.missing = 0;
            lap.tally.bearing = 0;
            return None;
        }
        self.end = Some(now);
        self.lap.take()
    }

    /// One more reason. A sweep that is under way for the same rows goes on from where it is, and then once more round.
    fn start(&mut self, scope: SweepScope, mark: Option<EpochSeconds>, begins: EpochSeconds) {
        self.lap = Some(match self.lap.take() {
            None => Lap {
                scope,
                mark,
                begins,
                place: None,
                again: false,
                missing_before: 0,
                tally: Tally::default(),
            },
            Some(lap) => {
                let is_same = lap.scope == scope;
                let again = is_same && lap.place.is_some();
                Lap {
                    scope: lap.scope.or(scope),
                    mark: lap.mark.max(mark),
                    begins: lap.begins.max(begins),
                    again,
                    place: lap.place.filter(|_| again),
                    missing_before: 0,
                    tally: Tally {
                        bearing: if again { lap.tally.bearing } else { 0 },
                        missing: if again { lap.tally.missing } else { 0 },
                        ..lap.tally
                    },
                }
            }
        });
    }
}

const EVERYTHING: SweepScope = SweepScope {
    tenant: None,
    statuses: SweepStatuses::All,
};

#[cfg(test)]
mod tests;

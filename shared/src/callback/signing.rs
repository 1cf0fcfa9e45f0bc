//! Which key signs new callback URLs, and which versions of the secret bear our label for how long.
//!
//! A webhook keeps its URL, and with it the key that signed it, until 180 days after it was last set, however often the secret is
//! rotated meanwhile. So a version that was signed with bears our label for as long, and a version that no receiver may know yet is
//! not signed with:
//!
//! - Only the current version is ever *taken up*, at most every [`TAKE_UP_INTERVAL`]: it gets its label, is known by every receiver
//!   two minutes later, and from then on is the one *in use*. The one before isn't signed with any more, and its label is
//!   taken away [`LABEL_LIFETIME`] later. That makes 15 labels at most: 13 of versions whose use ended 14, 28, … 182 days ago, the
//!   one in use and the next. Where a key in use is being retired its successor is taken up at once, as long as there are
//!   fewer than [`MOST_LABELS`].
//! - A version whose key id is another's is never labelled: tokens and labels name a version by these eight characters alone.
//! - While the version in use can't be signed with, because its label was lost or has only just been set again, the one that was used
//!   last before it stands in.
//! - What a version holds must be a key, and Secrets Manager must take the label: the caller tells which are unfit.
//!
//! What was taken up is remembered in a [`SigningRecord`]. Register and renew go round one loop until nothing is left to do
//! ([`next_step`]): each step follows from a listing and the record as they are, so several processes may be at it, and any may end
//! between two steps. The record is written before a label is set (one next version at a time, however many processes) and
//! after it is seen (how long it has been there). A record that is lost is made again from the labels: each counts as used until now.

mod retirement;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::key::VersionId;
use super::keys::{Listing, SETTLING_TIME};
use crate::registration::renewal::{EpochSeconds, LIFETIME};

pub use retirement::{FinishObjection, Force, RetireObjection};

/// How often a current version is taken up at most.
pub const TAKE_UP_INTERVAL: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How long a version bears its label after it was last signed with: as long as a webhook lives, as long as its last notification
/// may wait in a queue after that (SQS: 14 days at most), and a day for signers that hadn't heard and for clocks that differ.
pub const LABEL_LIFETIME: SignedDuration = SignedDuration::from_hours(LIFETIME.as_hours() + (14 + 1) * 24);

/// How many of a secret's 20 labels are Printbell's at the most. Three are Secrets Manager's own, and one is left for a person.
pub const MOST_LABELS: usize = 16;

/// How old what a signer goes by may be.
pub const SIGNING_KEYS_LIFETIME: SignedDuration = SignedDuration::from_secs(300);

/// How long after a version was last to be signed with a row may still be written that bears it: what a signer goes by may be five
/// minutes old, and an invocation takes up to fifteen.
pub const SIGNERS_REST: SignedDuration = SignedDuration::from_secs(20 * 60);

/// For how long a version stands in for the one in use, before that is asked again.
const STAND_IN_TIME: SignedDuration = SignedDuration::from_hours(1);

/// What is remembered of the versions that were taken up for signing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SigningRecord {
    /// How often it was written. It is written on condition that this is still what was read.
    pub revision: u64,
    /// When a version was last taken up.
    pub take_up: EpochSeconds,
    /// The version that is signed with.
    pub in_use: Option<VersionId>,
    /// The version that will be, once its label has been there for two minutes.
    pub next: Option<VersionId>,
    /// Every version that was taken up and may still be in a URL, and every one that was retired.
    pub versions: BTreeMap<VersionId, SigningVersion>,
}

/// What is remembered of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningVersion {
    /// From when on it may be signed with, for its label has been there for long enough; `None` while no label of it was seen.
    pub usable_from: Option<EpochSeconds>,
    /// When it was last to be signed with. The one in use may be signed with in spite of it; `None` before the first use.
    pub last_use: Option<EpochSeconds>,
    /// Whether it is to go.
    pub standing: Standing,
}

/// Whether a version is to go on counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Good,
    /// It is to be retired once no webhook bears it.
    Retiring,
    /// It is never labelled or signed with again.
    Retired,
}

/// What is to be done next. Each is followed by a fresh look at what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write this record, on condition that the one before it is still there.
    Write(SigningRecord),
    /// Set the version's label.
    Label(VersionId),
    /// Take the version's label away.
    Unlabel(VersionId),
    /// Nothing for now.
    Rest,
}

/// What a run has to know about the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyStatus {
    /// The versions that a webhook may bear.
    pub good: BTreeSet<VersionId>,
    /// Those that are to be retired and that nobody signs with any more, and since when: once no row bears one, it can be.
    pub retiring: BTreeMap<VersionId, EpochSeconds>,
    /// Those that are to be retired and may still be signed with: too early to look for rows.
    pub last_uses: BTreeSet<VersionId>,
}

/// What is to be done next, as `listing` and `record` say at `now`. `unfit` are the versions that hold no key, or that Secrets Manager
/// wouldn't label.
pub fn next_step(
    listing: &Listing,
    record: Option<&SigningRecord>,
    unfit: &BTreeSet<VersionId>,
    now: EpochSeconds,
) -> Step {
    let mut fresh = record.cloned().unwrap_or_else(|| SigningRecord::remake(listing, now));
    fresh.look_at(listing, now);
    fresh.expire(listing, now);
    let is_abandoned = fresh.abandon(listing, now);
    fresh.switch(listing, now);
    fresh.take_up(listing, unfit, now, is_abandoned);
    fresh.stand_in(listing, now);
    if record != Some(&fresh) {
        fresh.revision += 1;
        return Step::Write(fresh);
    }
    let is_labelled = |version: &VersionId| listing.bearers().contains(version);
    let versions = fresh.versions.keys().filter(|version| !unfit.contains(version));
    let (keep, leave): (Vec<_>, Vec<_>) = versions.partition(|version| fresh.deserves_label(version, listing, now));
    let label = keep.into_iter().find(|version| !is_labelled(version));
    match leave.into_iter().find(|version| is_labelled(version)) {
        Some(version) => Step::Unlabel(version.clone()),
        None => label.map_or(Step::Rest, |version| Step::Label(version.clone())),
    }
}

impl SigningRecord {
    /// What can be told from the labels alone.
    fn remake(listing: &Listing, now: EpochSeconds) -> Self {
        let labelled = listing.bearers();
        let current = labelled.get(listing.current());
        Self {
            // Nobody knows how long ago the last one was, unless there was none.
            take_up: if labelled.is_empty() { EpochSeconds(0) } else { now },
            in_use: current.or(labelled.last()).cloned(),
            ..Self::default()
        }
    }

    /// Takes in which labels there are.
    fn look_at(&mut self, listing: &Listing, now: EpochSeconds) {
        for version in listing.bearers() {
            self.versions.entry(version.clone()).or_insert(SigningVersion {
                usable_from: None,
                last_use: Some(now),
                standing: Standing::Good,
            });
        }
        for (version, memory) in &mut self.versions {
            if !listing.bearers().contains(version) {
                memory.usable_from = None;
            } else if memory.usable_from.is_none() {
                // The only version there is has been in every listing.
                let settling = if listing.has_one_version() {
                    SignedDuration::ZERO
                } else {
                    SETTLING_TIME
                };
                memory.usable_from = Some(now + settling);
            }
        }
    }

    /// Forgets what no webhook bears any more, once its label is gone. What was to be retired is.
    fn expire(&mut self, listing: &Listing, now: EpochSeconds) {
        let versions: Vec<_> = self.versions.keys().cloned().collect();
        for version in versions {
            if !self.is_over(&version, listing, now) {
                continue;
            }
            match self.versions.get_mut(&version) {
                Some(memory) if memory.standing == Standing::Retiring => memory.standing = Standing::Retired,
                Some(memory) if memory.standing == Standing::Good && !listing.bearers().contains(&version) => {
                    self.versions.remove(&version);
                }
                _ => {}
            }
        }
    }

    /// Whether no webhook bears the version any more, if one ever did.
    fn is_over(&self, version: &VersionId, listing: &Listing, now: EpochSeconds) -> bool {
        let is_needed = [self.in_use.as_ref(), self.next.as_ref(), Some(listing.current())].contains(&Some(version));
        let last_use = self.versions.get(version).and_then(|memory| memory.last_use);
        !is_needed && last_use.is_none_or(|at| now - at > LABEL_LIFETIME)
    }

    fn deserves_label(&self, version: &VersionId, listing: &Listing, now: EpochSeconds) -> bool {
        let is_retired = self.standing(version) == Some(Standing::Retired);
        !is_retired && !self.is_over(version, listing, now)
    }

    /// Gives up a next version that nobody could label, and that is current no more: whoever was about to has ended since.
    fn abandon(&mut self, listing: &Listing, now: EpochSeconds) -> bool {
        let next = self.next.as_ref().filter(|next| {
            *next != listing.current() && !listing.bearers().contains(*next) && now - self.take_up > SIGNERS_REST
        });
        let Some(next) = next.cloned() else {
            return false;
        };
        self.next = None;
        if self.versions.get(&next).is_some_and(|memory| memory.last_use.is_none()) {
            self.versions.remove(&next);
        }
        true
    }

    /// Has the next version be the one in use, once it may be signed with.
    fn switch(&mut self, listing: &Listing, now: EpochSeconds) {
        let Some(next) = self.next.take_if(|next| is_usable(&self.versions, next, listing, now)) else {
            return;
        };
        if let Some(memory) = self
            .in_use
            .replace(next)
            .and_then(|before| self.versions.get_mut(&before))
        {
            memory.last_use = Some(now);
        }
    }

    /// Has the current version be the next one, if it is time and nothing speaks against it.
    fn take_up(&mut self, listing: &Listing, unfit: &BTreeSet<VersionId>, now: EpochSeconds, is_at_once: bool) -> bool {
        let current = listing.current();
        let in_use = self.in_use.as_ref();
        let is_in_good_hands = in_use.and_then(|version| self.standing(version)) == Some(Standing::Good);
        let is_time = is_at_once || !is_in_good_hands || now - self.take_up >= TAKE_UP_INTERVAL;
        let has_label = match self.standing(current) {
            Some(standing) => standing == Standing::Good,
            None => self.label_count(listing) < MOST_LABELS,
        };
        let mut others = self
            .versions
            .keys()
            .chain(listing.bearers())
            .filter(|other| *other != current);
        let has_own_id = !others.any(|other| other.key_id() == current.key_id());
        let is_possible = has_label && has_own_id && !unfit.contains(current);
        if self.next.is_some() || in_use == Some(current) || !is_time || !is_possible {
            return false;
        }
        self.take_up = now;
        self.next = Some(current.clone());
        self.versions.entry(current.clone()).or_insert(SigningVersion {
            usable_from: None,
            last_use: None,
            standing: Standing::Good,
        });
        true
    }

    /// Has a version stand in for the one in use while that can't be signed with.
    fn stand_in(&mut self, listing: &Listing, now: EpochSeconds) {
        if self.signing_version(listing, now).is_some() {
            return;
        }
        let last = self
            .good(listing, now)
            .max_by_key(|(version, memory)| (memory.last_use, *version));
        let last = last.map(|(version, _)| version.clone());
        if let Some(memory) = last.and_then(|version| self.versions.get_mut(&version)) {
            memory.last_use = Some(now + STAND_IN_TIME);
        }
    }

    /// The versions that could be signed with.
    fn good(&self, listing: &Listing, now: EpochSeconds) -> impl Iterator<Item = (&VersionId, &SigningVersion)> {
        let good = self
            .versions
            .iter()
            .filter(|(_, memory)| memory.standing == Standing::Good);
        good.filter(move |(version, _)| is_usable(&self.versions, version, listing, now))
    }

    /// The version to sign with: the one in use, or the one that stands in for it.
    pub fn signing_version(&self, listing: &Listing, now: EpochSeconds) -> Option<&VersionId> {
        let in_use = self.in_use.as_ref();
        let in_use = in_use.filter(|version| is_usable(&self.versions, version, listing, now));
        in_use.or_else(|| {
            let good = self.good(listing, now);
            let deputies = good.filter(|(_, memory)| memory.last_use.is_some_and(|until| until > now));
            let last = deputies.max_by_key(|(version, memory)| (memory.last_use, *version));
            last.map(|(version, _)| version)
        })
    }

    /// How many labels are Printbell's, or will be.
    fn label_count(&self, listing: &Listing) -> usize {
        let good = self
            .versions
            .iter()
            .filter(|(_, memory)| memory.standing != Standing::Retired);
        let versions: BTreeSet<_> = good.map(|(version, _)| version).chain(listing.bearers()).collect();
        // On a version that isn't its own, by a person's hand.
        let strays = listing.label_count() - listing.bearers().len();
        versions.len() + strays
    }

    fn standing(&self, version: &VersionId) -> Option<Standing> {
        self.versions.get(version).map(|memory| memory.standing)
    }

    /// Forgets a version that Secrets Manager has deleted, for want of a label: nothing can bring it back.
    pub fn without(&self, version: &VersionId) -> Self {
        let mut record = self.clone();
        record.revision += 1;
        record.versions.remove(version);
        record.in_use.take_if(|in_use| in_use == version);
        record.next.take_if(|next| next == version);
        record
    }

    /// Whether the current version should have been taken up, and something speaks against it.
    pub fn is_overdue(&self, listing: &Listing, now: EpochSeconds) -> bool {
        let is_other = self.in_use.as_ref() != Some(listing.current());
        is_other && self.next.is_none() && now - self.take_up >= TAKE_UP_INTERVAL
    }

    /// What a run has to know.
    pub fn status(&self, now: EpochSeconds) -> KeyStatus {
        let mut status = KeyStatus::default();
        for (version, memory) in &self.versions {
            let version = version.clone();
            match memory.standing {
                Standing::Good => drop(status.good.insert(version)),
                Standing::Retiring if self.may_be_signed_with(&version, now) => drop(status.last_uses.insert(version)),
                Standing::Retiring => {
                    let rest = memory.last_use.map_or(EpochSeconds(0), |at| at + SIGNERS_REST);
                    status.retiring.insert(version, rest);
                }
                Standing::Retired => {}
            }
        }
        status
    }

    /// Whether a row may still be written that bears the version.
    fn may_be_signed_with(&self, version: &VersionId, now: EpochSeconds) -> bool {
        let last_use = self.versions.get(version).and_then(|memory| memory.last_use);
        self.in_use.as_ref() == Some(version) || last_use.is_some_and(|at| now - at < SIGNERS_REST)
    }
}

/// Whether receivers know the version: its label is there, and has been for long enough.
fn is_usable(
    versions: &BTreeMap<VersionId, SigningVersion>,
    version: &VersionId,
    listing: &Listing,
    now: EpochSeconds,
) -> bool {
    let is_settled = |memory: &SigningVersion| {
        memory.standing != Standing::Retired && memory.usable_from.is_some_and(|from| from <= now)
    };
    listing.bearers().contains(version) && versions.get(version).is_some_and(is_settled)
}

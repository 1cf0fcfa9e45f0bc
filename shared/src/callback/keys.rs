//! The keys that callback tokens may be signed with, as far as one process knows them: versions of one Secrets Manager secret.
//!
//! A version *counts* while it is the current one, or bears [our label](super::key::VersionId::label). A rotation is a new version
//! of the secret and nothing else: register and renew label it and take it up ([`super::signing`]), renewals carry it out, and
//! receivers learn of it when they meet a key id that they don't know.
//!
//! # What can be told, and when
//! Which versions count is told by Secrets Manager for one moment, all at once: a [`Listing`]. What a version holds never
//! changes, so it is read once. A listing and the keys of all versions in it are a *whole read*, as of the moment at which the
//! listing was asked for; anything less is cut short, and proves nothing about a key that isn't in it.
//!
//! - A token that one of the known keys has signed is authentic, however little is known beside: unless the key may have been
//!   retired meanwhile, so a process looks again [every nine minutes](KNOWN_KEYS_LIFETIME).
//! - **Any other can only be refused by a whole read that is newer than the token's key could be.** Nobody signs with a version
//!   within [`SETTLING_TIME`] of its having been labelled, and a label stays: other versions' rotations don't take it away. So a key
//!   that a callback was signed with, and that still counts, had counted for two minutes when the callback came, and was in every
//!   listing of those two minutes; and a whole read that is at most [`REFETCH_INTERVAL`] older than the callback knows it. The
//!   minute between the two is for clocks that differ, and for Secrets Manager's own copies.
//! - This goes for the wrong signature under a known key id, too: another version's id may begin the same.
//! - So whoever makes up key ids costs a whole read a minute, and is refused all the time while Secrets Manager answers; and what
//!   they cost takes nothing from a good key, since the read that they spent is new enough to know it. While Secrets Manager
//!   doesn't answer, nobody can tell the two apart: both wait.
//!
//! A key that was retired between a callback and the read is like one that was never there.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::key::{CallbackKey, LABEL_PREFIX, VersionId};
use super::query::{Claim, Token};
use crate::id::RegistrationKey;

/// Only a whole read so old makes room for the next: so that made-up key ids don't become calls to Secrets Manager.
pub const REFETCH_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// How long a version must have borne its label before it is signed with.
pub const SETTLING_TIME: SignedDuration = SignedDuration::from_secs(120);

/// How long a key is accepted without looking whether it still counts: every process refuses a retired key within ten minutes,
/// and the tenth is for clocks that differ and for Secrets Manager's own copies.
pub const KNOWN_KEYS_LIFETIME: SignedDuration = SignedDuration::from_secs(9 * 60);

/// The label of the version that is taken up for signing.
pub const CURRENT: &str = "AWSCURRENT";

/// What a secret's versions were at one moment: which is current, and which bear their label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    current: VersionId,
    /// Those that bear the label of their own key id.
    bearers: BTreeSet<VersionId>,
    /// How many versions there are; one without any label is none.
    size: usize,
    /// How many labels are Printbell's, on the right version or not.
    labels: usize,
    /// Whether the current version counts without its label.
    counts_current: bool,
}

impl Listing {
    /// The listing of a secret whose versions bear these labels; `None` where no version is current.
    pub fn new<'a, L: AsRef<str> + 'a>(versions: impl IntoIterator<Item = (&'a str, &'a [L])>) -> Option<Self> {
        let (mut current, mut bearers) = (None, BTreeSet::new());
        let (mut size, mut labels) = (0, 0);
        for (id, stages) in versions {
            let id = VersionId::from(id);
            let own = id.label();
            size += usize::from(!stages.is_empty());
            labels += stages
                .iter()
                .filter(|stage| stage.as_ref().starts_with(LABEL_PREFIX))
                .count();
            if stages.iter().any(|stage| stage.as_ref() == own) {
                bearers.insert(id.clone());
            }
            if stages.iter().any(|stage| stage.as_ref() == CURRENT) {
                current = Some(id);
            }
        }
        Some(Self {
            current: current?,
            bearers,
            size,
            labels,
            counts_current: true,
        })
    }

    /// The same of a secret that nobody signs with any more: only what bears its label counts.
    pub fn of_labels(self) -> Self {
        Self {
            counts_current: false,
            ..self
        }
    }

    /// That of a secret none of whose versions counts.
    pub fn empty() -> Self {
        Self {
            current: VersionId::from(""),
            bearers: BTreeSet::new(),
            size: 0,
            labels: 0,
            counts_current: false,
        }
    }

    /// The version that Secrets Manager calls current.
    pub fn current(&self) -> &VersionId {
        &self.current
    }

    /// The versions that bear their label.
    pub fn bearers(&self) -> &BTreeSet<VersionId> {
        &self.bearers
    }

    /// Whether the current version is the only one.
    pub fn has_one_version(&self) -> bool {
        self.size == 1
    }

    /// How many labels are Printbell's.
    pub fn label_count(&self) -> usize {
        self.labels
    }

    /// The versions that count.
    pub fn versions(&self) -> impl Iterator<Item = &VersionId> {
        let current = Some(&self.current).filter(|_| self.counts_current);
        let others = self.bearers.iter().filter(move |version| Some(*version) != current);
        current.into_iter().chain(others)
    }
}

/// What the keys say about a [`Claim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was signed with one of the keys.
    Authentic,
    /// It was not, though it names one; or there is nothing that could have been signed.
    Forged,
    /// It names a key that doesn't count: made up, or out of use since.
    NoSuchKey,
}

/// The keys that are known.
#[derive(Clone, Default)]
pub struct CallbackKeys {
    /// What was read of the versions that count; `None` for one that holds nothing that can be a key, so that nobody signs
    /// with it.
    read: Vec<(VersionId, Option<CallbackKey>)>,
    /// The last listing, and when it was asked for.
    listing: Option<(Listing, Timestamp)>,
    /// When the current version's key was read, before there was any listing.
    warm_at: Option<Timestamp>,
}

impl CallbackKeys {
    /// Takes in which versions counted when that was asked for at `asked`, and forgets all others.
    pub fn list(&mut self, listing: Listing, asked: Timestamp) {
        self.read
            .retain(|(version, _)| listing.versions().any(|other| other == version));
        self.listing = Some((listing, asked));
    }

    /// Takes in the key of the version that was current at `asked`, before anything else is known.
    pub fn warm_up(&mut self, key: CallbackKey, asked: Timestamp) {
        self.warm_at = Some(asked);
        self.learn(key.version().clone(), Some(key));
    }

    /// Whether it was seen lately that the known keys count: what they sign may be accepted without looking again.
    pub fn are_recent(&self, now: Timestamp) -> bool {
        let at = self.listed_at().or(self.warm_at);
        at.is_some_and(|at| now.duration_since(at) < KNOWN_KEYS_LIFETIME)
    }

    /// Takes in what a version that counts holds.
    pub fn learn(&mut self, version: VersionId, key: Option<CallbackKey>) {
        if !self.has_read(&version) {
            self.read.push((version, key));
        }
    }

    /// The versions that were listed and not yet read.
    pub fn missing(&self) -> Vec<VersionId> {
        let listed = self.listing.iter().flat_map(|(listing, _)| listing.versions());
        listed.filter(|version| !self.has_read(version)).cloned().collect()
    }

    /// When the last listing was asked for.
    pub fn listed_at(&self) -> Option<Timestamp> {
        self.listing.as_ref().map(|(_, asked)| *asked)
    }

    /// As of when every version that counted is known; `None` if what was read was cut short.
    pub fn whole_at(&self) -> Option<Timestamp> {
        self.listed_at().filter(|_| self.missing().is_empty())
    }

    fn has_read(&self, version: &VersionId) -> bool {
        self.read.iter().any(|(other, _)| other == version)
    }

    fn keys(&self) -> impl Iterator<Item = &CallbackKey> {
        self.read.iter().filter_map(|(_, key)| key.as_ref())
    }

    /// Checks the claim of a callback that came at `received`, or nothing in the same time: what the keys do doesn't tell why
    /// a request was refused. `None` means that it can't be told from what is known.
    pub fn verify(&self, claim: Option<&Claim>, received: Timestamp) -> Option<Verdict> {
        let decoy = decoy();
        let Claim { registration, token } = claim.unwrap_or(&decoy);
        let mut checked: Vec<_> = self.keys().filter(|key| key.id() == token.key_id).cloned().collect(); // nearly always one
        let is_named = !checked.is_empty();
        if !is_named {
            checked.push(self.keys().next().cloned().unwrap_or_else(decoy_key));
        }
        let is_signed = checked.iter().any(|key| key.verifies(registration, &token.signature));
        let whole_at = self.whole_at();
        let can_tell = whole_at.is_some_and(|at| received.duration_since(at) < REFETCH_INTERVAL);
        match claim {
            None => Some(Verdict::Forged),
            Some(_) if is_named && is_signed => Some(Verdict::Authentic),
            Some(_) if is_named => can_tell.then_some(Verdict::Forged),
            Some(_) => can_tell.then_some(Verdict::NoSuchKey),
        }
    }
}

/// What is checked in place of a claim that isn't there; it names no key.
fn decoy() -> Claim {
    let registration = RegistrationKey {
        tenant: "-".parse().unwrap_or_else(|_| unreachable!("a dash is an id")),
        printer: "-".parse().unwrap_or_else(|_| unreachable!("a dash is an id")),
    };
    Claim {
        registration,
        token: Token {
            key_id: String::new(),
            signature: [0; 32],
        },
    }
}

/// What is checked against while no key is known.
fn decoy_key() -> CallbackKey {
    CallbackKey::new("", &SecretString::default())
}

#[cfg(test)]
mod tests;

//! The keys that sign callback tokens, as far as one process knows them: versions of one Secrets Manager secret.
//!
//! A version *counts* while it bears one of the `COUNTING` labels. A rotation is a new version of the secret and nothing
//! else: receivers learn of it when they meet a key id that they don't know, and renewals carry the new key out.
//!
//! # What can be told, and when
//! Which versions count is told by Secrets Manager for one moment, all at once: a [`Listing`]. What a version holds never
//! changes, so it is read once. A listing and the keys of all versions in it are a *whole read*, as of the moment at which the
//! listing was asked for; anything less is cut short, and proves nothing about a key that isn't in it.
//!
//! - A token that one of the known keys has signed is authentic, however little is known beside.
//! - **Any other can only be refused by a whole read that is newer than the token's key could be.** Nobody signs with a version
//!   within [`SETTLING_TIME`] of the secret's last change. So a key that a callback was signed with, and that still counts, had
//!   counted for two minutes when the callback came, and was in every listing of those two minutes; and a whole read that is at
//!   most [`REFETCH_INTERVAL`] older than the callback knows it. The minute between the two is for clocks that differ, and for
//!   Secrets Manager's own copies.
//! - This goes for the wrong signature under a known key id, too: another version's id may begin the same.
//! - So whoever makes up key ids costs a whole read a minute, and is refused all the time while Secrets Manager answers; and what
//!   they cost takes nothing from a good key, since the read that they spent is new enough to know it. While Secrets Manager
//!   doesn't answer, nobody can tell the two apart: both wait.
//!
//! A key that was taken out of use between a callback and the read is like one that was never there. Only the labels of today
//! make two rotations within two minutes lossy: a version that was current for less than that is signed with while it is settling.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::key::{CallbackKey, VersionId};
use super::query::{Claim, Token};
use crate::id::RegistrationKey;

/// Only a whole read so old makes room for the next: so that made-up key ids don't become calls to Secrets Manager.
pub const REFETCH_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// How long ago the secret must have changed before its current version is signed with.
pub const SETTLING_TIME: SignedDuration = SignedDuration::from_secs(120);

/// The label of the version that is taken up for signing.
const CURRENT: &str = "AWSCURRENT";
/// The labels that make a version count.
const COUNTING: [&str; 2] = [CURRENT, "AWSPREVIOUS"];

/// Which versions counted at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    current: VersionId,
    /// The others that count.
    others: Vec<VersionId>,
    /// When the secret was last changed in any way.
    changed: Timestamp,
}

impl Listing {
    /// The listing of a secret whose versions bear these labels, and which was last changed at `changed`; `None` where no
    /// version is current.
    pub fn new<'a, L: AsRef<str> + 'a>(
        versions: impl IntoIterator<Item = (&'a str, &'a [L])>,
        changed: Timestamp,
    ) -> Option<Self> {
        let mut current = None;
        let mut others = Vec::new();
        for (id, labels) in versions {
            let bears = |label: &str| labels.iter().any(|other| other.as_ref() == label);
            if bears(CURRENT) {
                current = Some(id.into());
            } else if COUNTING.into_iter().any(bears) {
                others.push(id.into());
            }
        }
        Some(Self {
            current: current?,
            others,
            changed,
        })
    }

    fn versions(&self) -> impl Iterator<Item = &VersionId> {
        std::iter::once(&self.current).chain(&self.others)
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
}

impl CallbackKeys {
    /// Takes in which versions counted when that was asked for at `asked`, and forgets all others.
    pub fn list(&mut self, listing: Listing, asked: Timestamp) {
        self.read
            .retain(|(version, _)| listing.versions().any(|other| other == version));
        self.listing = Some((listing, asked));
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

    /// The key to sign new callback URLs with: the current one, once it has had the time to be [known](SETTLING_TIME) or if
    /// there never was another; else the one before. `None` where that hasn't been read, or is no key.
    pub fn signing_key(&self, now: Timestamp) -> Option<&CallbackKey> {
        let (listing, _) = self.listing.as_ref()?;
        let has_settled = listing.others.is_empty() || now.duration_since(listing.changed) >= SETTLING_TIME;
        let current = has_settled.then_some(&listing.current);
        let mut candidates = current.into_iter().chain(&listing.others);
        candidates.find_map(|version| self.keys().find(|key| key.version() == version))
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

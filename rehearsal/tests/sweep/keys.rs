//! The keys, as the contract says: which is signed with, by whom for how much longer, and how far a retirement is.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use printbell_shared::callback::key::VersionId;
use printbell_shared::registration::renewal::EpochSeconds;

use crate::cast::Signer;

/// How old what a signer goes by may be.
const SIGNERS_KNOWLEDGE: i64 = 5 * 60;

/// How long after a key was last to be signed with nobody can be at a call any more that bears it, and no row be written: what a
/// signer goes by may be five minutes old, and an invocation takes up to fifteen.
const SIGNERS_REST: SignedDuration = SignedDuration::from_mins(20);

/// How far it is with the first key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    Good,
    Retiring,
    Retired,
}

/// The two keys: the first one is in use at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Keys {
    /// What became of the first one.
    pub first: Standing,
    /// When the second one was put in its place.
    pub change: Option<i64>,
}

impl Keys {
    pub const FIRST: Self = Self {
        first: Standing::Good,
        change: None,
    };

    /// Whether somebody may sign with it now.
    pub fn may_sign(&self, signer: Signer, now: i64) -> bool {
        match signer {
            Signer::First => {
                self.first != Standing::Retired && self.change.is_none_or(|at| now - at <= SIGNERS_KNOWLEDGE)
            }
            Signer::Second => self.change.is_some(),
        }
    }

    /// Whether callbacks under it are accepted.
    pub fn accepts(&self, signer: Signer) -> bool {
        match signer {
            Signer::First => self.first != Standing::Retired,
            Signer::Second => true,
        }
    }

    /// Since when nobody can be at a call that bears the first key.
    pub fn rest(&self) -> Option<EpochSeconds> {
        self.change.map(|at| EpochSeconds(at) + SIGNERS_REST)
    }

    /// The versions that a webhook may bear.
    pub fn good(&self) -> BTreeSet<VersionId> {
        let first = Some(Signer::First).filter(|_| self.first == Standing::Good);
        let second = Some(Signer::Second).filter(|_| self.change.is_some());
        first.into_iter().chain(second).map(Signer::version).collect()
    }

    /// The versions that are to be retired, and that nobody signs with any more.
    pub fn retiring(&self, now: EpochSeconds) -> BTreeSet<VersionId> {
        let is_retiring = self.first == Standing::Retiring && self.rest().is_some_and(|rest| rest <= now);
        is_retiring.then(|| Signer::First.version()).into_iter().collect()
    }

    /// When what may be signed with, or what is known of it, changes by itself.
    pub fn moments(&self) -> impl Iterator<Item = i64> + use<> {
        let first = self.change.filter(|_| self.first != Standing::Retired);
        let knowledge = first.map(|at| at + SIGNERS_KNOWLEDGE + 1);
        let rest = self.rest().filter(|_| self.first != Standing::Retired);
        knowledge.into_iter().chain(rest.map(|rest| rest.0))
    }
}

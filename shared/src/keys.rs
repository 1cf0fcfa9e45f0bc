//! The keys that sign callback tokens: versions `AWSCURRENT` and `AWSPREVIOUS` of one Secrets Manager secret.
//!
//! A rotation is a new version of the secret and nothing else. The receiver accepts both versions and learns of a new
//! one when it meets a key id that it doesn't know; renewals carry the new key out. What makes that lossless is
//! [`CallbackKeys::signing_key`]: nobody signs with a key until every receiver is able to learn it.
//!
//! [`secret`] reads the versions, [`ring`] remembers them.

pub mod ring;
pub mod secret;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::callback::CallbackKey;
use crate::id::RegistrationKey;
use crate::query::{Claim, Token};

pub use ring::KeyRing;
pub use secret::{CallbackSecret, KeySource, Versions};

/// How old a version must be before tokens are signed with it. A receiver that read the secret just before the
/// rotation reads it again after [`ring::REFETCH_INTERVAL`] at the latest; the rest is for clocks that differ and for a
/// rotation function that makes a version some moments before it makes it current.
pub const SETTLING_TIME: SignedDuration = SignedDuration::from_secs(120);

/// The keys can't be had now.
#[derive(Debug, Clone, Error)]
pub enum KeysUnavailable {
    /// Secrets Manager didn't give the secret.
    #[error("the callback keys can't be read from Secrets Manager: {0}")]
    Unreachable(String),
    /// The secret holds something else than a key.
    #[error(
        "version {0} of the callback secret is not usable: it must be a text of at least 16 bytes; put a new version \
         (`aws secretsmanager get-random-password` makes one)"
    )]
    Unusable(String),
    /// A read failed a moment ago, and it is too early for the next one.
    #[error("the callback keys could not be read a moment ago; waiting before the next try")]
    Waiting,
}

/// What the keys say about a [`Claim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was signed with one of the keys.
    Authentic,
    /// It was not.
    Forged,
    /// It names a key that isn't known here. It may be newer than these keys.
    UnknownKey,
}

/// The keys that are accepted.
#[derive(Clone)]
pub struct CallbackKeys {
    current: CallbackKey,
    /// When Secrets Manager made the current version.
    current_since: Timestamp,
    previous: Previous,
}

/// The key before the current one.
#[derive(Clone)]
pub enum Previous {
    /// Nobody has looked: most receivers never meet a token that needs it, and start faster without.
    Unread,
    /// The secret was never rotated.
    None,
    /// This one.
    Key(CallbackKey),
}

impl CallbackKeys {
    /// Keys from the given versions.
    pub fn new(current: CallbackKey, current_since: Timestamp, previous: Previous) -> Self {
        Self {
            current,
            current_since,
            previous,
        }
    }

    /// Whether an unknown key id is one that was never good, as far as these keys go.
    fn are_complete(&self) -> bool {
        !matches!(self.previous, Previous::Unread)
    }

    fn previous(&self) -> Option<&CallbackKey> {
        match &self.previous {
            Previous::Key(key) => Some(key),
            Previous::Unread | Previous::None => None,
        }
    }

    /// The key to sign new callback URLs with: the current one, once it has had the time to be [known](SETTLING_TIME).
    pub fn signing_key(&self, now: Timestamp) -> &CallbackKey {
        match self.previous() {
            Some(previous) if now.duration_since(self.current_since) < SETTLING_TIME => previous,
            _ => &self.current,
        }
    }

    /// Checks a claim, or nothing in the same time: what the keys do doesn't tell why a request was refused.
    pub fn verify(&self, claim: Option<&Claim>) -> Verdict {
        let decoy = decoy();
        let (claim, is_claim) = claim.map_or((&decoy, false), |claim| (claim, true));
        let key = [Some(&self.current), self.previous()]
            .into_iter()
            .flatten()
            .find(|key| key.id() == claim.token.key_id);
        let authentic = key
            .unwrap_or(&self.current)
            .verifies(&claim.registration, &claim.token.signature);
        match (is_claim, key, authentic) {
            (true, Some(_), true) => Verdict::Authentic,
            (true, None, _) => Verdict::UnknownKey,
            _ => Verdict::Forged,
        }
    }
}

/// What is checked in place of a claim that isn't there.
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

#[cfg(test)]
mod tests;

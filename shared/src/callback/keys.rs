//! The keys that sign callback tokens: versions `AWSCURRENT` and `AWSPREVIOUS` of one Secrets Manager secret.
//!
//! A rotation is a new version of the secret and nothing else. The receiver accepts both versions and learns of a new
//! one when it meets a key id that it doesn't know; renewals carry the new key out. What makes that lossless is
//! [`CallbackKeys::signing_key`]: nobody signs with a key until every receiver is able to learn it.

use jiff::{SignedDuration, Timestamp};

use super::key::CallbackKey;
use super::query::{Claim, Token};
use crate::id::RegistrationKey;

/// An unknown key id makes the receiver read the secret again, at most this often: so that made-up key ids don't become
/// calls to Secrets Manager.
pub const REFETCH_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// How old a version must be before tokens are signed with it. A receiver that read the secret just before the
/// rotation reads it again after [`REFETCH_INTERVAL`] at the latest; the rest is for clocks that differ and for a
/// rotation function that makes a version some moments before it makes it current.
pub const SETTLING_TIME: SignedDuration = SignedDuration::from_secs(120);

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
    pub fn are_complete(&self) -> bool {
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

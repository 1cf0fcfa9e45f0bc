//! What a registration's key decides: its second of a cycle, its shard, and how its retries are spread.

use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::{Cycle, EpochSeconds};
use crate::id::RegistrationKey;

/// How long a slot must be away to be the next one; without it a success just before its slot would be repeated at once.
const MIN_AGE: SignedDuration = SignedDuration::from_hours(24);

/// How many values `dueShard` has.
///
/// A partition of the index takes 1,000 writes a second, and a registration costs it up to 5 (in, and out and in again at
/// lease and result): 16 shards take 3,000 registrations a second. A run that finds nothing costs 16 queries.
pub const SHARDS: u32 = 16;

/// The hash of a registration's key: the only randomness of the state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub u64);

impl From<&RegistrationKey> for KeyHash {
    /// The first 64 bits of SHA-256 over the key.
    fn from(key: &RegistrationKey) -> Self {
        let digest = Sha256::digest(key.to_bytes());
        Self(
            digest
                .iter()
                .take(8)
                .fold(0, |hash, byte| (hash << 8) | u64::from(*byte)),
        )
    }
}

impl KeyHash {
    /// `dueShard`: which part of the index the row is in.
    pub fn shard(self) -> u32 {
        self.0 as u32 % SHARDS
    }

    /// `duration`, up to 20 % more or less: the same for the same key and attempt, evenly spread over keys.
    pub(super) fn spread(self, duration: SignedDuration, attempt: u32) -> SignedDuration {
        // The bits below the slot's, turned so that each attempt looks at others.
        let part = i64::from(((self.0 as u32).rotate_left(attempt.wrapping_mul(5)) >> 4) & 0xffff);
        let seconds = duration.as_secs();
        SignedDuration::from_secs(seconds - seconds / 5 + ((seconds * 2 / 5 * part) >> 16))
    }
}

/// When a registration is renewed: at one second of every cycle, counted from the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Whose it is.
    pub key: KeyHash,
    /// How often it comes.
    pub cycle: Cycle,
}

impl Slot {
    /// When to renew after a success: its next time that is at least a day away. At most a cycle and a day later, whatever
    /// the cycle was before.
    pub fn next(self, success: EpochSeconds) -> EpochSeconds {
        let cycle = self.cycle.length().as_secs();
        let second = ((i128::from(self.key.0 >> 32) * i128::from(cycle)) >> 32) as i64;
        let earliest = success + MIN_AGE;
        earliest + SignedDuration::from_secs((second - earliest.0).rem_euclid(cycle))
    }
}

//! What a registration's key decides: its place in the cycle, its shard, and how its retries are spread.

use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::EpochSeconds;
use crate::id::RegistrationKey;

/// How often a registration is renewed. A third of the lifetime is left for trouble.
pub const CYCLE: SignedDuration = SignedDuration::from_hours(120 * 24);

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

    /// Its second in the cycle.
    fn slot(self) -> i64 {
        ((i128::from(self.0 >> 32) * i128::from(CYCLE.as_secs())) >> 32) as i64
    }

    /// When to renew after a success: its next slot that is at least a day away. At most 121 days later.
    pub fn next_slot(self, success: EpochSeconds) -> EpochSeconds {
        let earliest = success + MIN_AGE;
        let wait = (self.slot() - earliest.0).rem_euclid(CYCLE.as_secs());
        earliest + SignedDuration::from_secs(wait)
    }

    /// `duration`, up to 20 % more or less: the same for the same key and attempt, evenly spread over keys.
    pub(super) fn spread(self, duration: SignedDuration, attempt: u32) -> SignedDuration {
        // The bits below the slot's, turned so that each attempt looks at others.
        let part = i64::from(((self.0 as u32).rotate_left(attempt.wrapping_mul(5)) >> 4) & 0xffff);
        let seconds = duration.as_secs();
        SignedDuration::from_secs(seconds - seconds / 5 + ((seconds * 2 / 5 * part) >> 16))
    }
}

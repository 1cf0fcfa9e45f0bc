//! How long to wait after an answer that wasn't a success.

use jiff::SignedDuration;

use super::{EpochSeconds, KeyHash};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The waits after the first attempts that failed; each one after these is a day.
const LADDER: [SignedDuration; 7] = [
    MINUTE,
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(15),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(3),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(12),
];

impl KeyHash {
    /// The wait after the `attempts`-th call in a row (from 1) that didn't succeed.
    pub fn retry_delay(self, attempts: u32) -> SignedDuration {
        let step = attempts.saturating_sub(1) as usize;
        self.spread(LADDER.get(step).copied().unwrap_or(DAY), attempts)
    }

    /// The wait of a revoked registration: a week.
    pub(super) fn revoked_delay(self, attempts: u32) -> SignedDuration {
        self.spread(WEEK, attempts)
    }

    /// The wait after a 605: a day, and a week once the webhook has expired.
    pub(super) fn suspended_delay(
        self,
        attempts: u32,
        now: EpochSeconds,
        expiry: Option<EpochSeconds>,
    ) -> SignedDuration {
        let expired = expiry.is_some_and(|expiry| expiry <= now);
        self.spread(if expired { WEEK } else { DAY }, attempts)
    }
}

/// `Retry-After` as it is honoured: at least a minute, so that a zero makes no storm, and at most a day, so that a mistake
/// there can't cost a registration.
pub(super) fn honoured(retry_after: SignedDuration) -> SignedDuration {
    retry_after.clamp(MINUTE, DAY)
}

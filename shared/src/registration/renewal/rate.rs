//! How many calls a second a fleet wants.

use super::Cycle;

/// The most calls that renew begins in a second, unless the stack says otherwise (`MaxCallsPerSecond`). OctoEverywhere documents no
/// limit: this one is polite.
pub const CALLS_PER_SECOND: u32 = 20;

/// What a fleet wants, to the mean of its calls: so nothing lapses in 45 days of outage, even if a sweep takes half of them as it ends,
/// and the load is even again a cycle later (`docs/decisions/0042-the-rate-cap-of-a-fleet.md`).
pub const CALLS_TO_MEAN: f64 = 1.6;

impl Cycle {
    /// The calls a second that so many registrations want at this cycle; a longer one than the default wants no fewer (decision 0042).
    pub fn calls_for(self, registrations: f64) -> f64 {
        registrations / self.min(Self::DEFAULT).length().as_secs_f64() * CALLS_TO_MEAN
    }

    /// How many registrations so many calls a second are enough for.
    pub fn registrations_for(self, calls_per_second: f64) -> f64 {
        calls_per_second / self.calls_for(1.0)
    }
}

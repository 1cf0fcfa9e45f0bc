//! How often registrations are renewed.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::SignedDuration;
use thiserror::Error;

/// How often each registration is renewed: a whole number of days, within [`Cycle::DAYS`].
///
/// It is also how long a webhook that OctoEverywhere switched off without our knowing stays so, and what it leaves of the
/// lifetime is there for trouble: a renewal comes a day after its cycle at the latest, so 149 days of 180 by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cycle {
    days: u8,
}

/// Why something isn't a cycle.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it must be a whole number of days from {} to {}", Cycle::DAYS.start(), Cycle::DAYS.end())]
pub struct InvalidCycle;

impl Cycle {
    /// From a week, below which a day of retries would be felt in every cycle, to two thirds of the lifetime.
    pub const DAYS: RangeInclusive<u8> = 7..=120;

    /// What the template says unless it is told otherwise.
    pub const DEFAULT: Self = Self { days: 30 };

    /// A cycle of so many days.
    pub fn from_days(days: u8) -> Result<Self, InvalidCycle> {
        Self::DAYS.contains(&days).then_some(Self { days }).ok_or(InvalidCycle)
    }

    /// Its days.
    pub const fn days(self) -> u8 {
        self.days
    }

    /// Its length.
    pub fn length(self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.days))
    }
}

impl Default for Cycle {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl FromStr for Cycle {
    type Err = InvalidCycle;

    fn from_str(days: &str) -> Result<Self, InvalidCycle> {
        Self::from_days(days.parse().map_err(|_| InvalidCycle)?)
    }
}

impl fmt::Display for Cycle {
    /// Its days, as they are read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.days.fmt(f)
    }
}

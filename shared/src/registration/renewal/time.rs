//! Time as the table keeps it.

use std::fmt;
use std::ops::{Add, Sub};

use jiff::{SignedDuration, Timestamp};

/// A moment, in whole seconds since 1970 (UTC).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochSeconds(pub i64);

impl EpochSeconds {
    /// The same moment for people; the nearest one that a `Timestamp` can hold if it is beyond the year 9999.
    pub fn to_timestamp(self) -> Timestamp {
        let seconds = self.0.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    }
}

impl From<Timestamp> for EpochSeconds {
    /// Rounds down to the second.
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp.as_millisecond().div_euclid(1000))
    }
}

impl Add<SignedDuration> for EpochSeconds {
    type Output = Self;

    fn add(self, duration: SignedDuration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }
}

impl Sub for EpochSeconds {
    type Output = SignedDuration;

    fn sub(self, earlier: Self) -> SignedDuration {
        SignedDuration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for EpochSeconds {
    /// RFC 3339.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_timestamp().fmt(f)
    }
}

//! The simulator's time: the real time plus an offset, so that a moved clock ticks on.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// The last second of the year 8999: late enough for any walk, and 180 days later there is still a calendar.
const LATEST: Timestamp = Timestamp::constant(221_845_391_999, 0);

/// A clock that can be moved.
#[derive(Debug, Default)]
pub(crate) struct Clock(Mutex<SignedDuration>);

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        let offset = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shifted(Timestamp::now(), offset)
    }

    /// Makes it this time now.
    pub(crate) fn set(&self, now: Timestamp) -> Result<(), TimeOutOfRange> {
        if now < Timestamp::UNIX_EPOCH || now > LATEST {
            return Err(TimeOutOfRange);
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now.duration_since(Timestamp::now());
        Ok(())
    }

    /// Moves it on, or back. Two moves at once add up.
    pub(crate) fn advance(&self, by: SignedDuration) -> Result<Timestamp, TimeOutOfRange> {
        let mut offset = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new_offset = offset.checked_add(by).ok_or(TimeOutOfRange)?;
        let now = Timestamp::now().checked_add(new_offset).map_err(|_| TimeOutOfRange)?;
        if now < Timestamp::UNIX_EPOCH || now > LATEST {
            return Err(TimeOutOfRange);
        }
        *offset = new_offset;
        Ok(now)
    }

    /// Back to the real time.
    pub(crate) fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = SignedDuration::ZERO;
    }
}

fn shifted(real: Timestamp, offset: SignedDuration) -> Timestamp {
    real.checked_add(offset).unwrap_or(LATEST)
}

/// A time that the clock can't show.
#[derive(Debug, thiserror::Error)]
#[error("the clock goes from 1970 to the end of 8999")]
pub(crate) struct TimeOutOfRange;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_clock_keeps_its_offset_and_moves_add_up() {
        let clock = Clock::default();
        let day = SignedDuration::from_hours(24);
        clock.set("2030-01-01T00:00:00Z".parse().unwrap()).unwrap();
        clock.advance(day).unwrap();
        let reading = clock.advance(-day * 3).unwrap();
        assert_eq!(reading.to_string()[..10], *"2029-12-30");
        assert!(clock.now() >= reading, "it ticks on");
        clock.reset();
        assert!(clock.now().duration_since(Timestamp::now()).abs() < SignedDuration::from_mins(1));
    }

    #[test]
    fn times_without_a_calendar_are_refused_and_change_nothing() {
        let clock = Clock::default();
        assert!(clock.set(Timestamp::MIN).is_err());
        assert!(clock.set(Timestamp::MAX).is_err());
        assert!(clock.advance(SignedDuration::MAX).is_err());
        assert!(clock.advance(SignedDuration::from_hours(-24 * 366 * 100)).is_err());
        assert!(clock.now().duration_since(Timestamp::now()).abs() < SignedDuration::from_mins(1));
        assert_eq!(LATEST.to_string(), "8999-12-31T23:59:59Z");
    }
}

//! The only place that reads the time.

use jiff::{SignedDuration, Timestamp};

/// The time of day, moved by a fixed offset. Everything that decides by time gets its `now` from here.
///
/// The offset is zero except in rehearsals: `CLOCK_OFFSET_SECONDS` lets a whole deployed stack live half a year in a
/// minute, beside a simulator whose clock is moved by the same amount.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    offset: SignedDuration,
}

impl Clock {
    /// A clock that is `offset` ahead of the machine's.
    pub fn with_offset(offset: SignedDuration) -> Self {
        Self { offset }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.shift(Timestamp::now())
    }

    /// What this clock will say when the machine's says `instant`; for an invocation's deadline, which is given in the
    /// machine's time.
    pub fn shift(&self, instant: Timestamp) -> Timestamp {
        instant.saturating_add(self.offset).unwrap_or(instant)
    }
}

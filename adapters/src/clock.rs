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
        self.shift(machine_now())
    }

    /// What this clock will say when the machine's says `instant`; for an invocation's deadline, which is given in the
    /// machine's time.
    pub fn shift(&self, instant: Timestamp) -> Timestamp {
        instant.saturating_add(self.offset).unwrap_or(instant)
    }
}

/// The machine's own time, which Lambda's deadlines and API Gateway's times of arrival are given in.
pub fn machine_now() -> Timestamp {
    Timestamp::now()
}

/// When an invocation ends, by the machine's time: what Lambda says in milliseconds since 1970.
///
/// `cargo lambda watch` says how long the invocation may take instead (600,000), and that counts from `now`.
pub fn end_of_invocation(deadline_ms: u64, now: Timestamp) -> Timestamp {
    /// No invocation takes a day, and none is as old as 1970.
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    let start = if deadline_ms < DAY_MS {
        now
    } else {
        Timestamp::UNIX_EPOCH
    };
    start
        .checked_add(std::time::Duration::from_millis(deadline_ms))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_ends_when_lambda_says_or_after_as_long_as_cargo_lambda_says() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let end = |deadline_ms| end_of_invocation(deadline_ms, now).to_string();
        assert_eq!(end(1_795_514_429_500), "2026-11-24T10:00:29.5Z");
        assert_eq!(end(600_000), "2026-11-24T10:10:00Z");
        assert_eq!(end_of_invocation(u64::MAX, now), Timestamp::MAX);
    }
}

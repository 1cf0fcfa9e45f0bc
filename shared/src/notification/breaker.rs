//! Remembers that SNS failed, so that the next requests don't have to find out.

use std::time::{Duration, Instant};

/// How long SNS is passed by after a failure: short, as each notification that goes round by the queue comes later.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause: in a long outage one request a minute is the one that finds out.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A circuit breaker: open while SNS is to be tried last.
#[derive(Debug, Default)]
pub struct Breaker {
    open: Option<(Instant, Duration)>,
}

impl Breaker {
    /// Whether SNS failed so recently that the queue comes first. After the pause, one request tries again.
    pub fn is_open(&self, now: Instant) -> bool {
        self.open.is_some_and(|(until, _)| now < until)
    }

    /// SNS took a message.
    pub fn succeeded(&mut self) {
        self.open = None;
    }

    /// SNS failed; tells how long it will be passed by, twice as long as the last time.
    pub fn failed(&mut self, now: Instant) -> Duration {
        let pause = self
            .open
            .map_or(FIRST_PAUSE, |(_, pause)| (pause * 2).min(LONGEST_PAUSE));
        self.open = Some((now + pause, pause));
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_one_success_ends_them() {
        let mut breaker = Breaker::default();
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..6 {
            assert!(!breaker.is_open(now));
            let pause = breaker.failed(now);
            assert!(breaker.is_open(now + pause - Duration::from_millis(1)));
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
        breaker.failed(now);
        breaker.succeeded();
        assert!(!breaker.is_open(now));
        assert_eq!(breaker.failed(now), FIRST_PAUSE);
    }
}

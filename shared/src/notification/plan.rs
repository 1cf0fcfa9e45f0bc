//! Which attempt comes next, and whether there is the time for it.
//!
//! Each way gets two attempts (the second one heals a connection that died while the function slept, and most moments of
//! trouble), then the other way its two; what time is left goes on to both in turn. Every attempt has its full
//! [`TIMEOUT`], or it isn't begun; only the very first one of each way makes do with less, for a late chance is better
//! than none.

use std::time::Duration;

use super::sink::Sink;

/// How long one attempt may take. SNS and SQS answer in 10 to 100 ms; a new connection with TLS adds less than 100.
pub const TIMEOUT: Duration = Duration::from_secs(1);
/// What an attempt needs at the least to be worth beginning.
const LEAST: Duration = Duration::from_millis(50);
/// Before the second attempt on the same way.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// An attempt to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Where.
    pub sink: Sink,
    /// What to wait before.
    pub pause: Duration,
    /// When to give it up.
    pub timeout: Duration,
}

/// The attempts of one delivery.
#[derive(Debug)]
pub struct Plan {
    sinks: Vec<Sink>,
    /// How many attempts there were; the first two on each way are its own, then the ways take turns.
    step: usize,
}

impl Plan {
    /// A plan that prefers the first of `sinks`.
    pub fn new(sinks: &[Sink]) -> Self {
        Self {
            sinks: sinks.to_vec(),
            step: 0,
        }
    }

    /// Makes no further attempt on `sink`.
    pub fn give_up(&mut self, sink: Sink) {
        let tried = self.step.div_ceil(2).min(self.sinks.len());
        let (tried, untried) = self.sinks.split_at(tried);
        let (mut tried, untried) = (tried.to_vec(), untried.to_vec());
        tried.retain(|other| *other != sink);
        self.step = 2 * tried.len();
        self.sinks = [tried, untried].concat();
    }

    /// The next attempt, if it can be finished in what time `remaining` there is.
    pub fn next(&mut self, remaining: Duration) -> Option<Attempt> {
        let count = self.sinks.len();
        let turns = self.step.checked_sub(2 * count);
        let first = turns.is_none() && self.step.is_multiple_of(2);
        let index = turns.map_or(self.step / 2, |turn| turn % count.max(1));
        let sink = *self.sinks.get(index)?;
        // Time that belongs to the first attempts of the ways to come.
        let to_come = u32::try_from(turns.map_or(count - 1 - index, |_| 0)).unwrap_or(u32::MAX);
        let (pause, timeout, reserved) = match turns {
            None if first => (Duration::ZERO, TIMEOUT.min(remaining / (to_come + 1)), Duration::ZERO),
            None => (FIRST_PAUSE, TIMEOUT, TIMEOUT * to_come),
            Some(turn) => {
                let doubled = FIRST_PAUSE * 2_u32.pow(u32::try_from(turn + 1).unwrap_or(u32::MAX).min(8));
                (doubled.min(LONGEST_PAUSE), TIMEOUT, Duration::ZERO)
            }
        };
        if timeout < LEAST || remaining < pause + timeout + reserved {
            if to_come == 0 || first {
                return None;
            }
            self.step += 1;
            return self.next(remaining);
        }
        self.step += 1;
        Some(Attempt { sink, pause, timeout })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: [Sink; 2] = [Sink::Topic, Sink::FallbackQueue];

    /// What a plan does while attempts take as long as `take` says, at most their timeout.
    fn run(mut plan: Plan, mut remaining: Duration, take: impl Fn(Sink) -> Duration) -> Vec<(Sink, u128)> {
        let whole = remaining;
        let mut log = Vec::new();
        while let Some(attempt) = plan.next(remaining) {
            assert!(
                attempt.pause + attempt.timeout <= remaining,
                "{attempt:?} doesn't fit into {remaining:?}"
            );
            remaining -= attempt.pause;
            log.push((attempt.sink, (whole - remaining).as_millis()));
            remaining -= attempt.timeout.min(take(attempt.sink));
        }
        log
    }

    fn milliseconds(n: u64) -> impl Fn(Sink) -> Duration {
        move |_| Duration::from_millis(n)
    }

    /// The attempts (topic, queue) and when they begin, in milliseconds.
    fn check(seconds: f64, take: u64, expected: &str) {
        let log = run(Plan::new(&BOTH), Duration::from_secs_f64(seconds), milliseconds(take));
        let shown = |(sink, at): &(Sink, u128)| format!("{}{at}", if *sink == Sink::Topic { 't' } else { 'q' });
        let shown: Vec<_> = log.iter().map(shown).collect();
        assert_eq!(shown.join(" "), expected, "{seconds} s");
    }

    #[test]
    fn when_both_hang_each_gets_its_time() {
        check(8.0, 60_000, "t0 t1050 q2050 q3100 t4200 q5400 t6800");
    }

    #[test]
    fn when_both_fail_at_once_there_is_time_for_many() {
        check(
            8.0,
            5,
            "t0 t55 q60 q115 t220 q425 t830 q1635 t2440 q3245 t4050 q4855 t5660 q6465",
        );
    }

    #[test]
    fn when_there_is_little_time_both_get_a_chance() {
        check(3.2, 60_000, "t0 t1050 q2050");
        check(3.0, 60_000, "t0 q1000");
        check(2.0, 60_000, "t0 q1000");
        check(0.6, 60_000, "t0 q300");
        check(0.09, 60_000, "");
    }

    #[test]
    fn a_way_that_refuses_is_given_up() {
        let mut plan = Plan::new(&BOTH);
        let second = Duration::from_secs(1);
        assert_eq!(plan.next(8 * second).map(|attempt| attempt.sink), Some(Sink::Topic));
        plan.give_up(Sink::Topic);
        for _ in 0..3 {
            assert_eq!(
                plan.next(8 * second).map(|attempt| attempt.sink),
                Some(Sink::FallbackQueue)
            );
        }
        plan.give_up(Sink::FallbackQueue);
        assert_eq!(plan.next(8 * second), None);
    }

    proptest! {
        #[test]
        fn no_attempt_outlives_the_deadline_and_both_ways_get_one(
            remaining in 100_u64..10_000, topic in 0_u64..3_000, queue in 0_u64..3_000)
        {
            let take = |sink| Duration::from_millis(if sink == Sink::Topic { topic } else { queue });
            let log = run(Plan::new(&BOTH), Duration::from_millis(remaining), take); // asserts that each one fits
            for sink in BOTH {
                prop_assert!(log.iter().any(|(tried, _)| *tried == sink));
            }
            prop_assert!(log.len() < 40);
        }
    }
}

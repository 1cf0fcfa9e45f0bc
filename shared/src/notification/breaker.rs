//! Remembers that the topic was silent or failed, so that the next requests don't have to find out.
//!
//! Times are counted from any fixed moment.

use std::time::Duration;

use super::plan::SILENCE;
use super::sink::Sink;

/// How long the topic gives way at first: short, as each notification that goes round by the queue comes later.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest: in a long outage one request a minute is the one that finds out.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often in a row the queue has to be faster before the topic gives way.
const OVERTAKEN_TO_GIVE_WAY: u32 = 3;
/// The longest that a request which finds out waits for the topic before the queue joins in: so that a topic which is slow,
/// but not silent, gets no second copy of it.
const PROBING_SILENCE: Duration = Duration::from_secs(2);
/// What the queue must still have then: it may take six seconds.
const LEFT_TO_THE_QUEUE: Duration = Duration::from_secs(6);

/// A circuit breaker: open while the topic gives way to the queue.
#[derive(Debug, Default)]
pub struct Breaker {
    overtaken: u32,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    until: Duration,
    pause: Duration,
}

/// How a notification is to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Who is tried first.
    pub sinks: [Sink; 2],
    /// How long the first may be silent.
    pub silence: Duration,
}

/// How the topic did in one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicResult {
    /// It took the message, after this time.
    Answered(Duration),
    /// It was silent while the queue took the message.
    Overtaken,
    /// It failed.
    Failed,
}

impl Breaker {
    /// How to deliver a notification that has `left` until its deadline. After the pause, one request tries the topic first
    /// again.
    pub fn order(&self, now: Duration, left: Duration) -> Order {
        let topic_first = [Sink::Topic, Sink::FallbackQueue];
        match self.open {
            None => Order {
                sinks: topic_first,
                silence: SILENCE,
            },
            Some(open) if now < open.until => Order {
                sinks: [Sink::FallbackQueue, Sink::Topic],
                silence: SILENCE,
            },
            Some(_) => Order {
                sinks: topic_first,
                silence: left.saturating_sub(LEFT_TO_THE_QUEUE).clamp(SILENCE, PROBING_SILENCE),
            },
        }
    }

    /// Takes note of how the topic did; tells how long it gives way, where that begins or goes on.
    pub fn record(&mut self, result: TopicResult, now: Duration) -> Option<Duration> {
        match result {
            TopicResult::Answered(after) if after < SILENCE => {
                *self = Self::default();
                return None;
            }
            // Slow, and no worse than the queue: it gives way no longer than it does already.
            TopicResult::Answered(_) if self.open.is_none() => return None,
            TopicResult::Overtaken if self.open.is_none() && self.overtaken + 1 < OVERTAKEN_TO_GIVE_WAY => {
                self.overtaken += 1;
                return None;
            }
            TopicResult::Answered(_) | TopicResult::Overtaken | TopicResult::Failed => {}
        }
        let pause = self
            .open
            .map_or(FIRST_PAUSE, |open| (open.pause * 2).min(LONGEST_PAUSE));
        self.open = Some(Open {
            until: now + pause,
            pause,
        });
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Duration = Duration::from_secs(8);

    fn milliseconds(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn pauses_grow_to_a_minute_and_one_quick_answer_ends_them() {
        let mut breaker = Breaker::default();
        let mut now = Duration::ZERO;
        let mut pauses = Vec::new();
        for _ in 0..6 {
            assert_eq!(breaker.order(now, LEFT).sinks[0], Sink::Topic);
            let pause = breaker.record(TopicResult::Failed, now).unwrap();
            assert_eq!(
                breaker.order(now + pause - milliseconds(1), LEFT).sinks[0],
                Sink::FallbackQueue
            );
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
        assert_eq!(breaker.record(TopicResult::Answered(milliseconds(999)), now), None);
        assert_eq!(breaker.order(now, LEFT).sinks[0], Sink::Topic);
        assert_eq!(breaker.record(TopicResult::Failed, now), Some(FIRST_PAUSE));
    }

    #[test]
    fn overtaken_three_times_in_a_row_it_gives_way() {
        let (mut breaker, now) = (Breaker::default(), Duration::ZERO);
        for _ in 0..2 {
            assert_eq!(breaker.record(TopicResult::Overtaken, now), None);
        }
        breaker.record(TopicResult::Answered(milliseconds(20)), now);
        for _ in 0..2 {
            assert_eq!(breaker.record(TopicResult::Overtaken, now), None);
        }
        assert_eq!(breaker.record(TopicResult::Overtaken, now), Some(FIRST_PAUSE));
        assert_eq!(breaker.order(now, LEFT).sinks[0], Sink::FallbackQueue);
    }

    #[test]
    fn who_finds_out_waits_longer_but_leaves_the_queue_its_time() {
        let (mut breaker, now) = (Breaker::default(), Duration::ZERO);
        assert_eq!(breaker.order(now, LEFT).silence, SILENCE);
        let pause = breaker.record(TopicResult::Failed, now).unwrap();
        for (left, silence) in [(8_000, 2_000), (7_500, 1_500), (5_000, 1_000), (20_000, 2_000)] {
            let order = breaker.order(now + pause, milliseconds(left));
            assert_eq!(
                (order.sinks[0], order.silence),
                (Sink::Topic, milliseconds(silence)),
                "{left}"
            );
        }
        // Slower than it should be: it goes on giving way.
        let slow = TopicResult::Answered(milliseconds(1_200));
        assert_eq!(breaker.record(slow, now + pause), Some(pause * 2));
    }
}

//! Which attempt to bring a letter to a sink begins when.
//!
//! The first sink is tried at once; the second one joins in when the first has failed, or after a silence; the first answer of
//! either counts. An attempt is never cut short to make room for another one, so a sink may take all the time that there is. A
//! failure is followed by another attempt on the same sink after a pause, and so is a long silence: on a new connection, since
//! the old one may be dead.
//!
//! Times are counted from the beginning of the delivery.

use std::time::Duration;

use super::sink::Sink;

/// How long the first sink may be silent before the second one joins in. SNS and SQS answer in 10 to 100 ms, and while they
/// answer within 800 ms there is never a second copy.
pub const SILENCE: Duration = Duration::from_secs(1);
/// The same, for sinks of which the second one is no better than the first.
pub const LONG_SILENCE: Duration = Duration::from_millis(2500);
/// How long an attempt may be silent before the same sink is tried on a new connection: half of what a callback has.
const DEAD_SILENCE: Duration = Duration::from_secs(4);
/// The pause after the first failure of a sink; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// The attempts of one delivery.
#[derive(Debug, Clone)]
pub struct Plan {
    tracks: Vec<Track>,
}

/// The attempts on one sink.
#[derive(Debug, Clone)]
struct Track {
    sink: Sink,
    has_begun: bool,
    /// When the next one begins; `None`: the sink takes the letter now or never, and it didn't.
    next: Option<Duration>,
    failures: u32,
}

impl Plan {
    /// A plan that tries the first of `sinks` at once, and each other one after another `silence`.
    pub fn new(sinks: &[Sink], silence: Duration) -> Self {
        let track = |(place, sink): (u32, &Sink)| Track {
            sink: *sink,
            has_begun: false,
            next: Some(silence * place),
            failures: 0,
        };
        Self {
            tracks: (0..).zip(sinks).map(track).collect(),
        }
    }

    /// When the next attempt begins; `None`: there will be none.
    pub fn next(&self) -> Option<Duration> {
        self.tracks.iter().filter_map(|track| track.next).min()
    }

    /// The sink of an attempt that is to begin by `elapsed`, if there is one. From now on it counts as begun.
    pub fn begin(&mut self, elapsed: Duration) -> Option<Sink> {
        let due = |track: &&mut Track| track.next.is_some_and(|next| next <= elapsed);
        let track = self.tracks.iter_mut().filter(due).min_by_key(|track| track.next)?;
        track.has_begun = true;
        track.next = Some(elapsed + DEAD_SILENCE);
        Some(track.sink)
    }

    /// An attempt on `sink` failed, but another one may not.
    pub fn failed(&mut self, sink: Sink, elapsed: Duration) {
        self.end(sink, elapsed, |track| {
            let pause = FIRST_PAUSE * 2_u32.pow(track.failures.min(8));
            track.failures += 1;
            Some(elapsed + pause.min(LONGEST_PAUSE))
        });
    }

    /// `sink` doesn't take the letter, now or ever.
    pub fn refused(&mut self, sink: Sink, elapsed: Duration) {
        self.end(sink, elapsed, |_| None);
    }

    /// Says when `sink` is next tried; what waited for its silence needs to wait no longer.
    fn end(&mut self, sink: Sink, elapsed: Duration, next: impl Fn(&mut Track) -> Option<Duration>) {
        for track in &mut self.tracks {
            if track.sink == sink {
                track.next = next(track);
            } else if !track.has_begun {
                track.next = track.next.map(|next| next.min(elapsed));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: [Sink; 2] = [Sink::Topic, Sink::FallbackQueue];

    /// What becomes of every attempt on a sink.
    #[derive(Debug, Clone, Copy)]
    enum Fate {
        Answers(u64),
        Fails(u64),
        Refuses(u64),
        Hangs,
    }
    use Fate::{Answers, Fails, Hangs, Refuses};

    /// The attempts (topic, queue) and when they begin, in milliseconds, up to the first answer (`!`) or the deadline.
    fn run(topic: Fate, queue: Fate, deadline: u64) -> String {
        let mut plan = Plan::new(&BOTH, SILENCE);
        // When each attempt ends, and how.
        let mut ends: Vec<(u64, Sink, Fate)> = Vec::new();
        let mut log = Vec::new();
        loop {
            let begins = plan.next().map(|next| u64::try_from(next.as_millis()).unwrap());
            let end = ends.iter().map(|(at, ..)| *at).min();
            let Some(now) = begins.into_iter().chain(end).min().filter(|now| *now < deadline) else {
                return log.join(" ");
            };
            if let Some(place) = ends.iter().position(|(at, ..)| *at == now) {
                let (_, sink, fate) = ends.remove(place);
                let elapsed = Duration::from_millis(now);
                match fate {
                    Answers(_) => {
                        log.push(format!("{}{now}!", if sink == Sink::Topic { 't' } else { 'q' }));
                        return log.join(" ");
                    }
                    Refuses(_) => plan.refused(sink, elapsed),
                    Fails(_) | Hangs => plan.failed(sink, elapsed),
                }
                continue;
            }
            let sink = plan.begin(Duration::from_millis(now)).unwrap();
            let (letter, fate) = match sink {
                Sink::Topic => ('t', topic),
                _ => ('q', queue),
            };
            log.push(format!("{letter}{now}"));
            if let Answers(after) | Fails(after) | Refuses(after) = fate {
                ends.push((now + after, sink, fate));
            }
        }
    }

    #[test]
    fn the_second_joins_in_when_the_first_has_failed_or_is_silent() {
        assert_eq!(run(Answers(20), Hangs, 8000), "t0 t20!");
        assert_eq!(run(Answers(999), Hangs, 8000), "t0 t999!");
        assert_eq!(run(Fails(5), Answers(20), 8000), "t0 q5 q25!");
        assert_eq!(run(Refuses(5), Answers(70), 8000), "t0 q5 q75!");
        assert_eq!(run(Answers(1200), Answers(20), 8000), "t0 q1000 q1020!");
        assert_eq!(run(Answers(1200), Answers(500), 8000), "t0 q1000 t1200!");
    }

    #[test]
    fn no_attempt_is_cut_short_for_another_one() {
        assert_eq!(run(Hangs, Answers(1500), 8000), "t0 q1000 q2500!");
        assert_eq!(run(Hangs, Answers(5500), 8000), "t0 q1000 t4000 q5000 q6500!");
        assert_eq!(run(Answers(6000), Hangs, 8000), "t0 q1000 t4000 q5000 t6000!");
        assert_eq!(run(Hangs, Hangs, 8000), "t0 q1000 t4000 q5000");
    }

    #[test]
    fn what_fails_at_once_is_tried_again_and_again_and_what_refuses_is_not() {
        let log = run(Fails(5), Fails(5), 3000);
        assert_eq!(
            log,
            "t0 q5 t55 q60 t160 q165 t365 q370 t770 q775 t1575 q1580 t2380 q2385"
        );
        assert_eq!(run(Refuses(5), Refuses(5), 8000), "t0 q5");
    }

    fn fates() -> impl Strategy<Value = Fate> {
        prop_oneof![
            (0..9_000_u64).prop_map(Answers),
            (0..3_000_u64).prop_map(Fails),
            (0..3_000_u64).prop_map(Refuses),
            Just(Hangs),
        ]
    }

    proptest! {
        #[test]
        fn a_sink_that_answers_within_six_seconds_is_enough(other in fates(), answers in 0..6_000_u64) {
            prop_assert!(run(Answers(answers), other, 8000).ends_with('!'));
            prop_assert!(run(other, Answers(answers), 8000).ends_with('!'));
        }

        #[test]
        fn within_800_ms_there_is_no_second_attempt(answers in 0..=800_u64, other in fates()) {
            prop_assert_eq!(run(Answers(answers), other, 8000), format!("t0 t{answers}!"));
        }

        #[test]
        fn the_attempts_are_few(topic in fates(), queue in fates()) {
            prop_assert!(run(topic, queue, 8000).split(' ').count() < 40);
        }
    }
}

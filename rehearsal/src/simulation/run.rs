//! One run of renew: oldest due first, under the caps on rate and on calls in flight, until nothing is due, the time is up, or
//! the service fails. While a sweep is under way, every second call is the sweep's.

use std::collections::VecDeque;

use jiff::SignedDuration;
use printbell_shared::registration::renewal::EpochSeconds;
use printbell_shared::registration::service_response::ResponseClass;

use super::fleet::Row;
use super::{LEASE, Simulation};

/// The template's schedule, `rate(15 minutes)`.
pub(super) const PERIOD: SignedDuration = SignedDuration::from_mins(15);
/// When a run starts no new call any more: its timeout of 15 minutes, less a call's timeout and a margin.
const WORKING_TIME: SignedDuration = SignedDuration::from_secs(15 * 60 - 15);
const MAX_IN_FLIGHT: usize = 32;
/// How many failures of the service in a row end the run.
const BREAKER: u32 = 20;

/// How many answers of a run it takes to say that everybody is refused.
const ANSWERS_TO_DOUBT: u32 = 20;

/// The answers of one run. Renew holds early refusals back until there are enough answers; here they are a run's first 19 of
/// thousands, and count as they are.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    answers: u32,
    refusals: u32,
}

impl Doubt {
    /// The answer as it counts: a refusal isn't believed while over half of the run's answers are refusals.
    pub fn weigh(&mut self, class: ResponseClass) -> ResponseClass {
        self.answers += 1;
        if class != ResponseClass::Refused {
            return class;
        }
        self.refusals += 1;
        match self.answers >= ANSWERS_TO_DOUBT && self.refusals * 2 > self.answers {
            true => ResponseClass::Doubtful,
            false => class,
        }
    }
}

/// When the answers of the calls in flight come, in microseconds since the run began, and whether each is the service's failure.
struct Flight {
    calls: VecDeque<(i64, bool)>,
    failures_in_a_row: u32,
}

impl Flight {
    /// Takes note of every answer that has come by `now`.
    fn land(&mut self, now: i64) {
        while let Some((_, failed)) = self.calls.pop_front_if(|(lands, _)| *lands <= now) {
            self.failures_in_a_row = if failed { self.failures_in_a_row + 1 } else { 0 };
        }
    }
}

/// Whose the next call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The one's that is due longest.
    Due,
    /// The next row's in the table.
    Sweep,
}

impl Simulation {
    /// One scheduled run.
    pub(super) fn renew(&mut self, start: EpochSeconds) {
        let interval = (1e6 / self.scenario.calls_per_second) as i64;
        let mut flight = Flight {
            calls: VecDeque::with_capacity(MAX_IN_FLIGHT),
            failures_in_a_row: 0,
        };
        self.doubt = Doubt::default();
        self.begin_sweeps(start);
        let mut turn = Turn::Due;
        let mut clock = 0;
        loop {
            if flight.calls.len() == MAX_IN_FLIGHT {
                clock = flight.calls.front().map_or(clock, |(lands, _)| clock.max(*lands));
            }
            flight.land(clock);
            let elapsed = SignedDuration::from_micros(clock);
            if flight.failures_in_a_row >= BREAKER || elapsed >= WORKING_TIME {
                break;
            }
            let now = start + elapsed;
            let row = match turn {
                Turn::Due => self.next_due(start, now),
                Turn::Sweep => self.next_to_sweep(now),
            };
            if let Some(mut row) = row {
                let leased = row.renewal.lease(now, start + LEASE);
                let Some(leased) = leased else {
                    unreachable!("due, and nobody else's: {row:?}")
                };
                row.renewal = leased;
                let response = self.call(row, now, turn);
                flight.calls.push_back((
                    clock + response.latency.as_micros() as i64,
                    response.is_service_failure(),
                ));
                clock += interval;
            } else if turn == Turn::Due {
                if !self.sweeps.is_under_way() {
                    break;
                }
                // What the regular work doesn't need of its half stays unused.
                clock += interval;
            }
            turn = match turn {
                Turn::Due if self.sweeps.is_under_way() => Turn::Sweep,
                Turn::Due | Turn::Sweep => Turn::Due,
            };
        }
        if self.sweeps.is_under_way() {
            let waiting = self.fleet.count_due(start);
            self.sweeps.left_over(waiting);
        }
    }

    fn next_due(&mut self, start: EpochSeconds, now: EpochSeconds) -> Option<Row> {
        let row = self.fleet.take_due(start)?;
        if let Some(due) = row.renewal.index() {
            self.sweeps.waited(now - due);
        }
        Some(row)
    }
}

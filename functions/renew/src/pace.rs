//! How hard OctoEverywhere is worked: so many calls in flight, so many a second, fewer when it asks for that, and none when
//! it is down.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use printbell_adapters::worker::{Pace, Permit, Worker};
use printbell_shared::registration::protocol::CALL_TIME;
use printbell_shared::registration::service_response::{Fault, ResponseClass, ServiceResponse};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

/// How many failures of the service in a row end a run.
const FAILURES_TO_STOP: u32 = 20;

/// How many 429s in a row are about all of us; one may be about a single registration.
const THROTTLES_TO_PAUSE: u32 = 3;

/// How long to wait after a 429 that doesn't say how long.
const PAUSE: Duration = Duration::from_secs(10);

/// The status that asks for fewer calls.
const TOO_MANY_REQUESTS: u16 = 429;

/// The most that is asked of OctoEverywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Calls at the same time.
    pub in_flight: NonZeroU32,
    /// Calls that begin within a second.
    pub per_second: NonZeroU32,
}

impl Limits {
    /// OctoEverywhere documents no limits: these are polite, and enough for 50 million registrations
    /// (`docs/decisions/0042-the-rate-cap-of-a-fleet.md`).
    pub(crate) const DEFAULT: Self = Self {
        in_flight: NonZeroU32::new(32).unwrap(),
        per_second: NonZeroU32::new(20).unwrap(),
    };

    /// How many calls there may be at the same time.
    pub(crate) fn in_flight(&self) -> usize {
        usize::try_from(self.in_flight.get()).unwrap_or(usize::MAX)
    }
}

/// Why a run makes no more calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Stop {
    /// There isn't the time for another one.
    Time,
    /// OctoEverywhere asked for a pause that is longer than the run.
    Throttled,
    /// OctoEverywhere failed too often in a row.
    Failing,
}

/// The pace of one run.
pub(crate) struct RunPace {
    interval: Duration,
    /// From when on no call is started.
    end: Instant,
    in_flight: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    /// When the next call may begin.
    next: Instant,
    /// Until when OctoEverywhere wants to be left alone.
    pause: Option<Instant>,
    failures: u32,
    throttles: u32,
    stop: Option<Stop>,
}

impl RunPace {
    /// The pace for a run that starts no call which the invocation hasn't the time for.
    pub(crate) fn until_deadline(limits: Limits, worker: &Worker) -> Self {
        let remaining = worker.deadline.duration_since(worker.clock.now()) - CALL_TIME;
        Self::new(
            limits,
            Instant::now() + Duration::try_from(remaining).unwrap_or_default(),
        )
    }

    /// The pace for a run that starts no call after `end`.
    fn new(limits: Limits, end: Instant) -> Self {
        Self {
            interval: Duration::from_secs(1) / limits.per_second.get(),
            end,
            in_flight: Arc::new(Semaphore::new(limits.in_flight())),
            state: Mutex::new(State {
                next: Instant::now(),
                pause: None,
                failures: 0,
                throttles: 0,
                stop: None,
            }),
        }
    }

    /// Why there are no more turns, if so.
    pub(crate) fn stop(&self) -> Option<Stop> {
        self.state().stop
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next turn, at the time that it answers; or not, when that is no time for a call.
    fn take_turn(&self) -> Option<Instant> {
        let state = &mut *self.state();
        let now = Instant::now();
        let at = state.next.max(now).max(state.pause.unwrap_or(now));
        if at >= self.end && state.stop.is_none() {
            state.stop = Some(match state.pause {
                Some(pause) if pause >= self.end => Stop::Throttled,
                _ => Stop::Time,
            });
        }
        if state.stop.is_some() {
            return None;
        }
        state.next = at + self.interval;
        Some(at)
    }

    /// Whether a turn that was taken still holds at its time.
    fn holds(&self, turn: Instant) -> bool {
        let state = self.state();
        state.stop.is_none() && state.pause.is_none_or(|pause| pause <= turn)
    }
}

impl Pace for RunPace {
    async fn turn(&self) -> Option<Permit> {
        // In flight first: a slot in time that then isn't used is lost.
        let permit = Arc::clone(&self.in_flight).acquire_owned().await.ok()?;
        while let Some(turn) = self.take_turn() {
            if turn > Instant::now() {
                sleep_until(turn).await;
            }
            if self.holds(turn) {
                return Some(permit.into());
            }
        }
        None
    }

    fn heard(&self, response: &ServiceResponse) {
        let state = &mut *self.state();
        let is_throttled = response.code == Some(TOO_MANY_REQUESTS);
        let (fails, asked) = match response.class {
            ResponseClass::Temporary { fault, retry_after } => (fault == Fault::Service, retry_after),
            ResponseClass::Applied | ResponseClass::Suspended | ResponseClass::Refused => (false, None),
        };
        state.throttles = if is_throttled { state.throttles + 1 } else { 0 };
        if !is_throttled {
            state.failures = if fails { state.failures + 1 } else { 0 };
        }
        if state.failures >= FAILURES_TO_STOP {
            state.stop.get_or_insert(Stop::Failing);
        }
        if fails || state.throttles >= THROTTLES_TO_PAUSE {
            let asked = asked.map(|asked| asked.unsigned_abs());
            let pause = if is_throttled {
                Some(asked.unwrap_or(PAUSE))
            } else {
                asked
            };
            let until = pause.and_then(|pause| Instant::now().checked_add(pause));
            state.pause = state.pause.max(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn pace(seconds: u64) -> RunPace {
        let limits = Limits {
            per_second: NonZeroU32::new(1_000_000).unwrap(),
            ..Limits::DEFAULT
        };
        RunPace::new(limits, Instant::now() + Duration::from_secs(seconds))
    }

    fn response(code: u16, fault: Fault, retry_after: Option<i64>) -> ServiceResponse {
        ServiceResponse {
            class: ResponseClass::Temporary {
                fault,
                retry_after: retry_after.map(SignedDuration::from_secs),
            },
            code: Some(code),
            message: String::new(),
        }
    }

    #[tokio::test]
    async fn only_failures_of_the_service_in_a_row_stop_a_run() {
        let pace = pace(60);
        let (down, own) = (
            response(500, Fault::Service, None),
            response(602, Fault::Registration, None),
        );
        for _ in 0..FAILURES_TO_STOP - 1 {
            pace.heard(&down);
        }
        pace.heard(&own);
        for _ in 0..FAILURES_TO_STOP - 1 {
            assert!(pace.turn().await.is_some());
            pace.heard(&down);
        }
        // A 429 says neither that the service is well nor that it isn't.
        pace.heard(&response(429, Fault::Registration, None));
        assert_eq!(pace.stop(), None);
        pace.heard(&down);
        assert_eq!(pace.stop(), Some(Stop::Failing));
        assert!(pace.turn().await.is_none());
    }

    #[tokio::test]
    async fn a_pause_longer_than_the_run_ends_it_from_the_third_429_on() {
        let pace = pace(60);
        let busy = response(429, Fault::Registration, Some(3600));
        for _ in 0..THROTTLES_TO_PAUSE - 1 {
            pace.heard(&busy);
        }
        assert!(pace.turn().await.is_some());
        pace.heard(&busy);
        assert!(pace.turn().await.is_none());
        assert_eq!(pace.stop(), Some(Stop::Throttled));
    }

    #[tokio::test]
    async fn there_are_no_more_turns_than_may_be_in_flight() {
        let pace = pace(60);
        let mut turns = Vec::new();
        for _ in 0..Limits::DEFAULT.in_flight() {
            turns.push(pace.turn().await.unwrap());
        }
        assert_eq!(pace.in_flight.available_permits(), 0);
        turns.pop();
        assert!(pace.turn().await.is_some());
    }

    #[tokio::test]
    async fn without_time_there_is_no_turn() {
        let pace = pace(0);
        assert!(pace.turn().await.is_none());
        assert_eq!(pace.stop(), Some(Stop::Time));
    }
}

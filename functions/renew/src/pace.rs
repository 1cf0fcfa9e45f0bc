//! How hard OctoEverywhere is worked: so many calls in flight, so many a second, fewer when it asks for that, and none when
//! it is down. And whether its refusals are to be believed ([`doubt`]).

mod doubt;
mod share;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use printbell_adapters::worker::{Pace, Permit, Worker};
use printbell_shared::registration::health::Answers;
use printbell_shared::registration::protocol::CALL_TIME;
use printbell_shared::registration::renewal::CALLS_PER_SECOND;
use printbell_shared::registration::service_response::{Belief, ResponseClass, ServiceResponse};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

pub(crate) use doubt::ANSWERS_TO_JUDGE;
use doubt::Doubt;
pub(crate) use share::Share;

/// How many failures of the service in a row end a run.
const FAILURES_TO_STOP: u32 = 20;

/// How many failures in a row to tell the topic something make a run leave it alone: each may take seconds.
const FAILURES_TO_LEAVE_THE_TOPIC: u32 = 3;

/// How many answers in a row ask for a pause until there is one: fewer may be about a single registration, or a mistake.
const ASKS_TO_PAUSE: usize = 3;

/// How long to wait after a 429 that doesn't say how long.
const PAUSE: Duration = Duration::from_secs(10);

/// The longest pause that is asked for: any longer one is a mistake, and longer than any run.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

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
    /// OctoEverywhere documents no limits: these are polite, and what they are enough for is in
    /// `docs/decisions/0042-the-rate-cap-of-a-fleet.md`.
    pub(crate) const DEFAULT: Self = Self {
        in_flight: NonZeroU32::new(32).unwrap(),
        per_second: NonZeroU32::new(CALLS_PER_SECOND).unwrap(),
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
    doubt: Doubt,
}

struct State {
    /// When the next call may begin.
    next: Instant,
    /// Until when OctoEverywhere wants to be left alone.
    pause: Option<Instant>,
    failures: u32,
    /// How often in a row the topic couldn't be told.
    unreached: u32,
    /// How long the last answers in a row ask to wait, the newest at the end.
    asks: VecDeque<Duration>,
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
                unreached: 0,
                asks: VecDeque::new(),
                stop: None,
            }),
            doubt: Doubt::default(),
        }
    }

    /// Why there are no more turns, if so.
    pub(crate) fn stop(&self) -> Option<Stop> {
        self.state().stop
    }

    /// How often OctoEverywhere has answered.
    pub(crate) fn answers(&self) -> Answers {
        self.doubt.answers()
    }

    /// A row is worked on, for as long as what this returns is kept: until then another answer may come.
    pub(crate) fn row_begins(self: &Arc<Self>) -> RowUnderWay {
        self.doubt.row_begins();
        RowUnderWay(Arc::clone(self))
    }

    /// The run begins no more rows.
    pub(crate) fn no_more_rows(&self) {
        self.doubt.no_more_rows();
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

/// A row that is worked on.
pub(crate) struct RowUnderWay(Arc<RunPace>);

impl Drop for RowUnderWay {
    fn drop(&mut self) {
        self.0.doubt.row_ends();
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
                return Some(Permit::default().with(permit));
            }
        }
        None
    }

    /// Given what else this run hears: waits until that can be said, at the longest to the run's end. The caller's row is under
    /// way, and holds no [`Permit`].
    async fn verdict(&self) -> Belief {
        self.doubt.verdict(self.end).await
    }

    fn may_publish(&self) -> bool {
        self.state().unreached < FAILURES_TO_LEAVE_THE_TOPIC
    }

    fn heard_of_topic(&self, is_reached: bool) {
        let state = &mut *self.state();
        state.unreached = if is_reached { 0 } else { state.unreached + 1 };
    }

    fn heard(&self, response: &ServiceResponse) {
        self.doubt.heard(response);
        self.state().heard(response);
    }
}

impl State {
    fn heard(&mut self, response: &ServiceResponse) {
        let is_throttled = response.code == Some(TOO_MANY_REQUESTS);
        let (fails, retry_after) = match response.class {
            ResponseClass::Temporary { fault, retry_after } => (fault.is_of_the_service(), retry_after),
            ResponseClass::Applied | ResponseClass::Suspended | ResponseClass::Refused | ResponseClass::Doubtful => {
                (false, None)
            }
        };
        // A 429 says neither that the service is well nor that it isn't.
        if !is_throttled {
            self.failures = if fails { self.failures + 1 } else { 0 };
        }
        if self.failures >= FAILURES_TO_STOP {
            self.stop.get_or_insert(Stop::Failing);
        }
        match retry_after.map(|wait| Duration::try_from(wait).unwrap_or_default()) {
            Some(wait) => self.asked(wait.min(LONGEST_PAUSE)),
            None if is_throttled => self.asked(PAUSE),
            // The service neither asks for a pause nor gets on with its work.
            None if fails => {}
            None => self.asks.clear(),
        }
    }

    /// One answer's wish is its registration's business, however long: the pause is what each of several in a row asks for.
    fn asked(&mut self, wait: Duration) {
        if self.asks.len() == ASKS_TO_PAUSE {
            self.asks.pop_front();
        }
        self.asks.push_back(wait);
        if self.asks.len() == ASKS_TO_PAUSE {
            let until = self
                .asks
                .iter()
                .min()
                .and_then(|wait| Instant::now().checked_add(*wait));
            self.pause = self.pause.max(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use printbell_shared::registration::service_response::Fault;

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
        pace.heard(&response(429, Fault::Registration, None));
        assert_eq!(pace.stop(), None);
        pace.heard(&down);
        assert_eq!(pace.stop(), Some(Stop::Failing));
        assert!(pace.turn().await.is_none());
    }

    const HOUR: i64 = 3600;
    /// More seconds than there are.
    const ABSURD: i64 = i64::MAX;

    #[derive(Debug, Clone, Copy)]
    enum Heard {
        Applied,
        Refused,
        Suspended,
        /// A status, at whose fault, with its `Retry-After`.
        Fails(u16, Fault, Option<i64>),
    }

    impl Heard {
        fn response(self) -> ServiceResponse {
            let plain = |class, code| ServiceResponse {
                class,
                code: Some(code),
                message: String::new(),
            };
            match self {
                Self::Applied => plain(ResponseClass::Applied, 200),
                Self::Refused => plain(ResponseClass::Refused, 604),
                Self::Suspended => plain(ResponseClass::Suspended, 605),
                Self::Fails(code, fault, retry_after) => response(code, fault, retry_after),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_what_each_of_three_answers_in_a_row_asks_for() {
        use Fault::{Registration, Service, Silence};
        use Heard::{Applied, Fails, Refused, Suspended};
        let busy = |seconds| Fails(429, Registration, Some(seconds));
        let down = |seconds| Fails(503, Service, Some(seconds));
        let offline = |seconds| Fails(601, Registration, Some(seconds));
        let bare = Fails(429, Registration, None);
        let error = Fails(500, Service, None);
        // For how long the next turn has to wait; `None`: the run is over.
        let table = [
            (vec![busy(7), busy(7)], Some(0)),
            (vec![busy(7), busy(7), busy(7)], Some(7)),
            (vec![down(7), busy(7), offline(7)], Some(7)),
            (vec![bare; 2], Some(0)),
            (vec![bare; 3], Some(10)),
            (vec![error; 3], Some(0)),
            // One, or two, say what they like.
            (vec![busy(ABSURD)], Some(0)),
            (vec![down(ABSURD), down(ABSURD)], Some(0)),
            (vec![busy(ABSURD), busy(7), busy(7)], Some(7)),
            (vec![busy(7), busy(7), busy(ABSURD)], Some(7)),
            (vec![down(HOUR), bare, offline(ABSURD)], Some(10)),
            (vec![busy(0), busy(HOUR), busy(HOUR)], Some(0)),
            (vec![busy(-7), busy(i64::MIN), busy(7)], Some(0)),
            // Later ones neither prolong it nor shorten it by themselves.
            (vec![busy(7), busy(7), busy(7), busy(HOUR)], Some(7)),
            (vec![busy(7), busy(7), busy(7), busy(1)], Some(7)),
            (vec![busy(7), busy(9), busy(9), busy(9)], Some(9)),
            // In a row: an answer in good order ends that, and a failure neither ends it nor counts.
            (vec![busy(HOUR), busy(HOUR), Applied, busy(HOUR)], Some(0)),
            (vec![busy(HOUR), busy(HOUR), Refused, busy(HOUR)], Some(0)),
            (vec![busy(HOUR), busy(HOUR), Suspended, busy(HOUR)], Some(0)),
            (
                vec![busy(HOUR), Fails(602, Registration, None), busy(HOUR), busy(HOUR)],
                Some(0),
            ),
            (
                vec![busy(7), error, busy(7), Fails(502, Silence, None), busy(7)],
                Some(7),
            ),
            // What is longer than the run ends it, and nothing overflows.
            (vec![busy(HOUR); 3], None),
            (vec![down(ABSURD); 3], None),
            (vec![offline(ABSURD); 3], None),
        ];
        for (sequence, wait) in table {
            let pace = pace(60);
            for heard in &sequence {
                pace.heard(&heard.response());
            }
            let begin = Instant::now();
            let turn = pace.turn().await.map(|_| begin.elapsed().as_secs());
            assert_eq!(turn, wait, "{sequence:?}");
            let stop = wait.is_none().then_some(Stop::Throttled);
            assert_eq!(pace.stop(), stop, "{sequence:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_pause_the_run_goes_on() {
        let pace = pace(60);
        for _ in 0..ASKS_TO_PAUSE {
            pace.heard(&response(429, Fault::Registration, Some(20)));
        }
        let begin = Instant::now();
        assert!(pace.turn().await.is_some());
        pace.heard(&Heard::Applied.response());
        pace.heard(&response(429, Fault::Registration, Some(HOUR)));
        assert!(pace.turn().await.is_some());
        assert_eq!((begin.elapsed().as_secs(), pace.stop()), (20, None));
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

//! Whether a refusal is believed, by what else the run hears: one that nearly everybody gets is a mistake of the service, or of
//! ours, and says nothing about an App Connection.

use std::sync::{Mutex, MutexGuard, PoisonError};

use printbell_shared::registration::health::Answers;
use printbell_shared::registration::service_response::{Belief, ResponseClass, ServiceResponse};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How many answers tell whether nearly everybody is refused.
///
/// A run works on at least as many rows at a time. Otherwise all of them could wait for a verdict, and for each other, until its
/// end.
pub(crate) const ANSWERS_TO_JUDGE: u32 = 20;

/// What the run has heard, and who waits for more.
#[derive(Default)]
pub(super) struct Doubt {
    state: Mutex<State>,
    /// Wakes those who wait.
    changes: Notify,
}

#[derive(Default)]
struct State {
    answers: u32,
    refusals: u32,
    /// Rows that are worked on.
    rows: usize,
    has_all_rows: bool,
    /// How many of the rows wait for a verdict.
    waiting: usize,
    /// How often nothing was left to wait for: those who waited then are let go together, for the first one to go on may
    /// call again, and no other should wait for that.
    releases: u64,
}

impl Doubt {
    /// Silence is no answer.
    pub(super) fn heard(&self, response: &ServiceResponse) {
        self.change(|state| {
            if response.code.is_some() {
                state.answers = state.answers.saturating_add(1);
            }
            if matches!(response.class, ResponseClass::Refused | ResponseClass::Doubtful) {
                state.refusals = state.refusals.saturating_add(1);
            }
        });
    }

    /// How often OctoEverywhere answered.
    pub(super) fn answers(&self) -> Answers {
        let state = self.state();
        Answers {
            all: state.answers.into(),
            refusals: state.refusals.into(),
        }
    }

    pub(super) fn row_begins(&self) {
        self.change(|state| state.rows += 1);
    }

    pub(super) fn row_ends(&self) {
        self.change(|state| state.rows = state.rows.saturating_sub(1));
    }

    pub(super) fn no_more_rows(&self) {
        self.change(|state| state.has_all_rows = true);
    }

    /// See [`RunPace::verdict`](super::RunPace::verdict). At `end` there is doubt: another run will know more.
    pub(super) async fn verdict(&self, end: Instant) -> Belief {
        let earlier_releases = self.state().releases;
        let _waiting = Waiting::new(self);
        loop {
            // Hears of every change from here on.
            let change = self.changes.notified();
            if let Some(belief) = self.state().belief(earlier_releases) {
                return belief;
            }
            tokio::select! {
                biased;
                () = change => {}
                () = sleep_until(end) => return Belief::Doubt,
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let state = &mut *self.state();
        change(state);
        if state.has_all_rows && state.waiting > 0 && state.waiting >= state.rows {
            state.releases += 1;
        }
        if state.waiting > 0 {
            self.changes.notify_waiters();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What can be said now, to somebody who has waited since there were so many releases.
    fn belief(&self, earlier_releases: u64) -> Option<Belief> {
        let is_general = u64::from(self.refusals) * 2 > u64::from(self.answers);
        match () {
            () if self.answers >= ANSWERS_TO_JUDGE && is_general => Some(Belief::Doubt),
            () if self.answers >= ANSWERS_TO_JUDGE || self.releases > earlier_releases => Some(Belief::Believe),
            () => None,
        }
    }
}

/// One who waits for a verdict.
struct Waiting<'a>(&'a Doubt);

impl<'a> Waiting<'a> {
    fn new(doubt: &'a Doubt) -> Self {
        doubt.change(|state| state.waiting += 1);
        Self(doubt)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.waiting -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use printbell_shared::registration::service_response::{Fault, unanswered};
    use tokio::task::JoinHandle;
    use tokio::time::{Duration, sleep};

    use super::*;
    use crate::pace::{Limits, RunPace};
    use printbell_adapters::worker::Pace as _;

    fn pace() -> Arc<RunPace> {
        Arc::new(RunPace::new(Limits::DEFAULT, Instant::now() + Duration::from_secs(60)))
    }

    fn answer(class: ResponseClass) -> ServiceResponse {
        ServiceResponse {
            class,
            code: Some(200),
            message: String::new(),
        }
    }

    fn hear(pace: &RunPace, class: ResponseClass, count: usize) {
        for _ in 0..count {
            pace.heard(&answer(class));
        }
    }

    /// A row that is refused, and asks whether to believe it; with when it was told, in seconds.
    fn refused_row(pace: &Arc<RunPace>) -> JoinHandle<(Belief, u64)> {
        let (row, pace) = (pace.row_begins(), Arc::clone(pace));
        tokio::spawn(async move {
            let begin = Instant::now();
            pace.heard(&answer(ResponseClass::Refused));
            let belief = pace.verdict().await;
            drop(row);
            (belief, begin.elapsed().as_secs())
        })
    }

    #[tokio::test(start_paused = true)]
    async fn of_twenty_answers_or_more_over_half_refusals_are_doubted_at_once() {
        const FAILURE: ResponseClass = ResponseClass::Temporary {
            fault: Fault::Service,
            retry_after: None,
        };
        for (refusals, others, class, belief) in [
            (20, 0, ResponseClass::Applied, Belief::Doubt),
            (11, 9, ResponseClass::Applied, Belief::Doubt),
            (10, 10, ResponseClass::Applied, Belief::Believe),
            (1, 19, ResponseClass::Applied, Belief::Believe),
            (51, 50, ResponseClass::Suspended, Belief::Doubt),
            (50, 50, ResponseClass::Suspended, Belief::Believe),
            (10, 10, FAILURE, Belief::Believe),
            (1, 19, ResponseClass::Doubtful, Belief::Doubt),
        ] {
            let pace = pace();
            hear(&pace, class, others);
            hear(&pace, ResponseClass::Refused, refusals - 1);
            let verdict = refused_row(&pace).await.unwrap();
            assert_eq!(verdict, (belief, 0), "{refusals} of {}", refusals + others);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_verdict_waits_for_twenty_answers() {
        for (class, belief) in [
            (ResponseClass::Applied, Belief::Believe),
            (ResponseClass::Refused, Belief::Doubt),
        ] {
            let pace = pace();
            let rows = [refused_row(&pace), refused_row(&pace)];
            for _ in 0..18 {
                sleep(Duration::from_secs(1)).await;
                assert!(rows.iter().all(|row| !row.is_finished()));
                // Silence is no answer.
                pace.heard(&unanswered("no answer in time"));
                hear(&pace, class, 1);
            }
            for row in rows {
                assert_eq!(row.await.unwrap(), (belief, 18));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn when_no_other_answer_can_come_there_is_nothing_to_doubt() {
        // All in flight wait, and then the loop says that these were all; or the other way round.
        for rows in [1, 2, 19] {
            for is_early in [false, true] {
                let pace = pace();
                if is_early {
                    pace.no_more_rows();
                }
                let rows: Vec<_> = (0..rows).map(|_| refused_row(&pace)).collect();
                sleep(Duration::from_secs(5)).await;
                pace.no_more_rows();
                for row in rows {
                    let (belief, seconds) = row.await.unwrap();
                    assert_eq!((belief, seconds), (Belief::Believe, if is_early { 0 } else { 5 }));
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_that_is_still_at_work_is_waited_for() {
        let pace = pace();
        let at_work = pace.row_begins();
        let rows = [refused_row(&pace), refused_row(&pace)];
        pace.no_more_rows();
        sleep(Duration::from_secs(7)).await;
        assert!(rows.iter().all(|row| !row.is_finished()));
        drop(at_work);
        for row in rows {
            assert_eq!(row.await.unwrap(), (Belief::Believe, 7));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_that_panics_holds_nobody_up() {
        let pace = pace();
        let guard = pace.row_begins();
        let panics = tokio::spawn(async move {
            let _guard = guard;
            sleep(Duration::from_secs(3)).await;
            panic!("a bug");
        });
        let row = refused_row(&pace);
        pace.no_more_rows();
        assert_eq!(row.await.unwrap(), (Belief::Believe, 3));
        assert!(panics.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn twenty_rows_that_all_wait_need_nobody_else() {
        // The loop has no room for another row, so it can't say that these were all.
        let pace = pace();
        let rows: Vec<_> = (0..ANSWERS_TO_JUDGE).map(|_| refused_row(&pace)).collect();
        for row in rows {
            assert_eq!(row.await.unwrap(), (Belief::Doubt, 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_run_s_end_there_is_doubt() {
        let pace = pace();
        let row = refused_row(&pace);
        assert_eq!(row.await.unwrap(), (Belief::Doubt, 60));
        // And one who was given up doesn't count as waiting any more.
        let given_up = refused_row(&pace);
        given_up.abort();
        assert!(given_up.await.is_err());
        assert_eq!(pace.doubt.state().waiting, 0);
        assert_eq!(pace.doubt.state().rows, 0);
    }
}

//! Which part of a run's calls its regular work may take, and which a sweep: at most half, so that the other half is left.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use printbell_adapters::worker::{Pace, Permit};
use printbell_shared::registration::service_response::{Belief, ServiceResponse};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use super::{Limits, RunPace};

/// A share of a run's calls; what is learned from them is the run's. One type for both, since all that works on a row is compiled
/// once for each.
pub(crate) struct Share {
    run: Arc<RunPace>,
    half: Option<Half>,
}

/// At most half of the calls, in flight and in a second.
struct Half {
    interval: Duration,
    /// When the next call may begin.
    next: Mutex<Instant>,
    in_flight: Arc<Semaphore>,
}

impl Share {
    /// Whatever `run` may do.
    pub(crate) fn all(run: Arc<RunPace>) -> Self {
        Self { run, half: None }
    }

    /// Half of what `run` may do.
    pub(crate) fn half(run: Arc<RunPace>, limits: Limits) -> Self {
        let half = Half {
            interval: Duration::from_secs(2) / limits.per_second.get(),
            next: Mutex::new(Instant::now()),
            in_flight: Arc::new(Semaphore::new(limits.in_flight().div_ceil(2))),
        };
        Self { run, half: Some(half) }
    }
}

impl Pace for Share {
    async fn turn(&self) -> Option<Permit> {
        let Some(half) = &self.half else {
            return self.run.turn().await;
        };
        let permit = Arc::clone(&half.in_flight).acquire_owned().await.ok()?;
        let at = {
            let next = &mut *half.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = (*next).max(Instant::now());
            *next = at + half.interval;
            at
        };
        // The run may be over by then, and tells so at once.
        if self.run.stop().is_none() {
            sleep_until(at.min(self.run.end)).await;
        }
        self.run.turn().await.map(|turn| turn.with(permit))
    }

    fn heard(&self, response: &ServiceResponse) {
        self.run.heard(response);
    }

    async fn verdict(&self) -> Belief {
        self.run.verdict().await
    }

    fn may_publish(&self) -> bool {
        self.run.may_publish()
    }

    fn heard_of_topic(&self, is_reached: bool) {
        self.run.heard_of_topic(is_reached);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    async fn turns(pace: &impl Pace) -> u32 {
        let mut turns = 0;
        while pace.turn().await.is_some() {
            turns += 1;
        }
        turns
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_takes_half_of_the_calls_and_the_regular_work_what_it_leaves() {
        let limits = Limits {
            per_second: NonZeroU32::new(20).unwrap(),
            ..Limits::DEFAULT
        };
        let begin = Instant::now();
        let run = Arc::new(RunPace::new(limits, begin + Duration::from_secs(10)));
        let half = Share::half(Arc::clone(&run), limits);
        let all = Share::all(Arc::clone(&run));
        let (swept, renewed) = tokio::join!(turns(&half), turns(&all));
        assert!(
            (95..=101).contains(&swept) && (95..=105).contains(&renewed),
            "{swept} {renewed}"
        );
    }
}

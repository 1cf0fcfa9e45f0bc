//! How a [`Letter`] becomes durable: the first of two ways that takes it, within a deadline.
//!
//! A notification goes to the topic or, where SNS fails, to the fallback queue, from where it is published later. The
//! [`plan`] says which attempt comes next and whether there is the time for it; the [`breaker`] lets an outage of SNS
//! cost the next requests milliseconds.

pub mod aws;
pub mod breaker;
pub mod plan;

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use crate::letter::Letter;
use breaker::Breaker;
use plan::Plan;

/// Where a letter can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The SNS topic; takes notifications only.
    Topic,
    /// The queue of what is to be published later.
    FallbackQueue,
    /// The queue of what needs a person.
    DeadLetterQueue,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// The service didn't work; the letter may even have arrived.
    #[error("{0}")]
    Temporary(String),
    /// The service doesn't take this letter, now or ever.
    #[error("{0}")]
    Refused(String),
}

/// Makes one attempt. The rim: AWS, or what stands in for it.
pub trait Ways {
    /// Brings `letter` to `way`, and returns once it is durable there.
    fn attempt(&self, way: Way, letter: &Letter) -> impl Future<Output = Result<(), Failure>>;
}

/// Neither way took the letter in time.
#[derive(Debug, Clone, Error)]
#[error("not delivered in time; the last failure of each way: {}", .0.join("; "))]
pub struct NotDelivered(Vec<String>);

/// Two ways out, for one request at a time.
pub struct Outbox<W> {
    ways: W,
    sns: RefCell<Breaker>,
}

impl<W: Ways> Outbox<W> {
    /// An outbox that has seen no failure yet.
    pub fn new(ways: W) -> Self {
        Self {
            ways,
            sns: RefCell::default(),
        }
    }

    /// Brings `letter` where it belongs, or else where it is safe; tells which it was.
    pub async fn deliver(&self, letter: &Letter, deadline: Instant) -> Result<Way, NotDelivered> {
        let ways = match letter {
            Letter::Notification(_) if self.sns.borrow().is_open(Instant::now()) => [Way::FallbackQueue, Way::Topic],
            Letter::Notification(_) => [Way::Topic, Way::FallbackQueue],
            Letter::Unverified(_) => [Way::FallbackQueue, Way::DeadLetterQueue],
            Letter::Quarantined { .. } | Letter::Unreadable { .. } => [Way::DeadLetterQueue, Way::FallbackQueue],
        };
        self.work_off(Plan::new(&ways), letter, deadline).await
    }

    /// Brings `letter` to `way` and nowhere else.
    pub async fn deliver_to(&self, way: Way, letter: &Letter, deadline: Instant) -> Result<(), NotDelivered> {
        self.work_off(Plan::new(&[way]), letter, deadline).await.map(|_| ())
    }

    async fn work_off(&self, mut plan: Plan, letter: &Letter, deadline: Instant) -> Result<Way, NotDelivered> {
        let mut failures: Vec<(Way, Failure)> = Vec::new();
        let delivered = loop {
            let Some(attempt) = plan.next(deadline.saturating_duration_since(Instant::now())) else {
                break None;
            };
            if attempt.pause > Duration::ZERO {
                tokio::time::sleep(attempt.pause).await;
            }
            let answer = tokio::time::timeout(attempt.timeout, self.ways.attempt(attempt.way, letter)).await;
            let Err(failure) = answer.unwrap_or_else(|_| Err(Failure::Temporary("no answer in time".into()))) else {
                break Some(attempt.way);
            };
            if matches!(failure, Failure::Refused(_)) {
                plan.give_up(attempt.way);
            }
            match failures.iter_mut().find(|(way, _)| *way == attempt.way) {
                Some((_, last)) => *last = failure,
                None => failures.push((attempt.way, failure)),
            }
        };
        self.remember(delivered, &failures);
        let tell = |(way, failure): &(Way, Failure)| format!("{way:?}: {failure}");
        delivered.ok_or_else(|| NotDelivered(failures.iter().map(tell).collect()))
    }

    /// What this delivery tells about SNS.
    fn remember(&self, delivered: Option<Way>, failures: &[(Way, Failure)]) {
        let mut sns = self.sns.borrow_mut();
        if delivered == Some(Way::Topic) {
            sns.succeeded();
        } else if let Some((_, Failure::Temporary(reason))) = failures.iter().find(|(way, _)| *way == Way::Topic) {
            let pause = sns.failed(Instant::now());
            tracing::warn!(%reason, seconds = pause.as_secs(), "SNS fails; notifications wait in the fallback queue");
        }
    }
}

#[cfg(test)]
#[path = "outbox/tests.rs"]
mod tests;

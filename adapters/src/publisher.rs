//! How a [`Letter`] becomes durable: the first of two ways that takes it, within a deadline.
//!
//! A notification goes to the topic or, where SNS fails, to the fallback queue, from where it is published later. The
//! [`plan`] says which attempt comes next and whether there is the time for it; the [`breaker`] lets an outage of SNS
//! cost the next requests milliseconds.

pub mod aws;

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use printbell_shared::notification::breaker::Breaker;
use printbell_shared::notification::letter::Letter;
use printbell_shared::notification::plan::Plan;
use printbell_shared::notification::sink::{SendError, Sink};
use thiserror::Error;
use tokio::time::Instant;

/// Makes one attempt. The rim: AWS, or what stands in for it.
pub trait Sinks {
    /// Brings `letter` to `sink`, and returns once it is durable there.
    fn attempt(&self, sink: Sink, letter: &Letter) -> impl Future<Output = Result<(), SendError>>;
}

/// Neither way took the letter in time.
#[derive(Debug, Clone, Error)]
#[error("not delivered in time; the last failure of each way: {}", .0.join("; "))]
pub struct DeliveryError(Vec<String>);

/// Two ways out, for one request at a time.
pub struct Publisher<W> {
    sinks: W,
    sns: RefCell<Breaker>,
}

impl<W: Sinks> Publisher<W> {
    /// An outbox that has seen no failure yet.
    pub fn new(sinks: W) -> Self {
        Self {
            sinks,
            sns: RefCell::default(),
        }
    }

    /// Brings `letter` where it belongs, or else where it is safe; tells which it was.
    pub async fn deliver(&self, letter: &Letter, deadline: Instant) -> Result<Sink, DeliveryError> {
        let sinks = match letter {
            Letter::Notification(_) if self.sns.borrow().is_open(Instant::now().into_std()) => {
                [Sink::FallbackQueue, Sink::Topic]
            }
            Letter::Notification(_) => [Sink::Topic, Sink::FallbackQueue],
            Letter::Unverified(_) => [Sink::FallbackQueue, Sink::DeadLetterQueue],
            Letter::Quarantined { .. } | Letter::Unreadable { .. } => [Sink::DeadLetterQueue, Sink::FallbackQueue],
        };
        self.work_off(Plan::new(&sinks), letter, deadline).await
    }

    /// Brings `letter` to `sink` and nowhere else.
    pub async fn deliver_to(&self, sink: Sink, letter: &Letter, deadline: Instant) -> Result<(), DeliveryError> {
        self.work_off(Plan::new(&[sink]), letter, deadline).await.map(|_| ())
    }

    async fn work_off(&self, mut plan: Plan, letter: &Letter, deadline: Instant) -> Result<Sink, DeliveryError> {
        let mut failures: Vec<(Sink, SendError)> = Vec::new();
        let delivered = loop {
            let Some(attempt) = plan.next(deadline.saturating_duration_since(Instant::now())) else {
                break None;
            };
            if attempt.pause > Duration::ZERO {
                tokio::time::sleep(attempt.pause).await;
            }
            let answer = tokio::time::timeout(attempt.timeout, self.sinks.attempt(attempt.sink, letter)).await;
            let Err(failure) = answer.unwrap_or_else(|_| Err(SendError::Temporary("no answer in time".into()))) else {
                break Some(attempt.sink);
            };
            if matches!(failure, SendError::Refused(_)) {
                plan.give_up(attempt.sink);
            }
            match failures.iter_mut().find(|(sink, _)| *sink == attempt.sink) {
                Some((_, last)) => *last = failure,
                None => failures.push((attempt.sink, failure)),
            }
        };
        self.remember(delivered, &failures);
        let tell = |(sink, failure): &(Sink, SendError)| format!("{sink:?}: {failure}");
        delivered.ok_or_else(|| DeliveryError(failures.iter().map(tell).collect()))
    }

    /// What this delivery tells about SNS.
    fn remember(&self, delivered: Option<Sink>, failures: &[(Sink, SendError)]) {
        let mut sns = self.sns.borrow_mut();
        if delivered == Some(Sink::Topic) {
            sns.succeeded();
        } else if let Some((_, SendError::Temporary(reason))) = failures.iter().find(|(sink, _)| *sink == Sink::Topic) {
            let pause = sns.failed(Instant::now().into_std());
            tracing::warn!(%reason, seconds = pause.as_secs(), "SNS fails; notifications wait in the fallback queue");
        }
    }
}

#[cfg(test)]
mod tests;

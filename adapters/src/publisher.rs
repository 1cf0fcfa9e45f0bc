//! How a [`Letter`] becomes durable: both ways, within a deadline.
//!
//! A notification goes to the topic or, where SNS fails or is silent, to the fallback queue, from where it is published later.
//! The [plan](Plan) says which attempt begins when; the [breaker](Breaker) lets an outage of SNS cost the next requests
//! nothing. What is still in flight when one sink has taken the letter is given up; its connection has to be closed before the
//! process may be frozen: [`crate::http::Connections::close_abandoned`].

pub mod aws;

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use printbell_shared::notification::breaker::{Breaker, Order, TopicResult};
use printbell_shared::notification::letter::Letter;
use printbell_shared::notification::plan::{LONG_SILENCE, Plan};
use printbell_shared::notification::sink::{SendError, Sink};
use thiserror::Error;
use tokio::time::{Instant, sleep_until};

/// Makes one attempt. The rim: AWS, or what stands in for it.
pub trait Sinks {
    /// Brings `letter` to `sink`, and returns once it is durable there.
    fn attempt(&self, sink: Sink, letter: &Letter) -> impl Future<Output = Result<(), SendError>>;
}

/// Neither sink took the letter in time.
#[derive(Debug, Clone, Error)]
#[error("not delivered in time; the last failure of each sink: {}", .0.join("; "))]
pub struct DeliveryError(Vec<String>);

/// Two ways out, for one request at a time.
pub struct Publisher<S> {
    sinks: S,
    breaker: RefCell<Breaker>,
    /// What the breaker's times are counted from.
    began: Instant,
}

/// How one delivery went.
struct Delivery {
    /// Who took the letter, and how long after the attempt began.
    taken: Option<(Sink, Duration)>,
    /// The last failure of each sink.
    failures: Vec<(Sink, SendError)>,
    /// Who was silent to the end.
    silent: Vec<Sink>,
}

impl<S: Sinks> Publisher<S> {
    /// A publisher that has seen no failure yet.
    pub fn new(sinks: S) -> Self {
        Self {
            sinks,
            breaker: RefCell::default(),
            began: Instant::now(),
        }
    }

    /// Brings `letter` where it belongs, or else where it is safe; tells which it was.
    pub async fn deliver(&self, letter: &Letter, deadline: Instant) -> Result<Sink, DeliveryError> {
        let order = match letter {
            Letter::Notification(_) => {
                let remaining = deadline.saturating_duration_since(Instant::now());
                self.breaker.borrow().order(self.began.elapsed(), remaining)
            }
            Letter::Unverified(_) => second_best([Sink::FallbackQueue, Sink::DeadLetterQueue]),
            Letter::Unverifiable { .. } | Letter::Quarantined { .. } | Letter::Unreadable { .. } => {
                second_best([Sink::DeadLetterQueue, Sink::FallbackQueue])
            }
        };
        let plan = Plan::new(&order.sinks, order.silence);
        let delivery = self.carry_out(plan, letter, deadline).await;
        self.remember(&delivery);
        delivery.into_result()
    }

    /// Brings `letter` to `sink` and nowhere else.
    pub async fn deliver_to(&self, sink: Sink, letter: &Letter, deadline: Instant) -> Result<(), DeliveryError> {
        let plan = Plan::new(&[sink], LONG_SILENCE);
        let delivery = self.carry_out(plan, letter, deadline).await;
        delivery.into_result().map(drop)
    }

    async fn carry_out(&self, mut plan: Plan, letter: &Letter, deadline: Instant) -> Delivery {
        let began = Instant::now();
        let mut attempts = FuturesUnordered::new();
        let mut in_flight: Vec<Sink> = Vec::new();
        let mut failures: Vec<(Sink, SendError)> = Vec::new();
        let taken = loop {
            while let Some(sink) = plan.begin(began.elapsed()) {
                in_flight.push(sink);
                attempts.push(async move {
                    let began = Instant::now();
                    (sink, self.sinks.attempt(sink, letter).await, began.elapsed())
                });
            }
            let next = plan.next().map(|next| began + next);
            if next.is_none() && attempts.is_empty() {
                break None;
            }
            let ended = tokio::select! {
                biased;
                Some(ended) = attempts.next() => ended,
                () = sleep_until(next.map_or(deadline, |next| next.min(deadline))) => {
                    if Instant::now() >= deadline {
                        break None;
                    }
                    continue;
                }
            };
            let (sink, result, took) = ended;
            if let Some(place) = in_flight.iter().position(|flying| *flying == sink) {
                in_flight.remove(place);
            }
            let Err(error) = result else {
                break Some((sink, took));
            };
            match error {
                SendError::Temporary(_) => plan.failed(sink, began.elapsed()),
                SendError::Refused(_) => plan.refused(sink, began.elapsed()),
            }
            failures.retain(|(failed, _)| *failed != sink);
            failures.push((sink, error));
        };
        in_flight.sort();
        in_flight.dedup();
        Delivery {
            taken,
            failures,
            silent: in_flight,
        }
    }

    /// What this delivery tells about the topic.
    fn remember(&self, delivery: &Delivery) {
        let failure = delivery.failures.iter().find_map(|(sink, error)| match (sink, error) {
            (Sink::Topic, SendError::Temporary(reason)) => Some(reason.as_str()),
            _ => None,
        });
        let (result, reason) = match delivery.taken {
            Some((Sink::Topic, took)) => (TopicResult::Answered(took), "slow"),
            _ if failure.is_some() => (TopicResult::Failed, failure.unwrap_or_default()),
            Some(_) if delivery.silent.contains(&Sink::Topic) => (TopicResult::Overtaken, "no answer in time"),
            None if delivery.silent.contains(&Sink::Topic) => (TopicResult::Failed, "no answer in time"),
            _ => return,
        };
        if let Some(pause) = self.breaker.borrow_mut().record(result, self.began.elapsed()) {
            let seconds = pause.as_secs();
            tracing::warn!(%reason, seconds, "SNS gives way; notifications wait in the fallback queue");
        }
    }
}

/// An order in which the second sink is there for when the first fails, and no better.
fn second_best(sinks: [Sink; 2]) -> Order {
    Order {
        sinks,
        silence: LONG_SILENCE,
    }
}

impl Delivery {
    fn into_result(self) -> Result<Sink, DeliveryError> {
        let failures = self.failures.iter().map(|(sink, error)| format!("{sink:?}: {error}"));
        let silent = self.silent.iter().map(|sink| format!("{sink:?}: no answer in time"));
        match self.taken {
            Some((sink, _)) => Ok(sink),
            None => Err(DeliveryError(failures.chain(silent).collect())),
        }
    }
}

#[cfg(test)]
mod tests;

//! What happens to each queue message.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use futures::FutureExt as _;
use futures::future::join_all;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use printbell_adapters::aws::{self, Lazy};
use printbell_adapters::callback_secret::CallbackSecret;
use printbell_adapters::clock::{Clock, machine_now};
use printbell_adapters::emf::{self, Unit};
use printbell_adapters::http::Connections;
use printbell_adapters::key_ring::{KeyRings, KeySource, KeysUnavailable};
use printbell_adapters::publisher::aws::AwsSinks;
use printbell_adapters::publisher::{DeliveryError, Publisher, Sinks};
use printbell_adapters::sqs::Queue;
use printbell_shared::callback::keys::Verdict;
use printbell_shared::callback::query::Query;
use printbell_shared::notification::letter::{Callback, Letter};
use printbell_shared::notification::message::Origin;
use printbell_shared::notification::sink::Sink;
use tokio::time::Instant;

use crate::backoff::pause;
use crate::config::Config;
use crate::event::{Batch, Failures, ItemFailure, Record};

/// How long one message is tried: as long as a slow SNS may take, and once more on a new connection. The whole batch is worked
/// off at once, so it takes not much longer.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long opening a connection may take: longer than a lost packet costs twice.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long putting a message off may take, which comes after that.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// For how long the oldest message has waited that can't be brought out yet. SQS's own metric of that leaves out what was received
/// three times or more ("Available CloudWatch metrics for Amazon SQS"), which is what waits for long.
const METRIC: &str = "secondsInQueue";

/// What became of a queue message that is done with.
#[derive(Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It was published.
    Published,
    /// It is in the dead-letter queue, for a person to look at.
    SetAside,
    /// It wasn't from OctoEverywhere: a key that counts didn't sign its token, or there is none.
    Dropped,
}

/// Why a queue message comes back later.
#[derive(Debug)]
pub enum Delay {
    /// SNS, or the dead-letter queue, doesn't take it yet.
    Undelivered(DeliveryError),
    /// Nobody can tell yet whether it is authentic.
    Unverified(KeysUnavailable),
}

/// Puts a message of the fallback queue off.
pub trait Waiting {
    /// Has the message come back after `pause`.
    fn put_off(&self, receipt_handle: &str, pause: Duration) -> impl Future<Output = Result<(), String>>;
}

impl Waiting for Queue {
    async fn put_off(&self, receipt_handle: &str, pause: Duration) -> Result<(), String> {
        Self::put_off(self, receipt_handle, pause).await
    }
}

/// Works off the fallback queue.
pub struct Redrive<S, W, Q> {
    keys: KeyRings<S>,
    publisher: Publisher<W>,
    queue: Q,
    connections: Connections,
    clock: Clock,
}

impl Redrive<CallbackSecret, AwsSinks, Queue> {
    /// A redrive on AWS; `lookup` reads the environment. The keys are read when something needs them, which is almost never.
    pub async fn start(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let config = Config::from_env(&lookup)?;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT);
        let retries = RetryConfig::standard().with_max_attempts(2);
        let connections = Connections::default();
        let aws = aws::configure(lookup, timeouts.build(), retries, &connections)?;
        let keys = KeyRings::of(&aws, &config.callback_secret_arn, &config.old_secret_arn);
        let queue = Queue {
            client: Arc::new(Lazy::new(&aws, aws_sdk_sqs::Client::new)),
            url: config.fallback_queue_url.clone(),
        };
        let sinks = AwsSinks::new(
            &aws,
            config.topic_arn,
            config.fallback_queue_url,
            config.dead_letter_queue_url,
        );
        Ok(Self {
            connections,
            ..Self::new(keys, Publisher::new(sinks), queue, config.clock)
        })
    }
}

impl<S: KeySource, W: Sinks, Q: Waiting> Redrive<S, W, Q> {
    /// A redrive of these parts.
    pub fn new(keys: impl Into<KeyRings<S>>, publisher: Publisher<W>, queue: Q, clock: Clock) -> Self {
        Self {
            keys: keys.into(),
            publisher,
            queue,
            connections: Connections::default(),
            clock,
        }
    }

    /// Works off a batch; what the answer doesn't name is done with, and deleted from the queue.
    pub async fn work_off(&self, event: LambdaEvent<Batch>) -> Result<Failures, Infallible> {
        let LambdaEvent { payload, context } = event;
        let Some(records) = payload.records else {
            // To name nothing would have it deleted, whatever it is.
            tracing::error!("the event is no batch of queue messages; nothing was done");
            return Ok(Failures::whole_batch());
        };
        let failed = join_all(records.into_iter().map(|record| self.one(record))).await;
        let (failed, sent): (Vec<_>, Vec<_>) = failed.into_iter().flatten().unzip();
        // Nothing may be sent by a process that thaws.
        self.connections.close_abandoned().await;
        if let Some(line) = age_line(
            &context.env_config.function_name,
            sent.into_iter().flatten().min(),
            machine_now(),
        ) {
            println!("{line}");
        }
        Ok(Failures {
            batch_item_failures: failed,
        })
    }

    /// Which message comes back, if it does, and when it was queued.
    async fn one(&self, record: Record) -> Option<(ItemFailure, Option<Timestamp>)> {
        let Record {
            message_id,
            receipt_handle,
            receives,
            sent,
            letter,
        } = record;
        // A panic over one message must not bring back the whole batch.
        let reason = match AssertUnwindSafe(self.deliver(letter)).catch_unwind().await {
            Ok(Ok(disposition)) => {
                tracing::debug!(?disposition, message = message_id);
                return None;
            }
            Ok(Err(Delay::Undelivered(error))) => error.to_string(),
            Ok(Err(Delay::Unverified(error))) => error.to_string(),
            Err(_) => "a panic".to_owned(),
        };
        let pause = pause(receives, &message_id);
        tracing::warn!(message = message_id, receives, %reason, ?pause, "comes back later");
        if let Err(error) = self.queue.put_off(&receipt_handle, pause).await {
            tracing::warn!(%error, "comes back after the queue's own visibility timeout");
        }
        let failure = ItemFailure {
            item_identifier: message_id,
        };
        Some((failure, sent))
    }

    /// Brings what waited where it belongs.
    pub async fn deliver(&self, letter: Letter) -> Result<Disposition, Delay> {
        let letter = match letter {
            Letter::Unverified(callback) => match self.authenticate(callback).await? {
                Some(letter) => letter,
                None => return Ok(Disposition::Dropped),
            },
            // A newer version may be able to read it.
            Letter::Quarantined { origin, callback, .. } => Letter::authentic(origin, callback),
            other => other,
        };
        let (sink, disposition) = match &letter {
            Letter::Notification(_) => (Sink::Topic, Disposition::Published),
            _ => (Sink::DeadLetterQueue, Disposition::SetAside),
        };
        let deadline = Instant::now() + PATIENCE;
        let delivered = self.publisher.deliver_to(sink, &letter, deadline).await;
        delivered.map(|()| disposition).map_err(Delay::Undelivered)
    }

    async fn authenticate(&self, callback: Callback) -> Result<Option<Letter>, Delay> {
        let Query { claim, metadata } = Query::read(&callback.query);
        let received = callback.arrival.received;
        let verdict = self.keys.verify(claim.as_ref(), received, self.clock.now()).await;
        match (verdict.map_err(Delay::Unverified)?, claim) {
            (Verdict::Authentic, Some(claim)) => {
                let registration = claim.registration;
                Ok(Some(Letter::authentic(Origin { registration, metadata }, callback)))
            }
            (Verdict::NoSuchKey, Some(claim)) => {
                let reason = format!(
                    "its token was signed with key {}, which doesn't count, or not any more: if it should, have the key count \
                     again and redrive this message",
                    claim.token.key_id,
                );
                Ok(Some(Letter::Unverifiable { callback, reason }))
            }
            (Verdict::Authentic | Verdict::NoSuchKey | Verdict::Forged, _) => {
                tracing::warn!("dropped a callback that came while there were no keys: its token is not valid");
                Ok(None)
            }
        }
    }
}

/// The metric, as a line in CloudWatch's embedded metric format, if something waits: it is paid for when there is any. `now` is the
/// machine's, as SQS's own times are.
fn age_line(function: &str, oldest: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let age = now.duration_since(oldest?).as_secs();
    Some(emf::line(
        function,
        now,
        &[(METRIC, Unit::Seconds)],
        [(METRIC, age.into())],
    ))
}

#[cfg(test)]
mod tests;

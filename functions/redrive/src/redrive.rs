//! What happens to each queue message.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use futures::FutureExt as _;
use futures::future::join_all;
use lambda_runtime::LambdaEvent;
use printbell_shared::aws::{self, NoAws, explain};
use printbell_shared::clock::Clock;
use printbell_shared::keys::{CallbackSecret, KeyRing, KeySource, KeysUnavailable, Verdict};
use printbell_shared::letter::{Callback, Letter};
use printbell_shared::message::Origin;
use printbell_shared::outbox::aws::AwsWays;
use printbell_shared::outbox::{NotDelivered, Outbox, Way, Ways, plan};
use printbell_shared::query::Query;
use tokio::time::Instant;

use crate::backoff::pause;
use crate::config::Config;
use crate::event::{Batch, Failed, Failures, Record};

/// How long one message is tried: two attempts that hang. The whole batch is worked off at once, so it takes not much
/// longer.
const PATIENCE: Duration = Duration::from_millis(2500);

/// What became of a queue message that is done with.
#[derive(Debug, PartialEq, Eq)]
pub enum Done {
    /// It was published.
    Published,
    /// It is in the dead-letter queue, for a person to look at.
    SetAside,
    /// It wasn't from OctoEverywhere: its token is not valid.
    Dropped,
}

/// Why a queue message comes back later.
#[derive(Debug)]
pub enum Later {
    /// SNS, or the dead-letter queue, doesn't take it yet.
    NotDelivered(NotDelivered),
    /// Nobody can tell yet whether it is authentic.
    Unverified(KeysUnavailable),
}

/// Puts a message of the fallback queue off.
pub trait Waiting {
    /// Has the message come back after `pause`.
    fn put_off(&self, receipt_handle: &str, pause: Duration) -> impl Future<Output = Result<(), String>>;
}

/// The fallback queue.
pub struct FallbackQueue {
    sqs: aws_sdk_sqs::Client,
    url: String,
}

impl Waiting for FallbackQueue {
    async fn put_off(&self, receipt_handle: &str, pause: Duration) -> Result<(), String> {
        let seconds = i32::try_from(pause.as_secs()).unwrap_or(i32::MAX);
        let request = self.sqs.change_message_visibility().queue_url(&self.url);
        let request = request.receipt_handle(receipt_handle).visibility_timeout(seconds);
        request.send().await.map(|_| ()).map_err(|error| explain(&error))
    }
}

/// Works off the fallback queue.
pub struct Redrive<S, W, Q> {
    keys: KeyRing<S>,
    outbox: Outbox<W>,
    queue: Q,
    clock: Clock,
}

impl Redrive<CallbackSecret, AwsWays, FallbackQueue> {
    /// A redrive on AWS. The keys are read when something needs them, which is almost never.
    pub fn start(config: Config, lookup: impl Fn(&'static str) -> Option<String>) -> Result<Self, NoAws> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(plan::TIMEOUT)
            .operation_timeout(2 * plan::TIMEOUT);
        let aws = aws::configure(lookup, timeouts.build(), RetryConfig::standard().with_max_attempts(2))?;
        let keys = KeyRing::new(CallbackSecret::new(&aws, config.callback_secret_arn));
        let queue = FallbackQueue {
            sqs: aws_sdk_sqs::Client::new(&aws),
            url: config.fallback_queue_url.clone(),
        };
        let ways = AwsWays::new(
            &aws,
            config.topic_arn,
            config.fallback_queue_url,
            config.dead_letter_queue_url,
        );
        Ok(Self::new(keys, Outbox::new(ways), queue, config.clock))
    }
}

impl<S: KeySource, W: Ways, Q: Waiting> Redrive<S, W, Q> {
    /// A redrive of these parts.
    pub fn new(keys: KeyRing<S>, outbox: Outbox<W>, queue: Q, clock: Clock) -> Self {
        Self {
            keys,
            outbox,
            queue,
            clock,
        }
    }

    /// Works off a batch; what the answer doesn't name is done with, and deleted from the queue.
    pub async fn work_off(&self, event: LambdaEvent<Batch>) -> Result<Failures, Infallible> {
        let failed = join_all(event.payload.records.into_iter().map(|record| self.one(record))).await;
        Ok(Failures {
            batch_item_failures: failed.into_iter().flatten().collect(),
        })
    }

    async fn one(&self, mut record: Record) -> Option<Failed> {
        let attributes = record.take_attributes();
        let letter = Letter::from_queue(std::mem::take(&mut record.body), attributes);
        // A panic over one message must not bring back the whole batch.
        let reason = match AssertUnwindSafe(self.deliver(letter)).catch_unwind().await {
            Ok(Ok(done)) => {
                tracing::debug!(?done, message = record.message_id);
                return None;
            }
            Ok(Err(Later::NotDelivered(error))) => error.to_string(),
            Ok(Err(Later::Unverified(error))) => error.to_string(),
            Err(_) => "a panic".to_owned(),
        };
        let pause = pause(record.receives(), &record.message_id);
        tracing::warn!(message = record.message_id, receives = record.receives(), %reason, ?pause, "comes back later");
        if let Err(error) = self.queue.put_off(&record.receipt_handle, pause).await {
            tracing::warn!(%error, "comes back after the queue's own visibility timeout");
        }
        Some(Failed {
            item_identifier: record.message_id,
        })
    }

    /// Brings what waited where it belongs.
    pub async fn deliver(&self, letter: Letter) -> Result<Done, Later> {
        let letter = match letter {
            Letter::Unverified(callback) => match self.authenticate(callback).await? {
                Some(letter) => letter,
                None => return Ok(Done::Dropped),
            },
            // A newer version may be able to read it.
            Letter::Quarantined { origin, callback, .. } => Letter::authentic(origin, callback),
            other => other,
        };
        let (way, done) = match &letter {
            Letter::Notification(_) => (Way::Topic, Done::Published),
            _ => (Way::DeadLetterQueue, Done::SetAside),
        };
        let deadline = Instant::now() + PATIENCE;
        let delivered = self.outbox.deliver_to(way, &letter, deadline).await;
        delivered.map(|()| done).map_err(Later::NotDelivered)
    }

    async fn authenticate(&self, callback: Callback) -> Result<Option<Letter>, Later> {
        let Query { claim, metadata } = Query::read(&callback.query);
        let received = callback.receipt.received;
        let verdict = self.keys.verify(claim.as_ref(), received, self.clock.now()).await;
        match (verdict.map_err(Later::Unverified)?, claim) {
            (Verdict::Authentic, Some(claim)) => {
                let registration = claim.registration;
                Ok(Some(Letter::authentic(Origin { registration, metadata }, callback)))
            }
            (Verdict::UnknownKey, _) => Err(Later::Unverified(KeysUnavailable::Waiting)),
            (Verdict::Forged | Verdict::Authentic, _) => {
                tracing::warn!("dropped a callback that came while there were no keys: its token is not valid");
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
#[path = "redrive_tests.rs"]
mod tests;

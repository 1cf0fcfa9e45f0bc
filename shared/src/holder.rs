//! The one who holds a registration's lease, at work: publishes what changed, calls OctoEverywhere, writes what came of it.
//!
//! The rules are [`crate::renewal`]'s, whose protocol is followed here to the letter; register and renew both work through
//! this.

mod setup;

pub use setup::{Settings, Setup};

use std::future::Future;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;

use crate::aws::Lazy;
use crate::callback;
use crate::clock::Clock;
use crate::keys::{CallbackSecret, KeyRing, KeysUnavailable};
use crate::message::Message;
use crate::octoeverywhere::{CALL_TIMEOUT, OctoEverywhere};
use crate::outbox::Failure;
use crate::outbox::aws::publish;
use crate::registration::{Registration, Reply, Wish};
use crate::renewal::{Answer, Call, CallKind, Outcome, Settlement};
use crate::table::{ReadError, Table, WriteError};

/// What has to be left of an invocation for a call to be started: the call's timeout, and that of writing its result.
pub const CALL_TIME: SignedDuration =
    SignedDuration::from_secs((CALL_TIMEOUT.as_secs() + setup::AWS_TIMEOUT.as_secs()) as i64);

/// Where changes of status are published.
#[derive(Debug, Clone)]
pub struct Topic {
    /// The client to publish with.
    pub client: Arc<Lazy<aws_sdk_sns::Client>>,
    /// Which topic.
    pub arn: String,
}

/// Everything that it takes to work on registrations during one invocation.
pub struct Holder {
    /// Where the registrations are.
    pub table: Table,
    /// Who is called.
    pub octoeverywhere: OctoEverywhere,
    /// Who is told.
    pub topic: Topic,
    /// What callback URLs are signed with.
    pub keys: Arc<KeyRing<CallbackSecret>>,
    /// What callback URLs begin with.
    pub public_url: String,
    /// What time it is.
    pub clock: Clock,
    /// When the invocation ends, by that clock.
    pub deadline: Timestamp,
}

/// When calls may be made, and what is learned from them.
pub trait Pace {
    /// Waits for the turn of one more call; `None`: there will be none.
    fn turn(&self) -> impl Future<Output = Option<Turn>> + Send;
    /// Hears what came of a call.
    fn heard(&self, reply: &Reply);
}

/// The right to have one call under way, for as long as it lasts.
#[derive(Debug, Default)]
pub struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl From<OwnedSemaphorePermit> for Turn {
    fn from(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: Some(permit) }
    }
}

/// One registration's call: nothing to pace.
pub struct AtOnce;

impl Pace for AtOnce {
    async fn turn(&self) -> Option<Turn> {
        Some(Turn::default())
    }

    fn heard(&self, _: &Reply) {}
}

/// What a PUT knows of its own call.
pub struct Put {
    /// The version of the wish that it wrote.
    pub version: u64,
    /// The row that it found.
    pub existing: Option<Registration>,
}

/// What the work came to.
#[derive(Debug, Default)]
pub struct Done {
    /// The row as it was left; `None` if it is gone.
    pub row: Option<Registration>,
    /// What the last call came to; `None` without a call, or when somebody else took over.
    pub outcome: Option<Outcome>,
    /// OctoEverywhere's refusal of the PUT that this was for.
    pub refusal: Option<Reply>,
    /// There was no time, or no turn, for a call that is due.
    pub is_left: bool,
}

/// Why the work was broken off. The row is due again: at once, or, if it couldn't be written, when the lease is over.
#[derive(Debug, Error)]
pub enum BrokenOff {
    /// A result couldn't be written.
    #[error(transparent)]
    Table(#[from] ReadError),
    /// There is no key to sign the callback URL with.
    #[error(transparent)]
    Keys(#[from] KeysUnavailable),
    /// A change of status couldn't be published.
    #[error("the change of status can't be published: {0}")]
    Topic(#[from] Failure),
}

/// Where the work stands after a step: it goes on with this row, or ends with what is left of it.
type Step = ControlFlow<Option<Registration>, Registration>;

/// What became of a write.
enum Written {
    /// It is done; the work goes on from there.
    Done(Step),
    /// Somebody else wrote first: the row as it is now.
    Beaten(Registration),
}

impl Holder {
    /// Works on `row`, whose lease is the caller's, until nothing is left to do or the time is up. `put`: the row was just
    /// written by a PUT, which has to know what comes of its own call.
    pub async fn work(&self, row: Registration, put: Option<&Put>, pace: &impl Pace) -> Result<Done, BrokenOff> {
        let mut done = Done::default();
        let lease = row.renewal.lease.map(|lease| lease.id);
        let mut step = Step::Continue(row);
        while let Step::Continue(row) = step {
            step = match lease {
                Some(lease) => self.step(row, lease, put, pace, &mut done).await?,
                None => Step::Break(Some(row)),
            };
        }
        done.row = step.break_value().flatten();
        Ok(done)
    }

    async fn step(
        &self,
        row: Registration,
        lease: u64,
        put: Option<&Put>,
        pace: &impl Pace,
        done: &mut Done,
    ) -> Result<Step, BrokenOff> {
        let now = self.clock.now();
        if let Some(announcement) = row.renewal.announcement
            && let Some(next) = row.announced(lease, now)
        {
            self.topic
                .publish(&Message::for_announcement(&row, &announcement))
                .await?;
            return Ok(self.replace(&row, next).await?.into_step());
        }
        if row.call(now).is_none_or(|call| call.lease != lease) {
            return Ok(Step::Break(Some(row)));
        }
        let turn = pace.turn().await;
        // A turn may take its time, so the call is counted from here.
        let now = self.clock.now();
        let call = row.call(now).filter(|_| self.has_time(now));
        let (Some(turn), Some(call)) = (turn, call) else {
            done.is_left = true;
            return self.release(row, lease).await;
        };
        let reply = match self.call(&row, &call).await {
            Ok(reply) => reply,
            Err(error) => {
                let _left: Step = self.release(row, lease).await?;
                return Err(error.into());
            }
        };
        drop(turn);
        pace.heard(&reply);
        self.settle(row, &call, reply, put, done).await
    }

    /// Gives the lease back, for want of what a call needs; the row is due again at once.
    async fn release(&self, row: Registration, lease: u64) -> Result<Step, BrokenOff> {
        Ok(match row.release(lease) {
            Some(released) => self.replace(&row, released).await?.into_step(),
            None => Step::Break(Some(row)),
        })
    }

    async fn call(&self, row: &Registration, call: &Call) -> Result<Reply, KeysUnavailable> {
        let Wish {
            token,
            events,
            metadata,
        } = &row.wish;
        Ok(match call.kind {
            CallKind::Delete => self.octoeverywhere.delete_notification_webhook(token).await,
            CallKind::Set => {
                let key = self.keys.signing_key(self.clock.now()).await?;
                let url = callback::url(&self.public_url, &row.key, metadata, &key);
                self.octoeverywhere.set_notification_webhook(token, &url, events).await
            }
        })
    }

    /// Writes what `reply` means; again with the fresh row for as long as others write first.
    async fn settle(
        &self,
        mut row: Registration,
        call: &Call,
        reply: Reply,
        put: Option<&Put>,
        done: &mut Done,
    ) -> Result<Step, BrokenOff> {
        let refused = put.filter(|put| put.version == call.version && reply.answer == Answer::Refused);
        let step = loop {
            let now = self.clock.now();
            let settlement = match refused {
                Some(put) => row.withdraw(call, put.existing.as_ref(), now),
                None => row.settle(call, &reply, now),
            };
            let (written, outcome) = match settlement {
                Settlement::Write(next, outcome) => (self.replace(&row, next).await?, outcome),
                Settlement::Remove(outcome) => (self.remove(&row).await?, outcome),
                Settlement::Changed => break Step::Continue(row),
                Settlement::Lost => break Step::Break(Some(row)),
            };
            match written {
                Written::Done(step) => {
                    done.outcome = Some(outcome);
                    break step;
                }
                Written::Beaten(fresh) => row = fresh,
            }
        };
        done.refusal = done.refusal.take().or(refused.map(|_| reply));
        Ok(step)
    }

    async fn replace(&self, row: &Registration, next: Registration) -> Result<Written, ReadError> {
        written(self.table.replace(row, &next).await, Step::Continue(next))
    }

    async fn remove(&self, row: &Registration) -> Result<Written, ReadError> {
        written(self.table.remove(row).await, Step::Break(None))
    }

    /// Whether a call that starts now can be made and written down before the end.
    fn has_time(&self, now: Timestamp) -> bool {
        self.deadline.duration_since(now) >= CALL_TIME
    }
}

/// A row that somebody else removed is out of our hands as well.
fn written(result: Result<(), WriteError>, done: Step) -> Result<Written, ReadError> {
    match result {
        Ok(()) => Ok(Written::Done(done)),
        Err(WriteError::Conflict(Some(fresh))) => Ok(Written::Beaten(*fresh)),
        Err(WriteError::Conflict(None)) => Ok(Written::Done(Step::Break(None))),
        Err(WriteError::Failed(error)) => Err(error),
    }
}

impl Written {
    fn into_step(self) -> Step {
        match self {
            Self::Done(step) => step,
            Self::Beaten(fresh) => Step::Continue(fresh),
        }
    }
}

impl Topic {
    /// Publishes a change of status.
    pub async fn publish(&self, message: &Message) -> Result<(), BrokenOff> {
        Ok(publish(self.client.get(), &self.arn, message).await?)
    }
}

//! Works on registrations: carries out what the [protocol](printbell_shared::registration::protocol) says, on AWS and at
//! OctoEverywhere. Register and renew both work through this; nothing is decided here.

pub mod setup;

use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use printbell_shared::callback;
use printbell_shared::id::RegistrationKey;
use printbell_shared::notification::message::Message;
use printbell_shared::notification::sink::SendError;
use printbell_shared::registration::Registration;
use printbell_shared::registration::protocol::{Conclusion, Errand, Step, Task, Turn, Write};
use printbell_shared::registration::renewal::{Call, CallKind, Cycle, StatusChange};
use printbell_shared::registration::service_response::ServiceResponse;
use printbell_shared::registration::wish::Wish;
use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Duration, sleep};

use crate::callback_secret::CallbackSecret;
use crate::clock::Clock;
use crate::key_ring::{KeyRing, KeysUnavailable};
use crate::octoeverywhere::OctoEverywhere;
use crate::registrations::{ReadError, RegistrationsTable, WriteError};
use crate::sns::Topic;

/// How often a row is looked at while somebody else is at it.
const LOOK: Duration = Duration::from_millis(250);

/// Everything that it takes to work on registrations during one invocation.
pub struct Worker {
    /// Where the registrations are.
    pub table: RegistrationsTable,
    /// Who is called.
    pub octoeverywhere: OctoEverywhere,
    /// Who is told.
    pub topic: Topic,
    /// What callback URLs are signed with.
    pub keys: Arc<KeyRing<CallbackSecret>>,
    /// What callback URLs begin with.
    pub public_url: String,
    /// How often each registration is renewed.
    pub cycle: Cycle,
    /// What time it is.
    pub clock: Clock,
    /// When the invocation ends, by that clock.
    pub deadline: Timestamp,
}

/// When calls may be made, and what is learned from them.
pub trait Pace {
    /// Waits for the turn of one more call; `None`: there will be none.
    fn turn(&self) -> impl Future<Output = Option<Permit>> + Send;
    /// Hears what came of a call.
    fn heard(&self, response: &ServiceResponse);
}

/// The right to have one call under way, for as long as it lasts.
#[derive(Debug, Default)]
pub struct Permit {
    _permit: Option<OwnedSemaphorePermit>,
}

impl From<OwnedSemaphorePermit> for Permit {
    fn from(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: Some(permit) }
    }
}

/// One registration's call: nothing to pace.
pub struct AtOnce;

impl Pace for AtOnce {
    async fn turn(&self) -> Option<Permit> {
        Some(Permit::default())
    }

    fn heard(&self, _: &ServiceResponse) {}
}

/// The work was broken off.
#[derive(Debug, Error)]
#[error("{error}")]
pub struct Interruption {
    /// Why.
    pub error: WorkError,
    /// Whether what was asked for is in the table: then it will be carried out all the same.
    pub is_asked: bool,
}

/// Why the work was broken off. The row is due again: at once, or, if it couldn't be written, when the lease is over.
#[derive(Debug, Error)]
pub enum WorkError {
    /// The row can't be read or written.
    #[error(transparent)]
    Table(#[from] ReadError),
    /// There is no key to sign the callback URL with.
    #[error(transparent)]
    Keys(#[from] KeysUnavailable),
    /// A change of status couldn't be published.
    #[error("the change of status can't be published: {0}")]
    Topic(#[from] SendError),
}

impl Worker {
    /// Does `errand` to the row under `key`, of which `row` is what was just read, until nothing is left to do or the time is
    /// up.
    pub async fn run(
        &self,
        key: &RegistrationKey,
        errand: Errand,
        row: Option<Arc<Registration>>,
        pace: &impl Pace,
    ) -> Result<Conclusion, Interruption> {
        let mut task = Task::new(key.clone(), self.cycle, errand, row);
        let conclusion = self.carry_out(&mut task, pace).await;
        conclusion.map_err(|error| Interruption {
            error,
            is_asked: task.is_asked(),
        })
    }

    async fn carry_out(&self, task: &mut Task, pace: &impl Pace) -> Result<Conclusion, WorkError> {
        let mut unsigned = None;
        // Held from the turn until the call is over.
        let mut permit = None;
        let mut turn = Turn::Unasked;
        loop {
            // A turn may take its time, so a call is counted from when it came.
            match task.next_step(
                self.clock.now(),
                self.deadline,
                std::mem::replace(&mut turn, Turn::Unasked),
            ) {
                Step::Publish(status_change) => {
                    self.publish(task, &status_change).await?;
                    task.published();
                }
                Step::AwaitTurn => {
                    permit = pace.turn().await;
                    turn = if permit.is_some() { Turn::Granted } else { Turn::Denied };
                }
                Step::Call(call) => {
                    let response = self.call(task, &call).await;
                    permit = None;
                    match response {
                        Ok(response) => {
                            pace.heard(&response);
                            task.answered(call, response);
                        }
                        Err(error) => {
                            unsigned = Some(error);
                            task.uncallable();
                        }
                    }
                }
                Step::Write(write) => {
                    permit = None;
                    match self.write(task.row().map(Arc::as_ref), &write).await {
                        Ok(()) => task.stored(),
                        Err(WriteError::Conflict(fresh)) => task.overtaken(fresh),
                        Err(WriteError::Failed(error)) => return Err(error.into()),
                    }
                }
                Step::Look => {
                    sleep(LOOK).await;
                    match self.table.get(task.key()).await {
                        Ok(row) => task.read(row),
                        Err(error) => tracing::error!(row = %task.key(), "{error}"),
                    }
                }
                Step::Finish(conclusion) => {
                    drop(permit);
                    return match unsigned {
                        Some(error) => Err(error.into()),
                        None => Ok(conclusion),
                    };
                }
            }
        }
    }

    async fn publish(&self, task: &Task, status_change: &StatusChange) -> Result<(), WorkError> {
        let Some(row) = task.row() else { return Ok(()) };
        let message = Message::for_status_change(row, status_change);
        Ok(self.topic.publish(&message).await?)
    }

    async fn write(&self, read: Option<&Registration>, write: &Write) -> Result<(), WriteError> {
        match (read, write) {
            (read, Write::Store(row)) => self.table.store(read, row).await,
            (Some(read), Write::Remove) => self.table.remove(read).await,
            (None, Write::Remove) => Ok(()),
        }
    }

    async fn call(&self, task: &Task, call: &Call) -> Result<ServiceResponse, KeysUnavailable> {
        let Some(row) = task.row() else {
            unreachable!("only a row that is there is called for");
        };
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
}

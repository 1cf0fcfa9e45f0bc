//! Works on registrations: carries out what the [protocol](printbell_shared::registration::protocol) says, on AWS and at
//! OctoEverywhere. Register and renew both work through this; nothing is decided here.

pub mod setup;

use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use printbell_shared::callback;
use printbell_shared::id::RegistrationKey;
use printbell_shared::notification::message::Message;
use printbell_shared::registration::Registration;
use printbell_shared::registration::endpoint::Endpoint;
use printbell_shared::registration::protocol::{Conclusion, Errand, Step, Task, Turn};
use printbell_shared::registration::renewal::{Call, CallKind, Cycle, StatusChange};
use printbell_shared::registration::service_response::{Belief, ResponseClass, ServiceResponse};
use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Duration, sleep};

use crate::clock::Clock;
use crate::key_ring::KeysUnavailable;
use crate::octoeverywhere::{OctoEverywhere, Tokens};
use crate::registrations::{ReadError, RegistrationsTable, WriteError};
use crate::signing_keys::SigningKeys;
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
    pub keys: Arc<SigningKeys>,
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
    /// Whether a refusal that has been repeated long enough is to be believed; may wait for what others are answered.
    fn verdict(&self) -> impl Future<Output = Belief> + Send;
    /// Whether it makes sense to tell the topic anything.
    fn may_publish(&self) -> bool;
    /// Hears whether the topic could be told.
    fn heard_of_topic(&self, is_reached: bool);
}

/// The right to have one call under way, for as long as it lasts.
#[derive(Debug, Default)]
pub struct Permit {
    permits: Vec<OwnedSemaphorePermit>,
}

impl Permit {
    /// The same, for as long as this lasts as well.
    #[must_use]
    pub fn with(mut self, permit: OwnedSemaphorePermit) -> Self {
        self.permits.push(permit);
        self
    }
}

/// One registration's call: nothing to pace.
pub struct AtOnce;

impl Pace for AtOnce {
    async fn turn(&self) -> Option<Permit> {
        Some(Permit::default())
    }

    fn heard(&self, _: &ServiceResponse) {}

    async fn verdict(&self) -> Belief {
        Belief::Believe
    }

    fn may_publish(&self) -> bool {
        true
    }

    fn heard_of_topic(&self, _: bool) {}
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
    /// The row, or who holds its token, can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The row can't be written, or it can't be known whether it was.
    #[error("{0}")]
    Write(ReadError),
    /// There is no key to sign the callback URL with.
    #[error(transparent)]
    Keys(#[from] KeysUnavailable),
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
                Step::Survey(inquiry) => task.surveyed(self.table.survey(task.key(), &inquiry).await?),
                Step::Publish(status_change) => match self.publish(task, &status_change, pace).await {
                    true => task.published(),
                    false => task.unpublishable(),
                },
                Step::AwaitTurn => {
                    permit = pace.turn().await;
                    turn = if permit.is_some() { Turn::Granted } else { Turn::Denied };
                }
                Step::Call(call) => {
                    let response = self.call(task, &call).await;
                    permit = None;
                    match response {
                        Ok((endpoint, mut response)) => {
                            pace.heard(&response);
                            if task.would_believe(&call, &response, self.clock.now())
                                && pace.verdict().await == Belief::Doubt
                            {
                                response.class = ResponseClass::Doubtful;
                            }
                            task.answered(call, endpoint, response);
                        }
                        Err(error) => {
                            unsigned = Some(error);
                            task.uncallable();
                        }
                    }
                }
                Step::Write(write) => {
                    permit = None;
                    match self.table.write(&write).await {
                        Ok(()) => task.stored(),
                        Err(WriteError::Conflict(fresh)) => task.overtaken(fresh),
                        Err(WriteError::Failed(error)) => return Err(WorkError::Write(error)),
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

    /// Tells whether the topic could be told.
    async fn publish(&self, task: &Task, status_change: &StatusChange, pace: &impl Pace) -> bool {
        let Some(row) = task.row().filter(|_| pace.may_publish()) else {
            return false;
        };
        let message = Message::for_status_change(row, status_change);
        let publication = self.topic.publish(&message).await;
        pace.heard_of_topic(publication.is_ok());
        if let Err(error) = &publication {
            tracing::error!(row = %task.key(), "the change of status can't be published: {error}");
        }
        publication.is_ok()
    }

    /// Makes a call; tells what a Set's URL was made of, and what came of it.
    async fn call(&self, task: &Task, call: &Call) -> Result<(Option<Endpoint>, ServiceResponse), KeysUnavailable> {
        let connection = task.row().and_then(|row| Some((row, row.called(call.kind)?)));
        let Some((row, connection)) = connection else {
            unreachable!("only a row that is there, and has a token, is called for");
        };
        let tokens = Tokens::of(row, connection);
        Ok(match call.kind {
            CallKind::Delete | CallKind::Clear => {
                (None, self.octoeverywhere.delete_notification_webhook(&tokens).await)
            }
            CallKind::Set => {
                let key = self.keys.signing_key(self.clock.now()).await?;
                let url = callback::url(&self.public_url, &row.key, &row.wish.metadata, &key);
                let endpoint = Endpoint {
                    url: self.public_url.clone(),
                    key: key.version().clone(),
                };
                let response = self
                    .octoeverywhere
                    .set_notification_webhook(&tokens, &url, &row.wish.events);
                (Some(endpoint), response.await)
            }
        })
    }
}

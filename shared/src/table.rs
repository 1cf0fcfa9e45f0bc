//! The registrations table: reading and writing [`Registration`]s, and the rows that are due.
//!
//! Every write is conditional on the revision that was read ([`crate::renewal`]'s protocol), and touches only the attributes
//! that this version knows: what a newer version, or a person, keeps beside them stays.

mod due;
mod item;
mod page;

pub use due::Due;
pub use item::Unreadable;
pub use page::{Cursor, InvalidCursor, Page, Scope};

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use thiserror::Error;

use crate::aws::explain;
use crate::id::RegistrationKey;
use crate::registration::Registration;
use crate::renewal::{EpochSeconds, Key};

/// A new row: there is none under this key.
const IS_ABSENT: &str = "attribute_not_exists(tenantId)";
/// The row as it was read, written by Printbell.
const IS_AS_READ: &str = "#revision = :read";
/// The row as it was read, written by hand: there, and never written by Printbell.
const IS_AS_WRITTEN_BY_HAND: &str =
    "attribute_exists(tenantId) AND (attribute_not_exists(#revision) OR #revision = :read)";
/// A row that is to be renewed and isn't in the index, because it was written by hand.
const IS_OUT_OF_THE_INDEX: &str = "attribute_exists(dueAt) AND attribute_not_exists(dueShard)";

/// DynamoDB didn't do what it was asked for, retries included. Says what it answered; holds no attribute's value.
#[derive(Debug, Error)]
#[error("the registrations table can't be used: {0}")]
pub struct Unavailable(String);

impl<E: ProvideErrorMetadata, R> From<SdkError<E, R>> for Unavailable {
    fn from(error: SdkError<E, R>) -> Self {
        Self(explain(&error))
    }
}

/// Why a row can't be had.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It is there, but says something that this version doesn't understand. Trying again doesn't help.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// DynamoDB failed. Trying again may help.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a row wasn't written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// Somebody else wrote first. Holds the row as it is now, or nothing if it is gone.
    #[error("the row was written by somebody else meanwhile")]
    Conflict(Option<Box<Registration>>),
    /// It wasn't, or it can't be known whether it was.
    #[error(transparent)]
    Failed(#[from] ReadError),
}

impl From<Unavailable> for WriteError {
    fn from(error: Unavailable) -> Self {
        Self::Failed(error.into())
    }
}

/// The registrations table, as one invocation uses it.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
    /// Whose writes they are, and how many there were.
    writer: String,
    writes: Arc<AtomicU64>,
}

impl Table {
    /// The table called `name`. `writer` is unique among invocations: Lambda's request id.
    pub fn new(client: Client, name: &str, writer: &str) -> Self {
        Self {
            client,
            name: name.to_owned(),
            writer: writer.to_owned(),
            writes: Arc::default(),
        }
    }

    /// The row under this key, as of now.
    pub async fn get(&self, key: &RegistrationKey) -> Result<Option<Registration>, ReadError> {
        let item = self.get_item(key).await?;
        Ok(item.map(|item| item::read(&item)).transpose()?)
    }

    /// Writes a row under a key that has none.
    pub async fn insert(&self, row: &Registration) -> Result<(), WriteError> {
        self.write(IS_ABSENT, None, row).await
    }

    /// Writes `row` in place of `read`.
    pub async fn replace(&self, read: &Registration, row: &Registration) -> Result<(), WriteError> {
        let revision = read.renewal.revision;
        self.write(as_read(revision), Some(revision), row).await
    }

    /// Removes the row that `read` was. A row that is gone already counts as removed.
    pub async fn remove(&self, read: &Registration) -> Result<(), WriteError> {
        let revision = read.renewal.revision;
        let removed = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(item::key(&read.key)))
            .condition_expression(as_read(revision))
            .expression_attribute_names("#revision", item::REVISION)
            .expression_attribute_values(":read", item::number(revision))
            .send()
            .await;
        match removed {
            Err(error) if is_conflict(&error, |error| error.is_conditional_check_failed_exception()) => {
                match self.get(&read.key).await? {
                    None => Ok(()),
                    Some(now) => Err(WriteError::Conflict(Some(Box::new(now)))),
                }
            }
            removed => removed.map(drop).map_err(|error| Unavailable::from(error).into()),
        }
    }

    /// Puts a row that was written by hand, with a `dueAt` but without its shard, into the index, due `now`: a `dueAt` of 0
    /// would be told by the stream once more. Tells whether it wasn't there.
    pub async fn adopt(&self, key: &RegistrationKey, now: EpochSeconds) -> Result<bool, Unavailable> {
        let adopted = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(item::key(key)))
            .condition_expression(IS_OUT_OF_THE_INDEX)
            .update_expression("SET dueShard = :shard, dueAt = :now")
            .expression_attribute_values(":now", item::number(now.0))
            .expression_attribute_values(":shard", item::number(Key::from(key).shard()))
            .send()
            .await;
        match adopted {
            Err(error) if is_conflict(&error, |error| error.is_conditional_check_failed_exception()) => Ok(false),
            adopted => Ok(adopted.map(|_| true)?),
        }
    }

    async fn write(&self, condition: &str, read: Option<u64>, row: &Registration) -> Result<(), WriteError> {
        // A write whose answer is lost is repeated by the SDK, and then fails its condition: the mark that the row bears tells
        // that it was this very write that came before.
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}/{write}", self.writer);
        let update = item::Update::of(row, &mark);
        let mut request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(item::key(&row.key)))
            .condition_expression(condition)
            .update_expression(update.expression)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values));
        if let Some(read) = read {
            request = request.expression_attribute_values(":read", item::number(read));
        }
        match request.send().await {
            Err(error) if is_conflict(&error, |error| error.is_conditional_check_failed_exception()) => {
                let Some(item) = self.get_item(&row.key).await? else {
                    return Err(WriteError::Conflict(None));
                };
                let now = item::read(&item).map_err(ReadError::from)?;
                if now.renewal.revision == row.renewal.revision && item::written_by(&item) == Some(&mark) {
                    return Ok(());
                }
                Err(WriteError::Conflict(Some(Box::new(now))))
            }
            written => written.map(drop).map_err(|error| Unavailable::from(error).into()),
        }
    }

    async fn get_item(&self, key: &RegistrationKey) -> Result<Option<HashMap<String, AttributeValue>>, Unavailable> {
        let found = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(item::key(key)))
            .consistent_read(true)
            .send()
            .await?;
        Ok(found.item)
    }
}

/// The condition that a row is still the one that was read with this revision.
fn as_read(revision: u64) -> &'static str {
    if revision == 0 {
        IS_AS_WRITTEN_BY_HAND
    } else {
        IS_AS_READ
    }
}

fn is_conflict<E, R>(error: &SdkError<E, R>, is: impl Fn(&E) -> bool) -> bool {
    error.as_service_error().is_some_and(is)
}

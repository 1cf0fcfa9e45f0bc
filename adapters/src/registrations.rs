//! The registrations table: reading and writing [`Registration`]s, and the rows that are due.
//!
//! Every write is conditional on the revision that was read ([`printbell_shared::registration::protocol`]), and touches only
//! the attributes that this version knows: what a newer version, or a person, keeps beside them stays.

pub mod due;
pub mod item;
pub mod page;

use std::sync::Arc;

use printbell_shared::id::RegistrationKey;
use printbell_shared::registration::Registration;
use printbell_shared::registration::renewal::{EpochSeconds, KeyHash};
use thiserror::Error;

use crate::dynamodb::table::{Condition, ConditionalWriteError, Table, Unavailable, is_conflict};
use crate::dynamodb::value::number;
use item::Unreadable;

/// A new row: there is none under this key.
const IS_ABSENT: &str = "attribute_not_exists(tenantId)";
/// The row as it was read, written by Printbell.
const IS_AS_READ: &str = "#revision = :read";
/// The row as it was read, written by hand: there, and never written by Printbell.
const IS_AS_WRITTEN_BY_HAND: &str =
    "attribute_exists(tenantId) AND (attribute_not_exists(#revision) OR #revision = :read)";
/// A row that is to be renewed and isn't in the index, because it was written by hand.
const IS_OUT_OF_THE_INDEX: &str = "attribute_exists(dueAt) AND attribute_not_exists(dueShard)";

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
    Conflict(Option<Arc<Registration>>),
    /// It wasn't, or it can't be known whether it was.
    #[error(transparent)]
    Failed(#[from] ReadError),
}

impl From<ConditionalWriteError> for WriteError {
    fn from(error: ConditionalWriteError) -> Self {
        match error {
            ConditionalWriteError::Unavailable(error) => Self::Failed(error.into()),
            ConditionalWriteError::Conflict(item) => match item.as_ref().map(item::read).transpose() {
                Ok(row) => Self::Conflict(row.map(Arc::new)),
                Err(unreadable) => Self::Failed(unreadable.into()),
            },
        }
    }
}

/// The registrations table, as one invocation uses it.
#[derive(Debug, Clone)]
pub struct RegistrationsTable {
    table: Table,
}

impl RegistrationsTable {
    /// The registrations in `table`.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// The row under this key, as of now.
    pub async fn get(&self, key: &RegistrationKey) -> Result<Option<Arc<Registration>>, ReadError> {
        let item = self.table.get(item::key(key)).await?;
        Ok(item.as_ref().map(item::read).transpose()?.map(Arc::new))
    }

    /// Writes `row` in place of `read`, or where there was none.
    pub async fn store(&self, read: Option<&Registration>, row: &Registration) -> Result<(), WriteError> {
        let condition = read.map_or_else(is_absent, is_as_read);
        Ok(self
            .table
            .write(item::key(&row.key), item::attributes(row), condition)
            .await?)
    }

    /// Removes the row that `read` was. A row that is gone already counts as removed.
    pub async fn remove(&self, read: &Registration) -> Result<(), WriteError> {
        Ok(self.table.remove(item::key(&read.key), is_as_read(read)).await?)
    }

    /// Puts a row that was written by hand, with a `dueAt` but without its shard, into the index, due `now`: a `dueAt` of 0
    /// would be told by the stream once more. Tells whether it wasn't there.
    pub async fn adopt(&self, key: &RegistrationKey, now: EpochSeconds) -> Result<bool, Unavailable> {
        let Table { client, name, .. } = &self.table;
        let adopted = client
            .update_item()
            .table_name(name)
            .set_key(Some(item::key(key)))
            .condition_expression(IS_OUT_OF_THE_INDEX)
            .update_expression("SET dueShard = :shard, dueAt = :now")
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":shard", number(KeyHash::from(key).shard()))
            .send()
            .await;
        match adopted {
            Err(error) if is_conflict(&error, |error| error.is_conditional_check_failed_exception()) => Ok(false),
            adopted => Ok(adopted.map(|_| true)?),
        }
    }
}

fn is_absent() -> Condition {
    Condition {
        expression: IS_ABSENT,
        ..Condition::default()
    }
}

/// That a row is still the one that was read.
fn is_as_read(read: &Registration) -> Condition {
    let revision = read.renewal.revision;
    Condition {
        expression: if revision == 0 {
            IS_AS_WRITTEN_BY_HAND
        } else {
            IS_AS_READ
        },
        names: vec![("#revision", item::REVISION)],
        values: vec![(":read", number(revision))],
    }
}

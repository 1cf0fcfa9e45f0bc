//! The registrations table: reading and writing [`Registration`]s, and the rows that are due.
//!
//! Every write is conditional on the revision that was read ([`printbell_shared::registration::protocol`]), and touches only
//! the attributes that this version knows: what a newer version, or a person, keeps beside them stays. A write that changes who
//! holds a token is one transaction with the table [`State`](crate::state).

pub mod due;
pub mod item;
pub mod page;
pub mod restore;

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_dynamodb::types::TransactWriteItem;
use futures::future::try_join_all;
use printbell_shared::id::RegistrationKey;
use printbell_shared::registration::Registration;
use printbell_shared::registration::claim::{Inquiry, Survey};
use printbell_shared::registration::holding::{HolderWrite, RowWrite, Write};
use printbell_shared::registration::renewal::{EpochSeconds, KeyHash};
use thiserror::Error;

use crate::dynamodb::table::{Condition, ConditionalWriteError, Table, Unavailable, bears, is_conflict};
use crate::dynamodb::transaction::{TransactionError, transact};
use crate::dynamodb::value::{number, string};
use crate::state::State;
use item::Unreadable;

/// A new row: there is none under this key.
const IS_ABSENT: &str = "attribute_not_exists(tenantId)";
/// The row as it was read, written by Printbell.
const IS_AS_READ: &str = "#revision = :read";
/// The row as it was read, written by hand: there, and never written by Printbell.
const IS_AS_WRITTEN_BY_HAND: &str = "attribute_exists(tenantId) AND (attribute_not_exists(#revision) OR \
     #revision = :read OR NOT attribute_type(#revision, :number))";
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

impl From<Unavailable> for WriteError {
    fn from(error: Unavailable) -> Self {
        Self::Failed(error.into())
    }
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

/// The registrations table and who holds what in it, as one invocation uses them.
#[derive(Debug, Clone)]
pub struct RegistrationsTable {
    table: Table,
    /// Who holds a token.
    pub state: State,
    /// What the table is called whose registrations are taken over, if there is one.
    source: Option<String>,
}

impl RegistrationsTable {
    /// The registrations in `table`, whose tokens' holders are in `state`, and to which those of `source` come.
    pub fn new(table: Table, state: State, source: Option<String>) -> Self {
        Self { table, state, source }
    }

    /// Whether this is the table's name.
    pub fn is_called(&self, name: &str) -> bool {
        self.table.name == name
    }

    /// The row under this key, as of now.
    pub async fn get(&self, key: &RegistrationKey) -> Result<Option<Arc<Registration>>, ReadError> {
        let item = self.table.get(item::key(key)).await?;
        Ok(item.as_ref().map(item::read).transpose()?.map(Arc::new))
    }

    /// The row under this key, as of now; as far as it can be read, for somebody who will write it anew.
    pub async fn salvage(&self, key: &RegistrationKey) -> Result<Option<Arc<Registration>>, ReadError> {
        let item = self.table.get(item::key(key)).await?;
        Ok(item.as_ref().map(item::salvage).transpose()?.map(Arc::new))
    }

    /// Who holds what is asked for, and their rows but the one under `own`.
    pub async fn survey(&self, own: &RegistrationKey, inquiry: &Inquiry) -> Result<Survey, ReadError> {
        let holders = self.state.holders(&inquiry.claims).await?;
        let mut keys: BTreeSet<_> = holders.values().flatten().cloned().collect();
        keys.extend(inquiry.rows.iter().cloned());
        keys.remove(own);
        let rows = keys.into_iter().map(async |key| {
            let row = self.salvage(&key).await?;
            Ok::<_, ReadError>((key, row))
        });
        let rows = try_join_all(rows).await?.into_iter().collect();
        Ok(Survey { holders, rows })
    }

    /// Writes everything that `write` says, or nothing.
    ///
    /// While a restore isn't over, whatever it removes is noted with it, so that it isn't taken over again.
    pub async fn write(&self, write: &Write) -> Result<(), WriteError> {
        let mut graves = Vec::new();
        let is_removed = |row: &&RowWrite| row.read.is_some() && row.new.is_none();
        if let Some(source) = match write.rows.iter().any(|row| is_removed(&row)) {
            true => self.pending_source().await?,
            false => None,
        } {
            for row in write.rows.iter().filter(is_removed) {
                graves.push(self.state.bury_in_transaction(source, &row.key)?);
            }
        }
        match write.rows.first() {
            Some(row) if !write.is_transaction() && graves.is_empty() => self.write_row(row).await,
            _ => self.transact(write, graves).await,
        }
    }

    /// Writes `row` in place of `read`.
    pub async fn store(&self, read: &Registration, row: &Registration) -> Result<(), WriteError> {
        let attributes = item::attributes(row);
        Ok(self
            .table
            .write(item::key(&row.key), attributes, is_as_read(read))
            .await?)
    }

    async fn write_row(&self, row: &RowWrite) -> Result<(), WriteError> {
        let RowWrite { key, read, new } = row;
        match (read.as_deref(), new) {
            (read, Some(new)) => {
                let condition = read.map_or_else(is_absent, is_as_read);
                self.table
                    .write(item::key(key), item::attributes(new), condition)
                    .await?;
            }
            // A row that is gone already counts as removed.
            (Some(read), None) => self.table.remove(item::key(key), is_as_read(read)).await?,
            (None, None) => {}
        }
        Ok(())
    }

    async fn transact(&self, write: &Write, graves: Vec<TransactWriteItem>) -> Result<(), WriteError> {
        // A claim that is given up and that somebody else has by now stays theirs.
        let mut kept = BTreeSet::new();
        loop {
            let mut parts = Vec::new();
            let mut mark = None;
            for row in &write.rows {
                let (part, of_row) = self.row_in_transaction(row)?;
                if parts.is_empty() {
                    mark = of_row;
                }
                parts.push(part);
            }
            let holders: Vec<_> = write.holders.iter().filter(|holder| !kept.contains(*holder)).collect();
            for holder in &holders {
                parts.push(self.state.in_transaction(holder)?);
            }
            parts.extend(graves.iter().cloned());
            let places = match transact(&self.table.client, parts).await {
                Ok(()) => return Ok(()),
                Err(TransactionError::Unavailable(error)) => return Err(error.into()),
                Err(TransactionError::Conflict(places)) => places,
            };
            let failed = |place: &usize| holders.get(place.wrapping_sub(write.rows.len()));
            let released: Vec<_> = places.iter().filter_map(failed).collect();
            let is_release = |holder: &&&HolderWrite| matches!(holder, HolderWrite::Release { .. });
            if released.len() == places.len() && released.iter().all(is_release) {
                kept.extend(released.into_iter().copied());
                continue;
            }
            let Some(own) = write.rows.first() else { return Ok(()) };
            let item = self.table.get(item::key(&own.key)).await.map_err(ReadError::from)?;
            if let (Some(item), Some(mark)) = (&item, &mark)
                && bears(item, mark)
            {
                return Ok(()); // it was this very write that came before
            }
            return Err(ConditionalWriteError::Conflict(item).into());
        }
    }

    fn row_in_transaction(&self, row: &RowWrite) -> Result<(TransactWriteItem, Option<String>), Unavailable> {
        let RowWrite { key, read, new } = row;
        let condition = read.as_deref().map_or_else(is_absent, is_as_read);
        Ok(match new {
            _ if row.is_check() => (self.table.check_in_transaction(item::key(key), condition)?, None),
            Some(new) => {
                let attributes = item::attributes(new);
                let (part, mark) = self.table.write_in_transaction(item::key(key), attributes, condition)?;
                (part, Some(mark))
            }
            None => (self.table.remove_in_transaction(item::key(key), condition)?, None),
        })
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
    let mut condition = Condition {
        expression: IS_AS_READ,
        names: vec![("#revision", item::REVISION)],
        values: vec![(":read", number(revision))],
    };
    if revision == 0 {
        condition.expression = IS_AS_WRITTEN_BY_HAND;
        condition.values.push((":number", string("N")));
    }
    condition
}

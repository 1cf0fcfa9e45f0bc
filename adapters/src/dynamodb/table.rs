//! One table: consistent reads, and writes on a condition.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update as UpdateItem};
use thiserror::Error;
use tokio::time::{Duration, sleep};

use super::update::Update;
use super::value::{Item, string};
use crate::aws::explain;

/// How often a write is tried that meets another one's transaction, and how long it waits before the second try; twice as long
/// before each one after that.
pub(super) const TRIES: u32 = 6;
pub(super) const WAIT: Duration = Duration::from_millis(15);

/// What DynamoDB calls an item that somebody else's transaction is at.
const IN_A_TRANSACTION: &str = "TransactionConflictException";

/// The write that made the item what it is: the request id of the invocation, which its log can be found by, what tells this
/// delivery of its event from others, and a number.
pub const WRITTEN_BY: &str = "writtenBy";

/// DynamoDB didn't do what it was asked for, retries included. Says what it answered; holds no attribute's value.
#[derive(Debug, Error)]
#[error("the table can't be used: {0}")]
pub struct Unavailable(String);

impl Unavailable {
    /// Others wrote an item first, again and again.
    pub(crate) fn contended(item: &str) -> Self {
        Self(format!("others wrote the item {item} first, again and again"))
    }
}

impl<E: ProvideErrorMetadata, R> From<SdkError<E, R>> for Unavailable {
    fn from(error: SdkError<E, R>) -> Self {
        Self(explain(&error))
    }
}

/// Why an item wasn't written.
#[derive(Debug, Error)]
pub enum ConditionalWriteError {
    /// The condition doesn't hold. Has the item as it is now, or nothing if there is none.
    #[error("the condition of the write doesn't hold")]
    Conflict(Option<Item>),
    /// It wasn't, or it can't be known whether it was.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A condition, and what its placeholders stand for.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    /// A condition expression.
    pub expression: &'static str,
    /// What its `#names` stand for.
    pub names: Vec<(&'static str, &'static str)>,
    /// What its `:values` stand for.
    pub values: Vec<(&'static str, AttributeValue)>,
}

/// A table, as one invocation uses it.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
    /// Whose writes they are, and how many there were.
    pub(crate) writer: String,
    writes: Arc<AtomicU64>,
}

impl Table {
    /// The table called `name`. `writer` is unique among invocations.
    pub fn new(client: Client, name: &str, writer: &str) -> Self {
        Self {
            client,
            name: name.to_owned(),
            writer: writer.to_owned(),
            writes: Arc::default(),
        }
    }

    /// The item under `key`, as of now.
    pub async fn get(&self, key: Item) -> Result<Option<Item>, Unavailable> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key));
        Ok(request.consistent_read(true).send().await?.item)
    }

    /// Makes the item under `key` have these attributes, and its other ones stay.
    ///
    /// A write whose answer is lost is repeated by the SDK, and then fails its condition: the mark that the item bears tells
    /// that it was this very write that came before.
    pub async fn write(
        &self,
        key: Item,
        attributes: Vec<(&'static str, Option<AttributeValue>)>,
        condition: Condition,
    ) -> Result<(), ConditionalWriteError> {
        let mark = self.mark();
        let update = Update::on(
            condition,
            attributes.into_iter().chain([(WRITTEN_BY, Some(string(&mark)))]),
        );
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key.clone()))
            .condition_expression(update.condition)
            .update_expression(update.expression)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values));
        let response = unhindered(|| request.clone().send()).await;
        match response {
            Err(error) if is_conflict(&error, |error| error.is_conditional_check_failed_exception()) => {
                let item = self.get(key).await?;
                match item.as_ref().is_some_and(|item| bears(item, &mark)) {
                    true => Ok(()),
                    false => Err(ConditionalWriteError::Conflict(item)),
                }
            }
            response => Ok(response.map(drop).map_err(Unavailable::from)?),
        }
    }

    /// A mark that no other write has.
    fn mark(&self) -> String {
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        format!("{}/{write}", self.writer)
    }

    /// The same as [`Table::write`], to be part of a transaction; and the mark that the item will bear.
    pub fn write_in_transaction(
        &self,
        key: Item,
        attributes: Vec<(&'static str, Option<AttributeValue>)>,
        condition: Condition,
    ) -> Result<(TransactWriteItem, String), Unavailable> {
        let mark = self.mark();
        let update = Update::on(
            condition,
            attributes.into_iter().chain([(WRITTEN_BY, Some(string(&mark)))]),
        );
        let update = UpdateItem::builder()
            .table_name(&self.name)
            .set_key(Some(key))
            .condition_expression(update.condition)
            .update_expression(update.expression)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values));
        let update = update.build().map_err(|error| Unavailable(error.to_string()))?;
        Ok((TransactWriteItem::builder().update(update).build(), mark))
    }

    /// Makes an item, whole and with a mark, as part of a transaction.
    pub fn put_in_transaction(&self, mut item: Item, condition: Condition) -> Result<TransactWriteItem, Unavailable> {
        item.insert(WRITTEN_BY.to_owned(), string(&self.mark()));
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(placeholders(condition.names))
            .set_expression_attribute_values(placeholders(condition.values));
        let put = put.build().map_err(|error| Unavailable(error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Removes the item under `key`, as part of a transaction.
    pub fn remove_in_transaction(&self, key: Item, condition: Condition) -> Result<TransactWriteItem, Unavailable> {
        let delete = Delete::builder()
            .table_name(&self.name)
            .set_key(Some(key))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(placeholders(condition.names))
            .set_expression_attribute_values(placeholders(condition.values));
        let delete = delete.build().map_err(|error| Unavailable(error.to_string()))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// Has a transaction depend on a condition on an item that it doesn't write.
    pub fn check_in_transaction(&self, key: Item, condition: Condition) -> Result<TransactWriteItem, Unavailable> {
        let check = ConditionCheck::builder()
            .table_name(&self.name)
            .set_key(Some(key))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(placeholders(condition.names))
            .set_expression_attribute_values(placeholders(condition.values));
        let check = check.build().map_err(|error| Unavailable(error.to_string()))?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// Removes the item under `key`. One that is gone already counts as removed.
    pub async fn remove(&self, key: Item, condition: Condition) -> Result<(), ConditionalWriteError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key.clone()))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(placeholders(condition.names))
            .set_expression_attribute_values(placeholders(condition.values));
        match unhindered(|| request.clone().send()).await {
            Err(error) if is_conflict(&error, |error| error.is_conditional_check_failed_exception()) => {
                match self.get(key).await? {
                    None => Ok(()),
                    item => Err(ConditionalWriteError::Conflict(item)),
                }
            }
            response => Ok(response.map(drop).map_err(Unavailable::from)?),
        }
    }
}

/// Whether a call failed because its condition doesn't hold.
pub fn is_conflict<E, R>(error: &SdkError<E, R>, is: impl Fn(&E) -> bool) -> bool {
    error.as_service_error().is_some_and(is)
}

/// Whether an item was made what it is by the write with this mark.
pub(crate) fn bears(item: &Item, mark: &str) -> bool {
    item.get(WRITTEN_BY)
        .and_then(|mark| mark.as_s().ok())
        .is_some_and(|other| other == mark)
}

/// Sends a write again while somebody else's transaction is at its item: that is over within milliseconds, and nothing was decided.
async fn unhindered<T, E, R, F>(send: impl Fn() -> F) -> Result<T, SdkError<E, R>>
where
    E: ProvideErrorMetadata,
    F: Future<Output = Result<T, SdkError<E, R>>>,
{
    let mut wait = WAIT;
    for _ in 1..TRIES {
        match send().await {
            Err(error) if error.as_service_error().and_then(ProvideErrorMetadata::code) == Some(IN_A_TRANSACTION) => {}
            response => return response,
        }
        sleep(wait).await;
        wait *= 2;
    }
    send().await
}

/// DynamoDB takes no empty set of placeholders.
fn placeholders<V: Into<W>, W>(pairs: Vec<(&'static str, V)>) -> Option<HashMap<String, W>> {
    let owned = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
    Some(owned.collect()).filter(|placeholders: &HashMap<_, _>| !placeholders.is_empty())
}

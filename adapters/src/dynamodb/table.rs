//! One table: consistent reads, and writes on a condition.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use thiserror::Error;

use super::update::Update;
use super::value::{Item, string};
use crate::aws::explain;

/// The write that made the item what it is: the request id of the invocation, which its log can be found by, and a number.
pub const WRITTEN_BY: &str = "writtenBy";

/// DynamoDB didn't do what it was asked for, retries included. Says what it answered; holds no attribute's value.
#[derive(Debug, Error)]
#[error("the table can't be used: {0}")]
pub struct Unavailable(String);

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
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}/{write}", self.writer);
        let marked = (WRITTEN_BY, Some(string(&mark)));
        let mut update = Update::of(attributes.into_iter().chain([marked]));
        update.names.extend(owned(condition.names));
        update.values.extend(owned(condition.values));
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key.clone()))
            .condition_expression(condition.expression)
            .update_expression(update.expression)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values));
        match request.send().await {
            Err(error) if is_conflict(&error, |error| error.is_conditional_check_failed_exception()) => {
                let item = self.get(key).await?;
                let bears_mark = |item: &Item| item.get(WRITTEN_BY).and_then(|mark| mark.as_s().ok()) == Some(&mark);
                match item.as_ref().is_some_and(bears_mark) {
                    true => Ok(()),
                    false => Err(ConditionalWriteError::Conflict(item)),
                }
            }
            response => Ok(response.map(drop).map_err(Unavailable::from)?),
        }
    }

    /// Removes the item under `key`. One that is gone already counts as removed.
    pub async fn remove(&self, key: Item, condition: Condition) -> Result<(), ConditionalWriteError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key.clone()))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(owned(condition.names).collect()))
            .set_expression_attribute_values(Some(owned(condition.values).collect()));
        match request.send().await {
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

fn owned<V: Into<W>, W>(pairs: Vec<(&'static str, V)>) -> impl Iterator<Item = (String, W)> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into()))
}

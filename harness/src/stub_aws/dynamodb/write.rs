//! Writes of one item: first worked out, with their condition, and then carried out.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::StubResponse;
use super::expression::Expression;
use super::item::Item;
use super::table::{Key, Table};

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Put,
    Update,
    Delete,
    /// Nothing but look, in a transaction.
    ConditionCheck,
}

/// Whether a write may happen.
pub(super) enum Verdict {
    Allowed(Change),
    /// Its condition doesn't hold; with the item as it is, where the request wants to see it.
    ConditionFailed(Option<Item>),
}

/// A write that may happen, worked out.
pub(super) struct Change {
    pub key: Key,
    pub old: Option<Item>,
    /// What there is afterwards.
    pub new: Option<Item>,
}

impl Change {
    pub(super) fn carry_out(self, table: &mut Table) -> Result<()> {
        match self.new {
            Some(item) => table.insert(item),
            None => {
                table.remove(&self.key);
                Ok(())
            }
        }
    }
}

/// The key of the item that a write is about.
pub(super) fn key(table: &Table, operation: Operation, request: &Value) -> Result<Key> {
    let schema = &table.schema.key;
    match operation {
        Operation::Put => schema.of(request["Item"].as_object().context("the request has no Item")?),
        _ => schema.exactly(&request["Key"]),
    }
}

/// Works a write out, and changes nothing.
pub(super) fn decide(table: &Table, operation: Operation, request: &Value) -> Result<Verdict> {
    let key = key(table, operation, request)?;
    let old = table.items.get(&key).cloned();
    let nothing = Item::new();
    if let Some(condition) = request["ConditionExpression"].as_str()
        && !Expression::new(condition, request).holds(old.as_ref().unwrap_or(&nothing))?
    {
        let is_wanted = request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD";
        return Ok(Verdict::ConditionFailed(old.filter(|_| is_wanted)));
    }
    let new = match operation {
        Operation::Put => request["Item"].as_object().cloned(),
        Operation::Update => {
            let before = old.as_ref().or(request["Key"].as_object()).unwrap_or(&nothing);
            let update = request["UpdateExpression"].as_str().unwrap_or_default();
            Some(Expression::new(update, request).apply(before)?)
        }
        Operation::Delete => None,
        Operation::ConditionCheck => old.clone(),
    };
    if let Some(item) = &new {
        ensure!(
            table.schema.key.of(item)? == key,
            "Cannot update an attribute that is part of the key"
        );
        table.index_keys(&key, item)?;
    }
    Ok(Verdict::Allowed(Change { key, old, new }))
}

/// `PutItem`, `UpdateItem` or `DeleteItem`.
pub(super) fn one(table: &mut Table, operation: Operation, request: &Value) -> Result<StubResponse> {
    let change = match decide(table, operation, request)? {
        Verdict::Allowed(change) => change,
        Verdict::ConditionFailed(old) => {
            let mut error = json!({
                "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
                "message": "The conditional request failed",
            });
            if let Some(old) = old {
                error["Item"] = old.into();
            }
            return Ok(StubResponse {
                status: 400,
                ..StubResponse::json(&error)
            });
        }
    };
    let returned = match request["ReturnValues"].as_str() {
        Some("ALL_NEW") => change.new.clone(),
        Some("ALL_OLD") => change.old.clone(),
        Some("NONE") | None => None,
        Some(other) => bail!("the stub doesn't know ReturnValues {other}"),
    };
    change.carry_out(table)?;
    Ok(StubResponse::json(&returned.map_or_else(
        || json!({}),
        |attributes| json!({"Attributes": attributes}),
    )))
}

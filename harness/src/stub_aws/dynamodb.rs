//! DynamoDB, with as many tables as the template has, or a test makes.
//!
//! What the stub doesn't know (nested paths, reading backwards) it refuses, loudly.

mod expression;
mod item;
mod key_condition;
mod page;
mod table;
#[cfg(test)]
mod tests;
mod transaction;
mod write;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Service, StubResponse};
use expression::{all_used, project};
pub use item::{Item, item, plain};
pub use table::{IndexSchema, KeyAttribute, KeySchema, Projection, Table, TableSchema};
use transaction::Transactions;
use write::Operation;

/// The tables, by name, and what a client may repeat.
#[derive(Default)]
pub(super) struct Database {
    tables: BTreeMap<String, Table>,
    transactions: Transactions,
}

impl Database {
    /// Makes a table, with nothing in it.
    pub(super) fn create(&mut self, schema: TableSchema) {
        self.tables.insert(schema.name.clone(), Table::new(schema));
    }

    /// A table by its name.
    pub(super) fn table(&mut self, name: &str) -> Result<&mut Table> {
        let table = self.tables.get_mut(name);
        Ok(table.ok_or_else(|| Refusal::no_table(name))?)
    }
}

/// What DynamoDB refuses under a name of its own; any other error is a `ValidationException`.
#[derive(Debug)]
struct Refusal {
    kind: &'static str,
    message: String,
}

impl Refusal {
    fn no_table(name: &str) -> Self {
        Self {
            kind: "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
            message: format!("Requested resource not found: Table: {name} not found"),
        }
    }

    fn other_parameters() -> Self {
        Self {
            kind: "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException",
            message: "The client request token was used with other parameters before".to_owned(),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
/// The answer to a transaction that is cancelled for this reason.
pub(super) fn cancelled_for(body: &[u8], reason: &str) -> StubResponse {
    transaction::cancelled_for(&serde_json::from_slice(body).unwrap_or_default(), reason)
}

pub(super) fn work(database: &mut Database, action: &str, body: &[u8]) -> StubResponse {
    let request: Value = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return refuse("SerializationException", &error.to_string()),
    };
    let response = match action {
        "TransactWriteItems" => transaction::write(database, &request),
        _ => one_table(database, action, &request),
    };
    response.unwrap_or_else(|error| match error.downcast_ref::<Refusal>() {
        Some(refusal) => refuse(refusal.kind, &refusal.message),
        None => refuse("com.amazon.coral.validate#ValidationException", &format!("{error:#}")),
    })
}

fn one_table(database: &mut Database, action: &str, request: &Value) -> Result<StubResponse> {
    all_used(request)?;
    let table = database.table(name_of_table(request)?)?;
    match action {
        "GetItem" => get(table, request),
        "PutItem" => write::one(table, Operation::Put, request),
        "UpdateItem" => write::one(table, Operation::Update, request),
        "DeleteItem" => write::one(table, Operation::Delete, request),
        "Query" => page::query(table, request),
        "Scan" => page::scan(table, request),
        "DescribeTable" => Ok(StubResponse::json(&json!({"Table": table.description()}))),
        other => bail!("the stub doesn't know {other}"),
    }
}

fn name_of_table(request: &Value) -> Result<&str> {
    request["TableName"].as_str().context("the request names no table")
}

fn refuse(kind: &str, message: &str) -> StubResponse {
    StubResponse::error(Service::DynamoDb, 400, kind, message)
}

fn get(table: &Table, request: &Value) -> Result<StubResponse> {
    let key = table.schema.key.exactly(&request["Key"])?;
    Ok(match table.items.get(&key) {
        Some(item) => StubResponse::json(&json!({"Item": shown(item, request)?})),
        None => StubResponse::json(&json!({})),
    })
}

fn shown(item: &Item, request: &Value) -> Result<Item> {
    match request["ProjectionExpression"].as_str() {
        Some(projection) => project(item, projection, request),
        None => Ok(item.clone()),
    }
}

//! DynamoDB: one table with one sparse index.

use super::{Said, Service};

/// An item, as DynamoDB's JSON writes it.
pub type Item = serde_json::Map<String, serde_json::Value>;

/// The table.
#[derive(Default)]
pub struct Table {}

pub(super) fn work(_table: &mut Table, _action: &str, _body: &[u8]) -> Said {
    Said::error(
        Service::DynamoDb,
        400,
        "UnknownOperationException",
        "the stub doesn't know this operation",
    )
}

//! DynamoDB: one table, the registrations', with its sparse index `due`.
//!
//! Reads are always consistent and answers come in one page of at most 1 MiB (here: 1,000 items) or `Limit`, as on the
//! real one. What the stub doesn't know (nested paths, transactions) it refuses, loudly.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::expression::{Expression, all_used, project};
use super::item::Item;
use super::{Said, Service};

/// Items in a page without a `Limit`.
const PAGE: usize = 1_000;

type Key = (String, String);

/// The table, by `tenantId` and `printerRef`.
#[derive(Default)]
pub struct Table {
    items: BTreeMap<Key, Item>,
    /// The index `due`: `dueShard`, `dueAt`, and whose they are.
    due: BTreeSet<(i128, i128, Key)>,
}

impl Table {
    /// Puts an item, whatever was there.
    ///
    /// # Panics
    /// When it has no `tenantId` and `printerRef`.
    #[expect(clippy::expect_used, reason = "for tests, which have to be told")]
    pub fn put(&mut self, item: Item) {
        let key = key(&item).expect("an item with tenantId and printerRef");
        if let Some(old) = self.items.get(&key).and_then(|old| due(&key, old)) {
            self.due.remove(&old);
        }
        self.due.extend(due(&key, &item));
        self.items.insert(key, item);
    }

    /// The item with this key.
    pub fn get(&self, tenant_id: &str, printer_ref: &str) -> Option<&Item> {
        self.items.get(&(tenant_id.to_owned(), printer_ref.to_owned()))
    }

    /// All items, in the order of their keys.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }

    /// How many items are in the index.
    pub fn indexed(&self) -> usize {
        self.due.len()
    }

    /// Empties it.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn remove(&mut self, key: &Key) {
        if let Some(old) = self.items.remove(key).and_then(|old| due(key, &old)) {
            self.due.remove(&old);
        }
    }
}

fn key(item: &Item) -> Option<Key> {
    let part = |name: &str| Some(item.get(name)?["S"].as_str()?.to_owned());
    Some((part("tenantId")?, part("printerRef")?))
}

/// An item's place in the index: none unless it has both attributes.
fn due(key: &Key, item: &Item) -> Option<(i128, i128, Key)> {
    let number = |name: &str| item.get(name)?["N"].as_str()?.parse().ok();
    Some((number("dueShard")?, number("dueAt")?, key.clone()))
}

pub(super) fn work(table: &mut Table, action: &str, body: &[u8]) -> Said {
    let request: Value = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return refusal("SerializationException", &error.to_string()),
    };
    let done = all_used(&request).and_then(|()| match action {
        "GetItem" => get(table, &request),
        "PutItem" | "UpdateItem" | "DeleteItem" => write(table, action, &request),
        "Query" | "Scan" => page(table, action, &request),
        other => anyhow::bail!("the stub doesn't know {other}"),
    });
    done.unwrap_or_else(|fault| refusal("com.amazon.coral.validate#ValidationException", &format!("{fault:#}")))
}

fn refusal(code: &str, message: &str) -> Said {
    Said::error(Service::DynamoDb, 400, code, message)
}

fn key_of(request: &Value) -> Result<Key> {
    request["Key"]
        .as_object()
        .and_then(key)
        .context("the key isn't tenantId and printerRef")
}

fn get(table: &Table, request: &Value) -> Result<Said> {
    Ok(match table.items.get(&key_of(request)?) {
        Some(item) => Said::json(&json!({"Item": shown(item, request)?})),
        None => Said::json(&json!({})),
    })
}

fn shown(item: &Item, request: &Value) -> Result<Item> {
    match request["ProjectionExpression"].as_str() {
        Some(projection) => project(item, projection, request),
        None => Ok(item.clone()),
    }
}

fn write(table: &mut Table, action: &str, request: &Value) -> Result<Said> {
    let key = match action {
        "PutItem" => request["Item"]
            .as_object()
            .and_then(key)
            .context("the item has no key")?,
        _ => key_of(request)?,
    };
    let old = table.items.get(&key).cloned();
    let nothing = Item::new();
    if let Some(condition) = request["ConditionExpression"].as_str()
        && !Expression::new(condition, request).holds(old.as_ref().unwrap_or(&nothing))?
    {
        let mut error = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
            "message": "The conditional request failed",
        });
        if request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
            && let Some(old) = old
        {
            error["Item"] = Value::Object(old);
        }
        return Ok(Said {
            status: 400,
            ..Said::json(&error)
        });
    }
    let new = match action {
        "PutItem" => request["Item"].as_object().cloned(),
        "UpdateItem" => {
            let before = old
                .clone()
                .unwrap_or_else(|| request["Key"].as_object().cloned().unwrap_or_default());
            let update = request["UpdateExpression"].as_str().unwrap_or_default();
            Some(Expression::new(update, request).apply(&before)?)
        }
        _ => None,
    };
    let returned = match request["ReturnValues"].as_str() {
        Some("ALL_NEW") => new.clone(),
        Some("ALL_OLD") => old,
        Some("NONE") | None => None,
        Some(other) => anyhow::bail!("the stub doesn't know ReturnValues {other}"),
    };
    match new {
        Some(item) => table.put(item),
        None => table.remove(&key),
    }
    Ok(Said::json(&returned.map_or_else(
        || json!({}),
        |attributes| json!({"Attributes": attributes}),
    )))
}

/// A page of a query or a scan, on the table or the index.
fn page(table: &Table, action: &str, request: &Value) -> Result<Said> {
    let limit = request["Limit"].as_u64().map_or(Ok(PAGE), usize::try_from)?;
    let start = request["ExclusiveStartKey"].as_object();
    let on_index = match request["IndexName"].as_str() {
        None => false,
        Some("due") => true,
        Some(other) => anyhow::bail!("the table does not have the specified index: {other}"),
    };
    let conditions = (
        request["KeyConditionExpression"].as_str(),
        request["FilterExpression"].as_str(),
    );
    anyhow::ensure!(
        (action == "Query") == conditions.0.is_some(),
        "a query, and only that, has a key condition"
    );
    anyhow::ensure!(request["ScanIndexForward"] != false, "the stub only reads forwards");
    let mut candidates: Box<dyn Iterator<Item = &Item>> = match (on_index, start) {
        (false, start) => {
            let after = start.and_then(key).map_or(Bound::Unbounded, Bound::Excluded);
            let items = table.items.range((after, Bound::Unbounded)).map(|(_, item)| item);
            Box::new(items)
        }
        (true, start) => {
            let after = start
                .and_then(|start| due(&key(start)?, start))
                .or_else(|| Some((shard(request)?, i128::MIN, Key::default())))
                .map_or(Bound::Unbounded, Bound::Excluded);
            Box::new(
                table
                    .due
                    .range((after, Bound::Unbounded))
                    .filter_map(|(.., key)| table.items.get(key)),
            )
        }
    };
    let (mut items, mut scanned, mut last) = (Vec::new(), 0, None);
    for item in candidates.by_ref() {
        if let Some(condition) = conditions.0
            && !Expression::new(condition, request).holds(item)?
        {
            if on_index {
                break; // In the index's order, what follows isn't due either, or is another shard's.
            }
            continue;
        }
        scanned += 1;
        last = Some(item);
        if conditions
            .1
            .map_or(Ok(true), |filter| Expression::new(filter, request).holds(item))?
        {
            items.push(shown(item, request)?);
        }
        if scanned == limit {
            break;
        }
    }
    let mut answer = json!({"Count": items.len(), "ScannedCount": scanned});
    if request["Select"] != "COUNT" {
        answer["Items"] = items.into();
    }
    // Like the real one: also when nothing happens to be left.
    if let Some(last) = last.filter(|_| scanned == limit) {
        let names = ["tenantId", "printerRef", "dueShard", "dueAt"];
        let names = &names[..if on_index { 4 } else { 2 }];
        answer["LastEvaluatedKey"] = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), last.get(*name)?.clone())))
            .collect();
    }
    Ok(Said::json(&answer))
}

/// The shard that a query on the index asks for: the one value that its condition compares `dueShard` to.
fn shard(request: &Value) -> Option<i128> {
    let values = request["ExpressionAttributeValues"].as_object()?;
    let condition = request["KeyConditionExpression"].as_str()?;
    let name = request["ExpressionAttributeNames"]
        .as_object()
        .and_then(|names| names.iter().find(|(_, name)| *name == "dueShard"))
        .map_or("dueShard", |(placeholder, _)| placeholder);
    let after = condition
        .split_once(name)?
        .1
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let placeholder = after
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, ':' | '_')))
        .next()?;
    values.get(placeholder)?["N"].as_str()?.parse().ok()
}

//! Queries and scans, page by page, of a table or of an index.
//!
//! Reads are always consistent, and answers come in one page of at most 1 MiB (here: 1,000 items) or `Limit`, as on the
//! real one.

use std::collections::BTreeMap;
use std::ops::Bound;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::StubResponse;
use super::expression::{Expression, project};
use super::item::Item;
use super::key_condition;
use super::table::{IndexSchema, Key, KeySchema, Projection, Table};

/// Items in a page without a `Limit`.
const PAGE: usize = 1_000;

type Bounds = (Bound<Key>, Bound<Key>);

pub(super) fn query(table: &Table, request: &Value) -> Result<StubResponse> {
    let source = Source::of(table, request)?;
    let condition = request["KeyConditionExpression"].as_str();
    let condition = condition.context("a query has a KeyConditionExpression")?;
    ensure!(request["ScanIndexForward"] != false, "the stub only reads forwards");
    source.page(key_condition::bounds(condition, request, source.key())?, request)
}

pub(super) fn scan(table: &Table, request: &Value) -> Result<StubResponse> {
    Source::of(table, request)?.page((Bound::Unbounded, Bound::Unbounded), request)
}

/// What is read: a table, or one of its indexes.
struct Source<'a> {
    table: &'a Table,
    index: Option<(&'a IndexSchema, &'a BTreeMap<Key, Key>)>,
}

impl<'a> Source<'a> {
    fn of(table: &'a Table, request: &Value) -> Result<Self> {
        let Some(name) = request["IndexName"].as_str() else {
            return Ok(Self { table, index: None });
        };
        ensure!(
            request["ConsistentRead"] != true,
            "Consistent reads are not supported on global secondary indexes"
        );
        let mut indexes = table.schema.indexes.iter().zip(&table.entries);
        let index = indexes.find(|(schema, _)| schema.name == name);
        let index = index.with_context(|| format!("The table does not have the specified index: {name}"))?;
        Ok(Self {
            table,
            index: Some(index),
        })
    }

    fn key(&self) -> &'a KeySchema {
        self.index.map_or(&self.table.schema.key, |(schema, _)| &schema.key)
    }

    /// Items with their places, in order.
    fn items(&self, (low, high): Bounds) -> Box<dyn Iterator<Item = &'a Item> + 'a> {
        if let (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) =
            (&low, &high)
            && low >= high
        {
            return Box::new(std::iter::empty());
        }
        let items = &self.table.items;
        match self.index {
            None => Box::new(items.range((low, high)).map(|(_, item)| item)),
            Some((_, entries)) => Box::new(entries.range((low, high)).filter_map(|(_, key)| items.get(key))),
        }
    }

    /// The place of an item: as a key, and as the attributes that say it.
    fn place(&self, item: &Item) -> Result<(Key, Item)> {
        let table_key = &self.table.schema.key;
        let schemas = self.index.map(|(schema, _)| &schema.key).into_iter().chain([table_key]);
        let (mut key, mut attributes) = (Key::new(), Map::new());
        for schema in schemas {
            key.extend(schema.of(item)?);
            attributes.extend(schema.attributes().filter_map(|attribute| {
                let name = attribute.name.clone();
                let value = item.get(&name)?.clone();
                Some((name, value))
            }));
        }
        Ok((key, attributes))
    }

    fn page(&self, (low, high): Bounds, request: &Value) -> Result<StubResponse> {
        let limit = request["Limit"].as_u64().map_or(Ok(PAGE), usize::try_from)?;
        let low = match request["ExclusiveStartKey"].as_object() {
            Some(start) => Bound::Excluded(self.place(start)?.0),
            None => low,
        };
        let filter = request["FilterExpression"].as_str();
        let (mut items, mut last) = (Vec::new(), None);
        let mut scanned = 0;
        for item in self.items((low, high)).take(limit) {
            scanned += 1;
            last = Some(item);
            if filter.map_or(Ok(true), |filter| Expression::new(filter, request).holds(item))? {
                items.push(self.shown(item, request)?);
            }
        }
        let mut page = json!({"Count": items.len(), "ScannedCount": scanned});
        if request["Select"] != "COUNT" {
            page["Items"] = items.into();
        }
        // Like the real one: also when nothing happens to be left.
        if let Some(last) = last.filter(|_| scanned == limit) {
            page["LastEvaluatedKey"] = self.place(last)?.1.into();
        }
        Ok(StubResponse::json(&page))
    }

    fn shown(&self, item: &Item, request: &Value) -> Result<Item> {
        let item = match self.index.map(|(schema, _)| &schema.projection) {
            Some(Projection::KeysOnly) => self.place(item)?.1,
            Some(Projection::Include(names)) => {
                let mut shown = self.place(item)?.1;
                shown.extend(
                    names
                        .iter()
                        .filter_map(|name| Some((name.clone(), item.get(name)?.clone()))),
                );
                shown
            }
            Some(Projection::All) | None => item.clone(),
        };
        match request["ProjectionExpression"].as_str() {
            Some(projection) => project(&item, projection, request),
            None => Ok(item),
        }
    }
}

//! A table: what its key is, which indexes it has, and what is in it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::item::Item;
use crate::fixtures::{ACCOUNT, REGION};

/// What a table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSchema {
    /// What requests call it.
    pub name: String,
    /// Its key.
    pub key: KeySchema,
    /// Its global secondary indexes. Only items that have all of an index's attributes are in it.
    pub indexes: Vec<IndexSchema>,
}

/// What an index is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSchema {
    /// What queries call it.
    pub name: String,
    /// Its key.
    pub key: KeySchema,
    /// What of an item it shows.
    pub projection: Projection,
}

/// What an index shows of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projection {
    /// The index's key and the table's.
    KeysOnly,
    /// These attributes too, where the item has them.
    Include(Vec<String>),
    /// Everything.
    All,
}

/// The attributes of a key: the hash, and the range if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySchema {
    /// Says in which partition an item is.
    pub hash: KeyAttribute,
    /// Orders the items of a partition.
    pub range: Option<KeyAttribute>,
}

/// An attribute of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAttribute {
    /// Its name.
    pub name: String,
    /// Its type, as DynamoDB writes it: `S` or `N`.
    pub kind: String,
}

/// One value of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyValue {
    Number(i128),
    Text(String),
    /// Greater than any value: only a bound has it.
    Above,
}

/// A whole key: of a table its hash and range, of an index its own and then the table's. So all that begins with the same
/// values is together, and right after what has these alone.
pub(super) type Key = Vec<KeyValue>;

/// A table with its items.
pub struct Table {
    pub(super) schema: TableSchema,
    pub(super) items: BTreeMap<Key, Item>,
    /// One for each index: the keys of the index, and the table's.
    pub(super) entries: Vec<BTreeMap<Key, Key>>,
}

impl Table {
    pub(super) fn new(schema: TableSchema) -> Self {
        Self {
            entries: vec![BTreeMap::new(); schema.indexes.len()],
            items: BTreeMap::new(),
            schema,
        }
    }

    /// As DescribeTable shows it.
    pub(super) fn description(&self) -> Value {
        let TableSchema { name, key, .. } = &self.schema;
        let part = |attribute: &KeyAttribute, kind: &str| json!({"AttributeName": attribute.name, "KeyType": kind});
        let hash = part(&key.hash, "HASH");
        let range = key.range.as_ref().map(|range| part(range, "RANGE"));
        json!({
            "TableName": name,
            "TableArn": format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"),
            "TableStatus": "ACTIVE",
            "KeySchema": std::iter::once(hash).chain(range).collect::<Vec<_>>(),
            "ItemCount": self.items.len(),
        })
    }

    /// Puts an item, whatever was there.
    ///
    /// # Panics
    /// When DynamoDB would refuse it: a key's attribute is missing, or is of another type.
    #[expect(clippy::expect_used, reason = "for tests, which have to be told")]
    pub fn put(&mut self, item: Item) {
        self.insert(item).expect("an item that the table can take");
    }

    /// The item whose key has these texts.
    pub fn get<const N: usize>(&self, key: [&str; N]) -> Option<&Item> {
        let key: Key = key.map(|text| KeyValue::Text(text.to_owned())).into();
        self.items.get(&key)
    }

    /// Removes every item, as a person would.
    pub fn clear(&mut self) {
        for key in self.items.keys().cloned().collect::<Vec<_>>() {
            self.remove(&key);
        }
    }

    /// All items, in the order of their keys.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }

    /// How many items are in an index.
    pub fn indexed(&self, index: &str) -> usize {
        let indexes = self.schema.indexes.iter().zip(&self.entries);
        indexes
            .filter(|(schema, _)| schema.name == index)
            .map(|(_, entries)| entries.len())
            .sum()
    }

    pub(super) fn insert(&mut self, item: Item) -> Result<()> {
        let key = self.schema.key.of(&item)?;
        let entries = self.index_keys(&key, &item)?;
        let old = self.items.insert(key.clone(), item);
        self.index(&key, old, entries);
        Ok(())
    }

    pub(super) fn remove(&mut self, key: &Key) {
        let old = self.items.remove(key);
        self.index(key, old, vec![None; self.entries.len()]);
    }

    /// Moves an item in the indexes, from where it was to these places.
    fn index(&mut self, key: &Key, old: Option<Item>, places: Vec<Option<Key>>) {
        let old_places = old.and_then(|old| self.index_keys(key, &old).ok());
        let old_places = old_places.unwrap_or_else(|| vec![None; places.len()]);
        for ((entries, old_place), place) in self.entries.iter_mut().zip(old_places).zip(places) {
            if old_place == place {
                continue;
            }
            if let Some(place) = old_place {
                entries.remove(&place);
            }
            entries.extend(place.map(|place| (place, key.clone())));
        }
    }

    /// An item's place in each of the indexes.
    pub(super) fn index_keys(&self, key: &Key, item: &Item) -> Result<Vec<Option<Key>>> {
        let indexes = self.schema.indexes.iter();
        indexes
            .map(|index| {
                let mut attributes = index.key.attributes();
                if !attributes.all(|attribute| item.contains_key(&attribute.name)) {
                    return Ok(None);
                }
                Ok(Some([index.key.of(item)?, key.clone()].concat()))
            })
            .collect()
    }
}

impl KeySchema {
    pub(super) fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.hash).chain(&self.range)
    }

    /// The key of an item.
    pub(super) fn of(&self, item: &Item) -> Result<Key> {
        self.attributes()
            .map(|attribute| {
                let value = item.get(&attribute.name);
                attribute.value(value.with_context(|| format!("Missing the key {} in the item", attribute.name))?)
            })
            .collect()
    }

    /// The key that a request names: these attributes and no other.
    pub(super) fn exactly(&self, key: &Value) -> Result<Key> {
        let key = key.as_object().context("The request names no Key")?;
        ensure!(
            key.len() == self.attributes().count(),
            "The provided key element does not match the schema"
        );
        self.of(key)
    }
}

impl KeyAttribute {
    /// An attribute's value in DynamoDB's JSON, which has to be of the right type.
    pub(super) fn value(&self, value: &Value) -> Result<KeyValue> {
        let text = value[&self.kind].as_str().with_context(|| {
            format!(
                "Type mismatch for key {}: expected {}, actual {value}",
                self.name, self.kind
            )
        })?;
        Ok(match self.kind.as_str() {
            "N" => KeyValue::Number(text.parse().context("the stub's numbers are whole")?),
            _ => KeyValue::Text(text.to_owned()),
        })
    }
}

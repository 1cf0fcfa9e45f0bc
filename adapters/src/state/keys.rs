//! What was taken up for signing: the item `keys`.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use printbell_shared::callback::key::VersionId;
use printbell_shared::callback::signing::{SigningRecord, SigningVersion, Standing};
use printbell_shared::registration::renewal::EpochSeconds;

use super::key;
use crate::dynamodb::fields::Fields;
use crate::dynamodb::table::{Condition, ConditionalWriteError, Table};
use crate::dynamodb::value::{Item, map, number, string};
use crate::signing_keys::{RecordError, Records};

const KEYS: &str = "keys";
const REVISION: &str = "revision";
const TAKE_UP: &str = "takeUp";
const IN_USE: &str = "inUse";
const NEXT: &str = "next";
const VERSIONS: &str = "versions";
const USABLE_FROM: &str = "usableFrom";
const LAST_USE: &str = "lastUse";
const STANDING: &str = "standing";

/// There is none yet.
const IS_FIRST: &str = "attribute_not_exists(id)";
/// It is still what was read.
const IS_UNCHANGED: &str = "#revision = :before";

const STANDINGS: [(Standing, &str); 3] = [
    (Standing::Good, "good"),
    (Standing::Retiring, "retiring"),
    (Standing::Retired, "retired"),
];

/// The item, in the table `State`.
#[derive(Debug, Clone)]
pub struct SigningRecords {
    table: Table,
}

impl SigningRecords {
    /// The item in `table`.
    pub fn new(table: Table) -> Self {
        Self { table }
    }
}

impl Records for SigningRecords {
    async fn read(&self) -> Result<Option<SigningRecord>, String> {
        let item = self.table.get(key(KEYS)).await;
        read(item.map_err(|error| error.to_string())?)
    }

    async fn write(&self, record: &SigningRecord) -> Result<(), RecordError> {
        let before = record.revision - 1;
        let condition = if before == 0 {
            Condition {
                expression: IS_FIRST,
                ..Condition::default()
            }
        } else {
            Condition {
                expression: IS_UNCHANGED,
                names: Vec::new(), // what is written names it
                values: vec![(":before", number(before))],
            }
        };
        match self.table.write(key(KEYS), attributes(record), condition).await {
            Ok(()) => Ok(()),
            Err(ConditionalWriteError::Conflict(item)) => {
                Err(read(item).map_or_else(RecordError::Failed, RecordError::Conflict))
            }
            Err(ConditionalWriteError::Unavailable(error)) => Err(RecordError::Failed(error.to_string())),
        }
    }
}

fn attributes(record: &SigningRecord) -> Vec<(&'static str, Option<AttributeValue>)> {
    let id = |version: &Option<VersionId>| version.as_ref().map(|version| string(version.as_str()));
    let versions = record.versions.iter();
    let versions = versions.map(|(version, memory)| (version.as_str().to_owned(), attribute(memory)));
    vec![
        (REVISION, Some(number(record.revision))),
        (TAKE_UP, Some(number(record.take_up.0))),
        (IN_USE, id(&record.in_use)),
        (NEXT, id(&record.next)),
        (VERSIONS, Some(AttributeValue::M(versions.collect()))),
    ]
}

fn attribute(memory: &SigningVersion) -> AttributeValue {
    let standing = STANDINGS.iter().find(|(standing, _)| *standing == memory.standing);
    let moments = [(USABLE_FROM, memory.usable_from), (LAST_USE, memory.last_use)];
    let moments = moments.into_iter().filter_map(|(name, at)| Some((name, number(at?.0))));
    map(moments.chain(standing.map(|(_, word)| (STANDING, string(word)))))
}

fn read(item: Option<Item>) -> Result<Option<SigningRecord>, String> {
    let record = item.map(|item| record(Fields(&item))).transpose();
    record.map_err(|reason| {
        format!("the item {KEYS} in the table State can't be read ({reason}); delete it, and it is made again from the labels")
    })
}

fn record(fields: Fields<'_>) -> Result<SigningRecord, String> {
    let id = |name| Ok::<_, String>(fields.text(name)?.map(VersionId::from));
    let versions = fields.map(VERSIONS, |fields| Ok(fields.0))?.map(memories);
    Ok(SigningRecord {
        revision: fields.required(REVISION)?,
        take_up: EpochSeconds(fields.required(TAKE_UP)?),
        in_use: id(IN_USE)?,
        next: id(NEXT)?,
        versions: versions.unwrap_or_else(|| Err(format!("{VERSIONS} is missing")))?,
    })
}

fn memories(versions: &HashMap<String, AttributeValue>) -> Result<BTreeMap<VersionId, SigningVersion>, String> {
    let fields = Fields(versions);
    let memories = versions.keys().map(|id| {
        let memory = fields.map(id, memory)?.ok_or_else(|| format!("{id} is missing"))?;
        Ok((VersionId::from(id.as_str()), memory))
    });
    memories.collect()
}

fn memory(fields: Fields<'_>) -> Result<SigningVersion, String> {
    let word = fields.text(STANDING)?;
    let standing = STANDINGS.iter().find(|(_, name)| Some(*name) == word);
    Ok(SigningVersion {
        usable_from: fields.number(USABLE_FROM)?.map(EpochSeconds),
        last_use: fields.number(LAST_USE)?.map(EpochSeconds),
        standing: standing.ok_or_else(|| format!("{STANDING} is none"))?.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(record: &SigningRecord) -> Item {
        let attributes = attributes(record).into_iter();
        attributes
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let memory = |usable_from: Option<i64>, last_use: Option<i64>, standing| SigningVersion {
            usable_from: usable_from.map(EpochSeconds),
            last_use: last_use.map(EpochSeconds),
            standing,
        };
        let record = SigningRecord {
            revision: 7,
            take_up: EpochSeconds(1_800_000_000),
            in_use: Some("version1".into()),
            next: None,
            versions: BTreeMap::from([
                ("version1".into(), memory(Some(1_800_000_120), None, Standing::Good)),
                ("version2".into(), memory(None, Some(-5), Standing::Retiring)),
                ("version3".into(), memory(None, None, Standing::Retired)),
            ]),
        };
        let next = SigningRecord {
            in_use: None,
            next: Some("version3".into()),
            ..record.clone()
        };
        for record in [SigningRecord::default(), record, next] {
            assert_eq!(read(Some(item(&record))).unwrap(), Some(record));
        }
        assert_eq!(read(None).unwrap(), None);
    }

    #[test]
    fn what_isn_t_understood_is_told_and_not_guessed() {
        let mut item = item(&SigningRecord::default());
        item.insert(
            VERSIONS.to_owned(),
            map([("version1", map([(STANDING, string("odd"))]))]),
        );
        insta::assert_snapshot!(read(Some(item)).unwrap_err(), @"the item keys in the table State can't be read (version1: standing is none); delete it, and it is made again from the labels");
    }
}

//! How far a restore is, and what was deleted here meanwhile: an item for each source, and one for each registration that was
//! deleted while its source wasn't taken over yet.
//!
//! A deletion and a take-over of the same registration can't both happen: the first is one transaction with its note, the second one
//! with a look at that ([`RegistrationsTable`](crate::registrations::RegistrationsTable)).

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use printbell_shared::id::RegistrationKey;
use printbell_shared::registration::renewal::EpochSeconds;
use printbell_shared::registration::restore::{Fingerprint, Phase, Restore, Tally};
use thiserror::Error;

use super::{State, attempt, key};
use crate::dynamodb::cursor::Cursor;
use crate::dynamodb::fields::Fields;
use crate::dynamodb::table::{Condition, Unavailable};
use crate::dynamodb::value::{Item, number, string};

/// It is as it was read.
const IS_AS_READ: &str = "#revision = :read";
/// There is none.
const IS_ABSENT: &str = "attribute_not_exists(id)";
/// Whatever there is.
const ALWAYS: &str = "attribute_not_exists(id) OR attribute_exists(id)";

const REVISION: &str = "revision";
/// The ARN of the source.
const TABLE: &str = "table";
const PHASE: &str = "phase";

/// What each word of the attribute `phase` says.
const PHASES: [(&str, Phase); 4] = [
    ("firstLook", Phase::FirstLook),
    ("secondLook", Phase::SecondLook),
    ("takeOver", Phase::TakeOver),
    ("over", Phase::Over),
];

/// A restore as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRestore {
    /// How far it is.
    pub restore: Restore<Cursor>,
    /// The ARN of the source.
    pub table: String,
    /// The ARN of the secret whose labels were taken away, because no webhook bears its keys any more.
    pub ended_secret: Option<String>,
    /// Counted up by every write.
    revision: u64,
}

/// Why it can't be known how far a restore is.
#[derive(Debug, Error)]
pub enum RestoreStateError {
    /// Somebody has written something into it. To begin anew would bring back what was deleted since.
    #[error(
        "what is known of the restore can't be read: {0}; if it is to begin anew, delete the item {1} of the table State"
    )]
    Unreadable(String, String),
    /// DynamoDB failed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl StoredRestore {
    /// One of the table with this ARN, that begins now.
    pub fn new(table: &str, now: EpochSeconds) -> Self {
        Self {
            restore: Restore::new(now),
            table: table.to_owned(),
            ended_secret: None,
            revision: 0,
        }
    }
}

impl State {
    /// How far the restore from the table called `source` is; `None`: it hasn't begun.
    pub async fn restore(&self, source: &str) -> Result<Option<StoredRestore>, RestoreStateError> {
        let id = id(source);
        let item = self.table.get(key(&id)).await?;
        let restore = item.as_ref().map(|item| read(Fields(item))).transpose();
        restore.map_err(|reason| RestoreStateError::Unreadable(reason, id))
    }

    /// Writes how far it is in place of what was read; tells whether that was still so.
    pub async fn write_restore(&self, source: &str, stored: &mut StoredRestore) -> Result<bool, Unavailable> {
        let mut attributes = attributes(stored);
        attributes.push((REVISION, Some(number(stored.revision + 1))));
        let condition = match stored.revision {
            0 => Condition {
                expression: IS_ABSENT,
                ..Condition::default()
            },
            read => Condition {
                expression: IS_AS_READ,
                names: vec![("#revision", REVISION)],
                values: vec![(":read", number(read))],
            },
        };
        let is_written = attempt(self.table.write(key(&id(source)), attributes, condition).await)?;
        stored.revision += u64::from(is_written);
        Ok(is_written)
    }

    /// Whether everything of the table called `source` was taken over, so that nothing more will be.
    pub(crate) async fn is_restored(&self, source: &str) -> Result<bool, Unavailable> {
        let item = self.table.get(key(&id(source))).await?;
        Ok(item.is_some_and(|item| phase(Fields(&item)) == Ok(Phase::Over)))
    }

    /// The part of a transaction that notes that a registration was deleted while `source` wasn't taken over.
    pub(crate) fn bury_in_transaction(
        &self,
        source: &str,
        row: &RegistrationKey,
    ) -> Result<TransactWriteItem, Unavailable> {
        let condition = Condition {
            expression: ALWAYS,
            ..Condition::default()
        };
        let part = self
            .table
            .write_in_transaction(grave(source, row), Vec::new(), condition)?;
        Ok(part.0)
    }

    /// The part of a transaction that looks whether there is such a note.
    pub(crate) fn not_buried_in_transaction(
        &self,
        source: &str,
        row: &RegistrationKey,
    ) -> Result<TransactWriteItem, Unavailable> {
        let condition = Condition {
            expression: IS_ABSENT,
            ..Condition::default()
        };
        self.table.check_in_transaction(grave(source, row), condition)
    }
}

fn id(source: &str) -> String {
    format!("restore/{source}")
}

fn grave(source: &str, row: &RegistrationKey) -> Item {
    key(&format!("deleted/{source}/{row}"))
}

fn attributes(stored: &StoredRestore) -> Vec<(&'static str, Option<AttributeValue>)> {
    let StoredRestore {
        restore,
        table,
        ended_secret,
        ..
    } = stored;
    let word = PHASES.iter().find(|(_, phase)| *phase == restore.phase);
    let Tally {
        taken_over,
        unreadable,
        here,
        deleted,
    } = restore.tally;
    vec![
        (TABLE, Some(string(table))),
        ("endedSecret", ended_secret.as_deref().map(string)),
        ("began", Some(number(restore.began.0))),
        (PHASE, word.map(|(word, _)| string(word))),
        ("place", restore.place.as_ref().map(|place| string(&place.to_string()))),
        ("since", Some(number(restore.since.0))),
        ("rows", Some(number(restore.seen.rows))),
        ("sum", Some(number(restore.seen.sum))),
        ("firstRows", Some(number(restore.first.rows))),
        ("firstSum", Some(number(restore.first.sum))),
        ("takenOver", Some(number(taken_over))),
        ("unreadable", Some(number(unreadable))),
        ("here", Some(number(here))),
        ("deleted", Some(number(deleted))),
    ]
}

fn phase(item: Fields<'_>) -> Result<Phase, String> {
    let word = item.text(PHASE)?.ok_or("phase is missing")?;
    let phase = PHASES.iter().find(|(other, _)| *other == word);
    Ok(phase.ok_or("phase is not one that this version knows")?.1)
}

fn read(item: Fields<'_>) -> Result<StoredRestore, String> {
    Ok(StoredRestore {
        restore: Restore {
            began: EpochSeconds(item.required("began")?),
            phase: phase(item)?,
            place: item.get("place").map(|_| item.parsed("place")).transpose()?,
            since: EpochSeconds(item.required("since")?),
            seen: Fingerprint {
                rows: item.required("rows")?,
                sum: item.required("sum")?,
            },
            first: Fingerprint {
                rows: item.required("firstRows")?,
                sum: item.required("firstSum")?,
            },
            tally: Tally {
                taken_over: item.required("takenOver")?,
                unreadable: item.required("unreadable")?,
                here: item.required("here")?,
                deleted: item.required("deleted")?,
            },
        },
        table: item.text(TABLE)?.ok_or("table is missing")?.to_owned(),
        ended_secret: item.text("endedSecret")?.map(str::to_owned),
        revision: item.required(REVISION)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_comes_back_from_its_item() {
        for phase in PHASES.map(|(_, phase)| phase) {
            let stored = StoredRestore {
                restore: Restore {
                    began: EpochSeconds(1),
                    phase,
                    place: "WyJhYmMiLCJwMSJd".parse().ok(),
                    since: EpochSeconds(2),
                    seen: Fingerprint { rows: 3, sum: u64::MAX },
                    first: Fingerprint { rows: 5, sum: 6 },
                    tally: Tally {
                        taken_over: 7,
                        unreadable: 8,
                        here: 9,
                        deleted: 10,
                    },
                },
                table: "arn:aws:dynamodb:eu-central-1:000000000000:table/old".to_owned(),
                ended_secret: Some("arn:aws:secretsmanager:eu-central-1:000000000000:secret:old-AbCdEf".to_owned()),
                revision: 11,
            };
            let mut item: Item = attributes(&stored)
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect();
            item.insert(REVISION.to_owned(), number(11));
            assert_eq!(read(Fields(&item)), Ok(stored));
            item.remove(PHASE);
            assert_eq!(read(Fields(&item)), Err("phase is missing".to_owned()));
        }
    }
}

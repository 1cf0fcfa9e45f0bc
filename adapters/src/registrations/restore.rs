//! Another table of registrations, that are taken over; and how.
//!
//! A row is taken over in one transaction that finds no row under its key here, and no note that one was deleted since the restore
//! began ([`crate::state::restore`]). So a row that is here stays, and what was deleted stays so, whatever was read before.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{KeySchemaElement, KeyType, TableDescription, TableStatus};
use jiff::Timestamp;
use printbell_shared::id::RegistrationKey;
use printbell_shared::registration::Registration;
use printbell_shared::registration::renewal::{Cycle, EpochSeconds, KeyHash};
use printbell_shared::registration::restore::{Fingerprint, Tally};
use thiserror::Error;

use super::item::{self, Unreadable};
use super::page::cursor;
use super::{RegistrationsTable, is_absent};
use crate::dynamodb::cursor::Cursor;
use crate::dynamodb::fields::Fields;
use crate::dynamodb::table::{Unavailable, WRITTEN_BY};
use crate::dynamodb::transaction::{TransactionError, transact};
use crate::dynamodb::value::{Item, number};

/// The place of the row, and of the look for a note, in the transaction that takes a row over.
const ROW: usize = 0;
const NOTE: usize = 1;

/// A table whose registrations are taken over.
#[derive(Debug, Clone)]
pub struct Source {
    client: Client,
    /// What it is called.
    pub name: String,
}

/// Why there is nothing to take over from.
#[derive(Debug, Error)]
pub enum SourceError {
    /// It is no table of registrations.
    #[error("the table {0} isn't one of registrations: its key isn't tenantId and printerRef")]
    Kind(String),
    /// It is being made, or archived since its key can't be used.
    #[error("the table {name} is {status}, and can't be read yet; the next run looks again")]
    NotReady {
        /// Which.
        name: String,
        /// What DynamoDB calls that.
        status: String,
    },
    /// It can't be read, or is not there.
    #[error("the table {name} can't be read; is it there, and its key given as RestoreKeyArn? {error}")]
    Unavailable {
        /// Which.
        name: String,
        /// What DynamoDB says.
        error: Unavailable,
    },
}

/// Some rows of it, and where the next ones are.
#[derive(Debug)]
pub struct SourcePage {
    /// In the table's order.
    pub rows: Vec<SourceRow>,
    /// Nothing after the last page.
    pub next: Option<Cursor>,
}

/// A row as it is there.
#[derive(Debug)]
pub struct SourceRow {
    item: Item,
    /// What it says.
    pub row: Result<Registration, Unreadable>,
}

impl Source {
    /// The table called `name`.
    pub(crate) fn new(client: Client, name: &str) -> Self {
        Self {
            client,
            name: name.to_owned(),
        }
    }

    /// Its ARN, if it can be read and holds registrations.
    pub async fn arn(&self) -> Result<String, SourceError> {
        let described = self.client.describe_table().table_name(&self.name).send().await;
        let description = described.map_err(|error| self.unavailable(error.into()))?.table;
        let TableDescription {
            table_arn,
            table_status,
            key_schema,
            ..
        } = description.unwrap_or_else(|| TableDescription::builder().build());
        match table_status {
            Some(TableStatus::Active | TableStatus::Updating) => {}
            status => {
                return Err(SourceError::NotReady {
                    name: self.name.clone(),
                    status: status.map_or("UNKNOWN".to_owned(), |status| status.as_str().to_owned()),
                });
            }
        }
        let key_schema = key_schema.unwrap_or_default();
        let has = |name: &str, kind: &KeyType| {
            let is_it = |part: &KeySchemaElement| part.attribute_name == name && part.key_type == *kind;
            key_schema.iter().any(is_it)
        };
        let is_key = has(item::TENANT_ID, &KeyType::Hash) && has(item::PRINTER_REF, &KeyType::Range);
        table_arn
            .filter(|_| is_key)
            .ok_or_else(|| SourceError::Kind(self.name.clone()))
    }

    /// At most `limit` rows after `after`.
    pub async fn page(&self, after: Option<&Cursor>, limit: i32) -> Result<SourcePage, SourceError> {
        let scan = self
            .client
            .scan()
            .table_name(&self.name)
            .limit(limit)
            .consistent_read(true);
        let start = after.map(|cursor| item::key_of(&cursor.hash, &cursor.range));
        let page = scan.set_exclusive_start_key(start).send().await;
        let page = page.map_err(|error| self.unavailable(error.into()))?;
        let rows = page.items.unwrap_or_default().into_iter().map(SourceRow::new);
        Ok(SourcePage {
            rows: rows.collect(),
            next: page.last_evaluated_key.as_ref().and_then(cursor),
        })
    }

    fn unavailable(&self, error: Unavailable) -> SourceError {
        SourceError::Unavailable {
            name: self.name.clone(),
            error,
        }
    }
}

impl SourceRow {
    fn new(item: Item) -> Self {
        Self {
            row: item::read(&item),
            item,
        }
    }

    /// What tells whether it was written since: whoever writes it counts its revision up, and leaves a mark.
    pub fn fingerprint(&self) -> Fingerprint {
        let fields = Fields(&self.item);
        let text = |name| fields.text(name).ok().flatten().unwrap_or_default();
        let digits = |name: &str| {
            let number = fields.get(name).and_then(|value| value.as_n().ok());
            number.map_or("", String::as_str)
        };
        Fingerprint::of(&[
            text(item::TENANT_ID),
            text(item::PRINTER_REF),
            digits(item::REVISION),
            text(WRITTEN_BY),
            digits(item::DUE_AT),
        ])
    }

    /// The same as a row of our table. What this version doesn't know stays; one that can't be read stays as it is, and is due, so that
    /// it is heard of.
    fn restored(&self, cycle: Cycle, now: Timestamp) -> Item {
        let mut item = self.item.clone();
        let attributes = match &self.row {
            Ok(row) => item::attributes(&row.in_another_table(cycle, now)),
            Err(_) => {
                let shard = item::read_key(&self.item).map_or(0, |key| KeyHash::from(&key).shard());
                let now = EpochSeconds::from(now);
                let index = [
                    (item::DUE_AT, Some(number(now.0))),
                    (item::DUE_SHARD, Some(number(shard))),
                ];
                let rest = item::OF_A_TABLE.map(|name| (name, None));
                index.into_iter().chain(rest).collect()
            }
        };
        for (name, value) in attributes {
            match value {
                Some(value) => item.insert(name.to_owned(), value),
                None => item.remove(name),
            };
        }
        item
    }
}

impl RegistrationsTable {
    /// Takes a row over, unless there is one here, or one was deleted here since the restore began. Tells what became of it.
    pub async fn take_over(&self, row: &SourceRow, cycle: Cycle, now: Timestamp) -> Result<Tally, Unavailable> {
        let key = item::read_key(&row.item).ok();
        let mut parts = vec![self.table.put_in_transaction(row.restored(cycle, now), is_absent())?];
        if let (Some(source), Some(key)) = (&self.source, &key) {
            parts.push(self.state.not_buried_in_transaction(source, key)?);
        }
        let places = match transact(&self.table.client, parts).await {
            Ok(()) => Vec::new(),
            Err(TransactionError::Conflict(places)) => places,
            Err(TransactionError::Unavailable(error)) => return Err(error),
        };
        let is_here = places.contains(&ROW);
        let is_deleted = !is_here && places.contains(&NOTE);
        let is_taken_over = !is_here && !is_deleted;
        if let (true, Ok(row)) = (is_taken_over, &row.row) {
            self.claim_all(row).await?;
        }
        Ok(Tally {
            taken_over: u64::from(is_taken_over),
            unreadable: u64::from(is_taken_over && row.row.is_err()),
            here: u64::from(is_here),
            deleted: u64::from(is_deleted),
        })
    }

    /// Makes everything that the row claims its own, as far as nobody holds it; tells whether there was anything. What somebody else
    /// holds is settled between the two rows when either is renewed.
    pub async fn claim_all(&self, row: &Registration) -> Result<bool, Unavailable> {
        let mut is_new = false;
        for claim in row.claims() {
            is_new |= self.state.claim(&claim, &row.key).await?;
        }
        Ok(is_new)
    }

    /// Notes that the registration under this key, which there isn't, was deleted; `false`: there is one by now. Without a restore that
    /// isn't over there is nothing to note.
    pub async fn bury(&self, key: &RegistrationKey) -> Result<bool, Unavailable> {
        let Some(source) = self.pending_source().await? else {
            return Ok(true);
        };
        let parts = vec![
            self.table.check_in_transaction(item::key(key), is_absent())?,
            self.state.bury_in_transaction(source, key)?,
        ];
        match transact(&self.table.client, parts).await {
            Ok(()) => Ok(true),
            Err(TransactionError::Conflict(_)) => Ok(false),
            Err(TransactionError::Unavailable(error)) => Err(error),
        }
    }

    /// The table that registrations are taken over from, if that isn't over.
    pub(super) async fn pending_source(&self) -> Result<Option<&str>, Unavailable> {
        match &self.source {
            Some(source) if !self.state.is_restored(source).await? => Ok(Some(source)),
            _ => Ok(None),
        }
    }
}

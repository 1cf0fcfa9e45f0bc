//! The table `State`: what isn't a registration. Who holds a token, whose turn it is to run, how far the [`sweep`] is and a
//! [`restore`], what the keys were used for ([`keys`]), and what runs remember for each other ([`health`]).
//!
//! All of it can be made again from the registrations, and is, row by row, as they are renewed; the keys' from their labels.

pub mod health;
pub mod keys;
pub mod restore;
pub mod sweep;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use futures::future::try_join_all;
use printbell_shared::id::RegistrationKey;
use printbell_shared::registration::claim::Claim;
use printbell_shared::registration::holding::HolderWrite;
use printbell_shared::registration::renewal::{EpochSeconds, MAX_CLOCK_SKEW};

use crate::dynamodb::fields::Fields;
use crate::dynamodb::table::{Condition, ConditionalWriteError, Table, Unavailable};
use crate::dynamodb::value::{Item, number, string};

const ID: &str = "id";
const TENANT_ID: &str = "tenantId";
const PRINTER_REF: &str = "printerRef";

/// The item that says who runs.
const RUN: &str = "run";
const UNTIL: &str = "until";
const HOLDER: &str = "holder";

/// Nobody holds it.
const IS_FREE: &str = "attribute_not_exists(id)";
/// It is this registration's.
const IS_THEIRS: &str = "tenantId = :tenant AND printerRef = :printer";
/// It is this registration's, or nobody's already.
const IS_THEIRS_OR_FREE: &str = "attribute_not_exists(id) OR (tenantId = :tenant AND printerRef = :printer)";
/// Nobody runs, as far as is known.
const IS_IDLE: &str = "attribute_not_exists(id) OR #until <= :now";
/// The run is ours.
const IS_OURS: &str = "#holder = :holder";

/// The table, as one invocation uses it.
#[derive(Debug, Clone)]
pub struct State {
    table: Table,
}

impl State {
    /// What `table` says.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// Who holds each of these.
    pub async fn holders(
        &self,
        claims: &BTreeSet<Claim>,
    ) -> Result<BTreeMap<Claim, Option<RegistrationKey>>, Unavailable> {
        let holders = claims.iter().map(async |claim| {
            let item = self.table.get(key(&claim.to_string())).await?;
            Ok::<_, Unavailable>((*claim, item.as_ref().and_then(holder)))
        });
        Ok(try_join_all(holders).await?.into_iter().collect())
    }

    /// The part of a transaction that makes a claim somebody else's.
    pub fn in_transaction(&self, write: &HolderWrite) -> Result<TransactWriteItem, Unavailable> {
        match write {
            HolderWrite::Claim { claim, from, to } => {
                let condition = from.as_ref().map_or_else(is_free, |from| is_theirs(IS_THEIRS, from));
                let (part, _) = self
                    .table
                    .write_in_transaction(key(&claim.to_string()), attributes(to), condition)?;
                Ok(part)
            }
            HolderWrite::Release { claim, from } => {
                let condition = is_theirs(IS_THEIRS_OR_FREE, from);
                self.table.remove_in_transaction(key(&claim.to_string()), condition)
            }
        }
    }

    /// Makes `claim` the registration's, if it is nobody's; tells whether it did.
    pub async fn claim(&self, claim: &Claim, by: &RegistrationKey) -> Result<bool, Unavailable> {
        attempt(
            self.table
                .write(key(&claim.to_string()), attributes(by), is_free())
                .await,
        )
    }

    /// Takes the turn to run until `until`, this invocation's deadline, if nobody has it; tells whether it did.
    pub async fn begin_run(&self, now: EpochSeconds, until: EpochSeconds) -> Result<bool, Unavailable> {
        let attributes = vec![
            (HOLDER, Some(string(&self.table.writer))),
            (UNTIL, Some(number((until + MAX_CLOCK_SKEW).0))),
        ];
        let condition = Condition {
            expression: IS_IDLE,
            names: vec![("#until", UNTIL)],
            values: vec![(":now", number(now.0))],
        };
        attempt(self.table.write(key(RUN), attributes, condition).await)
    }

    /// Gives the turn back, if it still is this invocation's.
    pub async fn end_run(&self) -> Result<(), Unavailable> {
        let condition = Condition {
            expression: IS_OURS,
            names: vec![("#holder", HOLDER)],
            values: vec![(":holder", string(&self.table.writer))],
        };
        attempt(self.table.remove(key(RUN), condition).await).map(drop)
    }
}

/// Whether a write was done, where a condition that doesn't hold is no error.
fn attempt(write: Result<(), ConditionalWriteError>) -> Result<bool, Unavailable> {
    match write {
        Ok(()) => Ok(true),
        Err(ConditionalWriteError::Conflict(_)) => Ok(false),
        Err(ConditionalWriteError::Unavailable(error)) => Err(error),
    }
}

fn key(id: &str) -> Item {
    HashMap::from([(ID.to_owned(), string(id))])
}

fn attributes(holder: &RegistrationKey) -> Vec<(&'static str, Option<AttributeValue>)> {
    vec![
        (TENANT_ID, Some(string(holder.tenant.as_str()))),
        (PRINTER_REF, Some(string(holder.printer.as_str()))),
    ]
}

/// Whose an item says that it is; what isn't understood is nobody's.
fn holder(item: &Item) -> Option<RegistrationKey> {
    let fields = Fields(item);
    Some(RegistrationKey {
        tenant: fields.parsed(TENANT_ID).ok()?,
        printer: fields.parsed(PRINTER_REF).ok()?,
    })
}

fn is_free() -> Condition {
    Condition {
        expression: IS_FREE,
        ..Condition::default()
    }
}

fn is_theirs(expression: &'static str, holder: &RegistrationKey) -> Condition {
    Condition {
        expression,
        names: Vec::new(),
        values: vec![
            (":tenant", string(holder.tenant.as_str())),
            (":printer", string(holder.printer.as_str())),
        ],
    }
}

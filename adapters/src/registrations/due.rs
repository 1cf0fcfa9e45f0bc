//! The rows that are due, oldest first, out of every shard of the index, a page of each in memory.

use std::collections::VecDeque;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::Select;
use printbell_shared::id::RegistrationKey;
use printbell_shared::registration::renewal::{EpochSeconds, SHARDS};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};

use super::RegistrationsTable;
use super::item::{self, Unreadable};
use crate::dynamodb::table::Unavailable;
use crate::dynamodb::value::{Item, number};

/// The sparse index of what is due.
const INDEX: &str = "due";
/// What is due in one shard.
const IS_DUE: &str = "dueShard = :shard AND dueAt <= :now";
/// Keys in a page: 16 shards of them stay below a MiB, and 20 calls a second need one page in 80 s.
const PAGE: i32 = 100;

/// A reader of everything that was due at one moment.
pub struct Due {
    table: RegistrationsTable,
    now: EpochSeconds,
    shards: Vec<Shard>,
}

struct Shard {
    number: u32,
    /// In the order of `dueAt`.
    read: VecDeque<DueRow>,
    rest: Rest,
}

/// What the index says of a row.
#[derive(Debug)]
pub struct DueRow {
    /// Whose it is, unless not even that can be understood.
    pub key: Result<RegistrationKey, Unreadable>,
    /// Since when it has been due.
    pub due_at: EpochSeconds,
    /// When its webhook expires; the row itself may be unreadable.
    pub expires_at: Option<EpochSeconds>,
}

/// What of a shard wasn't read yet.
enum Rest {
    All,
    After(Item),
    Nothing,
}

impl RegistrationsTable {
    /// Reads what is due at `now`.
    pub fn due(&self, now: EpochSeconds) -> Due {
        let shard = |number| Shard {
            number,
            read: VecDeque::new(),
            rest: Rest::All,
        };
        Due {
            table: self.clone(),
            now,
            shards: (0..SHARDS).map(shard).collect(),
        }
    }
}

impl Due {
    /// The row that has been due the longest of those that weren't told yet. A row whose very key can't be understood is
    /// told as such.
    pub async fn next(&mut self) -> Result<Option<DueRow>, Unavailable> {
        self.read().await?;
        let oldest = self
            .shards
            .iter_mut()
            .filter(|shard| !shard.read.is_empty())
            .min_by_key(|shard| shard.read.front().map(|row| row.due_at));
        Ok(oldest.and_then(|shard| shard.read.pop_front()))
    }

    /// How many rows there are that weren't told yet; at least so many, if counting them takes longer than `within`.
    pub async fn count(self, within: Duration) -> Result<u64, Unavailable> {
        let end = Instant::now() + within;
        let mut counts = JoinSet::new();
        let mut count = 0;
        for shard in self.shards {
            count += shard.read.len() as u64;
            counts.spawn(count_rest(self.table.clone(), self.now, shard.number, shard.rest, end));
        }
        while let Some(rest) = counts.join_next().await {
            let Ok(rest) = rest else { continue }; // only if the runtime is shutting down
            count += rest?;
        }
        Ok(count)
    }

    /// Reads on wherever nothing is at hand: without knowing every shard's oldest row, the oldest of all isn't known.
    async fn read(&mut self) -> Result<(), Unavailable> {
        loop {
            let mut pages = JoinSet::new();
            for (place, shard) in self.shards.iter().enumerate() {
                if shard.read.is_empty()
                    && let Some(query) = query(&self.table, self.now, shard.number, &shard.rest)
                {
                    pages.spawn(async move { (place, query.limit(PAGE).send().await) });
                }
            }
            if pages.is_empty() {
                return Ok(());
            }
            while let Some(page) = pages.join_next().await {
                let Ok((place, page)) = page else { continue }; // only if the runtime is shutting down
                let page = page?;
                let shard = &mut self.shards[place];
                shard.rest = page.last_evaluated_key.map_or(Rest::Nothing, Rest::After);
                shard.read = page.items.unwrap_or_default().iter().map(row).collect();
            }
        }
    }
}

fn row(item: &Item) -> DueRow {
    let time = |name| {
        let seconds = item.get(name).and_then(|time| time.as_n().ok()?.parse().ok());
        seconds.map(EpochSeconds)
    };
    DueRow {
        key: item::read_key(item),
        due_at: time("dueAt").unwrap_or(EpochSeconds(0)),
        expires_at: time(item::EXPIRES_AT),
    }
}

fn query(table: &RegistrationsTable, now: EpochSeconds, shard: u32, rest: &Rest) -> Option<QueryFluentBuilder> {
    let after = match rest {
        Rest::All => None,
        Rest::After(key) => Some(key.clone()),
        Rest::Nothing => return None,
    };
    let query = table
        .table
        .client
        .query()
        .table_name(&table.table.name)
        .index_name(INDEX)
        .key_condition_expression(IS_DUE)
        .expression_attribute_values(":shard", number(shard))
        .expression_attribute_values(":now", number(now.0))
        .set_exclusive_start_key(after);
    Some(query)
}

async fn count_rest(
    table: RegistrationsTable,
    now: EpochSeconds,
    shard: u32,
    mut rest: Rest,
    end: Instant,
) -> Result<u64, Unavailable> {
    let mut count = 0;
    while Instant::now() < end
        && let Some(query) = query(&table, now, shard, &rest)
    {
        let page = query.select(Select::Count).send().await?;
        count += u64::try_from(page.count).unwrap_or(0);
        rest = page.last_evaluated_key.map_or(Rest::Nothing, Rest::After);
    }
    Ok(count)
}

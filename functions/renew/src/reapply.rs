//! Makes registrations due again, for a changed `PublicUrl`, a leaked key, or webhooks that OctoEverywhere switched off.
//!
//! The i-th registration of the table is due i ÷ rate after the first one, so that the runs that follow have as much to do as
//! they may. Its place in the table decides that, and nothing is ever put off: to do it twice, or once more from the start
//! after a crash, changes nothing for those that it has been done for.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use printbell_adapters::registrations::page::{PageError, Scope};
use printbell_adapters::registrations::{RegistrationsTable, WriteError};
use printbell_adapters::worker::Worker;
use printbell_shared::registration::Registration;
use printbell_shared::registration::renewal::Status;
use serde::Serialize;
use tokio::task::{JoinError, JoinSet};

use crate::event::Reapply;
use crate::pace::Limits;

/// Rows that are read at once.
const PAGE: u32 = 100;

/// Writes at the same time. DynamoDB takes a thousand a second on one partition without notice.
const WRITES: usize = 16;

/// How often a row is tried that others write meanwhile.
const TRIES: u32 = 5;

/// What is left of the invocation when the next page is not begun any more.
const MARGIN: SignedDuration = SignedDuration::from_secs(20);

/// What a reapplication came to.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reapplication {
    /// Registrations that are due sooner now.
    pub reapplied: u64,
    /// Registrations that were due by then already.
    pub due_already: u64,
    /// Registrations that are revoked, replaced or being deleted: they aren't applied again.
    pub left_alone: u64,
    /// Rows that can't be read. The log names them.
    pub unreadable: u64,
    /// Rows that could not be written. The log names them; do it once more from the start.
    pub failed: u64,
    /// When the last of them is due.
    pub until: Option<Timestamp>,
    /// The event to invoke the function with to go on, if there was more to do than time.
    pub go_on: Option<GoOn>,
}

/// An event that goes on where this one ended.
#[derive(Debug, Serialize)]
pub(crate) struct GoOn {
    /// See [`crate::event::Event::Reapply`].
    pub reapply: Reapply,
}

/// What result of one row.
enum RowResult {
    Reapplied,
    DueAlready,
    LeftAlone,
    Failed,
}

/// Makes due again what `reapply` says, as far as the invocation's time goes.
pub(crate) async fn reapply(worker: &Worker, limits: Limits, reapply: Reapply) -> Result<Reapplication, PageError> {
    let scope = Scope {
        tenant: reapply.tenant_id.clone(),
        status: None,
    };
    let interval = SignedDuration::from_secs(1) / i32::try_from(limits.per_second.get()).unwrap_or(i32::MAX);
    let now = worker.clock.now();
    let mut at = reapply.from.map_or(now, |from| from.max(now));
    let mut after = reapply.after;
    let mut reapplication = Reapplication::default();
    loop {
        let page = worker.table.page(&scope, after.as_ref(), PAGE, now.into()).await?;
        let mut writes = JoinSet::new();
        for row in page.rows {
            let row = match row {
                Ok(row) => row,
                Err(unreadable) => {
                    tracing::error!(row = unreadable.key(), "{unreadable}");
                    reapplication.unreadable += 1;
                    continue;
                }
            };
            if writes.len() >= WRITES {
                reapplication.count(writes.join_next().await);
            }
            writes.spawn(write(worker.table.clone(), Arc::new(row), now, at));
            at = at.saturating_add(interval).unwrap_or(at);
        }
        while let Some(result) = writes.join_next().await {
            reapplication.count(Some(result));
        }
        reapplication.until = Some(at);
        after = page.next;
        if after.is_none() {
            return Ok(reapplication);
        }
        if worker.deadline.duration_since(worker.clock.now()) < MARGIN {
            let reapply = Reapply {
                tenant_id: reapply.tenant_id,
                after,
                from: Some(at),
            };
            reapplication.go_on = Some(GoOn { reapply });
            return Ok(reapplication);
        }
    }
}

impl Reapplication {
    fn count(&mut self, result: Option<Result<RowResult, JoinError>>) {
        match result {
            Some(Ok(RowResult::Reapplied)) => self.reapplied += 1,
            Some(Ok(RowResult::DueAlready)) => self.due_already += 1,
            Some(Ok(RowResult::LeftAlone)) => self.left_alone += 1,
            Some(Ok(RowResult::Failed)) => self.failed += 1,
            Some(Err(error)) => {
                tracing::error!("{error}");
                self.failed += 1;
            }
            None => {}
        }
    }
}

/// Writes that `row` is due at `at`, if that is sooner than it was.
async fn write(table: RegistrationsTable, mut row: Arc<Registration>, now: Timestamp, at: Timestamp) -> RowResult {
    for _ in 0..TRIES {
        if matches!(
            row.renewal.status,
            Status::Revoked | Status::Replaced | Status::Deleting
        ) {
            return RowResult::LeftAlone;
        }
        let Some(next) = row.reapply(now, at) else {
            return RowResult::DueAlready;
        };
        match table.store(&row, &next).await {
            Ok(()) => return RowResult::Reapplied,
            Err(WriteError::Conflict(Some(fresh))) => row = fresh,
            Err(WriteError::Conflict(None)) => return RowResult::LeftAlone,
            Err(WriteError::Failed(error)) => {
                tracing::error!(row = %row.key, "{error}");
                return RowResult::Failed;
            }
        }
    }
    tracing::error!(row = %row.key, "written by others {TRIES} times in a row");
    RowResult::Failed
}

//! Makes registrations due again, for a changed `PublicUrl`, a leaked key, or webhooks that OctoEverywhere switched off.
//!
//! The i-th registration of the table is due i ÷ rate after the first one, so that the runs that follow have as much to do as
//! they may. Its place in the table decides that, and nothing is ever put off: to do it twice, or once more from the start
//! after a crash, changes nothing for those that it has been done for.

use jiff::{SignedDuration, Timestamp};
use printbell_shared::holder::Holder;
use printbell_shared::registration::Registration;
use printbell_shared::renewal::Status;
use printbell_shared::table::{Scope, Table, Unavailable, WriteError};
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
pub struct Reapplied {
    /// Registrations that are due sooner now.
    pub reapplied: u64,
    /// Registrations that were due by then already.
    pub due_already: u64,
    /// Registrations that are revoked or being deleted: they aren't applied again.
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
pub struct GoOn {
    /// See [`crate::event::Event::Reapply`].
    pub reapply: Reapply,
}

/// What became of one row.
enum Became {
    Reapplied,
    DueAlready,
    LeftAlone,
    Failed,
}

/// Makes due again what `reapply` says, as far as the invocation's time goes.
pub async fn reapply(holder: &Holder, limits: Limits, reapply: Reapply) -> Result<Reapplied, Unavailable> {
    let scope = Scope {
        tenant: reapply.tenant_id.clone(),
        status: None,
    };
    let interval = SignedDuration::from_secs(1) / i32::try_from(limits.per_second.get()).unwrap_or(i32::MAX);
    let now = holder.clock.now();
    let mut at = reapply.from.map_or(now, |from| from.max(now));
    let mut after = reapply.after;
    let mut done = Reapplied::default();
    loop {
        let page = holder.table.page(&scope, after.as_ref(), PAGE).await?;
        let mut writes = JoinSet::new();
        for row in page.rows {
            let row = match row {
                Ok(row) => row,
                Err(unreadable) => {
                    tracing::error!(row = unreadable.key, "{unreadable}");
                    done.unreadable += 1;
                    continue;
                }
            };
            if writes.len() >= WRITES {
                done.count(writes.join_next().await);
            }
            writes.spawn(write(holder.table.clone(), row, now, at));
            at = at.saturating_add(interval).unwrap_or(at);
        }
        while let Some(became) = writes.join_next().await {
            done.count(Some(became));
        }
        done.until = Some(at);
        after = page.next;
        if after.is_none() {
            return Ok(done);
        }
        if holder.deadline.duration_since(holder.clock.now()) < MARGIN {
            let reapply = Reapply {
                tenant_id: reapply.tenant_id,
                after,
                from: Some(at),
            };
            done.go_on = Some(GoOn { reapply });
            return Ok(done);
        }
    }
}

impl Reapplied {
    fn count(&mut self, became: Option<Result<Became, JoinError>>) {
        match became {
            Some(Ok(Became::Reapplied)) => self.reapplied += 1,
            Some(Ok(Became::DueAlready)) => self.due_already += 1,
            Some(Ok(Became::LeftAlone)) => self.left_alone += 1,
            Some(Ok(Became::Failed)) => self.failed += 1,
            Some(Err(error)) => {
                tracing::error!("{error}");
                self.failed += 1;
            }
            None => {}
        }
    }
}

/// Writes that `row` is due at `at`, if that is sooner than it was.
async fn write(table: Table, mut row: Registration, now: Timestamp, at: Timestamp) -> Became {
    for _ in 0..TRIES {
        if matches!(row.renewal.status, Status::Revoked | Status::Deleting) {
            return Became::LeftAlone;
        }
        let Some(next) = row.reapply(now, at) else {
            return Became::DueAlready;
        };
        match table.replace(&row, &next).await {
            Ok(()) => return Became::Reapplied,
            Err(WriteError::Conflict(Some(fresh))) => row = *fresh,
            Err(WriteError::Conflict(None)) => return Became::LeftAlone,
            Err(WriteError::Failed(error)) => {
                tracing::error!(row = %row.key, "{error}");
                return Became::Failed;
            }
        }
    }
    tracing::error!(row = %row.key, "written by others {TRIES} times in a row");
    Became::Failed
}

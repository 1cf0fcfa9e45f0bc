//! Makes the table `State` again from the registrations: who holds which token.
//!
//! It would come back by itself, row by row as they are renewed; until a row is, though, another tenant could PUT its token. To do
//! it twice, or once more from the start after a crash, changes nothing.

use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use jiff::SignedDuration;
use printbell_adapters::dynamodb::table::Unavailable;
use printbell_adapters::registrations::page::{PageError, Scope};
use printbell_adapters::worker::Worker;
use serde::Serialize;
use thiserror::Error;

use crate::event::Rebuild;

/// Rows that are read at once.
const PAGE: u32 = 100;

/// Rows whose tokens are claimed at the same time.
const AT_ONCE: usize = 16;

/// What is left of the invocation when the next page is not begun any more.
const MARGIN: SignedDuration = SignedDuration::from_secs(20);

/// What it came to.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rebuilding {
    /// Registrations whose tokens are claimed now, and weren't all.
    pub claimed: u64,
    /// Registrations with nothing to claim that wasn't claimed already.
    pub unchanged: u64,
    /// Rows that can't be read. The log names them.
    pub unreadable: u64,
    /// The event to invoke the function with to go on, if there was more to do than time.
    pub go_on: Option<GoOn>,
}

/// An event that goes on where this one ended.
#[derive(Debug, Serialize)]
pub(crate) struct GoOn {
    /// See [`crate::event::Event::Rebuild`].
    pub rebuild: Rebuild,
}

/// Why it was broken off. What was claimed until then is.
#[derive(Debug, Error)]
pub(crate) enum RebuildError {
    /// The registrations can't be read.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The table can't be written.
    #[error(transparent)]
    State(#[from] Unavailable),
}

/// Claims what the registrations have, as far as the invocation's time goes.
pub(crate) async fn rebuild(worker: &Arc<Worker>, rebuild: Rebuild) -> Result<Rebuilding, RebuildError> {
    let mut after = rebuild.after;
    let mut rebuilding = Rebuilding::default();
    loop {
        let now = worker.clock.now();
        let page = worker
            .table
            .page(&Scope::default(), after.as_ref(), PAGE, now.into())
            .await?;
        let mut rows = Vec::new();
        for row in page.rows {
            match row {
                Ok(row) => rows.push(row),
                Err(unreadable) => {
                    tracing::error!(row = unreadable.key(), "{unreadable}");
                    rebuilding.unreadable += 1;
                }
            }
        }
        let claims = rows.iter().map(|row| worker.table.claim_all(row));
        let mut claims = stream::iter(claims).buffer_unordered(AT_ONCE);
        while let Some(is_new) = claims.next().await {
            match is_new? {
                true => rebuilding.claimed += 1,
                false => rebuilding.unchanged += 1,
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(rebuilding);
        }
        if worker.deadline.duration_since(worker.clock.now()) < MARGIN {
            rebuilding.go_on = Some(GoOn {
                rebuild: Rebuild { after },
            });
            return Ok(rebuilding);
        }
    }
}

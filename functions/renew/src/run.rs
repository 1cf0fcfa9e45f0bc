//! One run over what is due: the oldest first, so many at a time, until nothing is left or the time is up.

use std::sync::Arc;

use jiff::Timestamp;
use printbell_adapters::dynamodb::table::Unavailable;
use printbell_adapters::registrations::due::{Due, DueRow};
use printbell_adapters::worker::Worker;
use thiserror::Error;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Duration;

use crate::health;
use crate::pace::{ANSWERS_TO_JUDGE, Limits, RunPace, Share};
use crate::report::Report;
use crate::restore::{self, Origin, Restoration, RestoreError};
use crate::row::{RowResult, RowsUnderWay, renew};
use crate::sweep::{SweepError, Sweeping};

/// Keys that are read ahead, so that no call waits for a page.
const READ_AHEAD: usize = 64;

/// Rows that are read, leased or written while others are called: so that the calls in flight are as many as they may be.
pub(crate) const AHEAD: usize = 24;

/// How long it may take to count what is left over: it happens while the last calls are under way.
const COUNTING_TIME: Duration = Duration::from_secs(3);

/// Why a run was broken off. What was renewed until then is written.
#[derive(Debug, Error)]
pub(crate) enum RunError {
    /// A table can't be read.
    #[error(transparent)]
    Table(#[from] Unavailable),
    /// The sweep can't go on.
    #[error(transparent)]
    Sweep(#[from] SweepError),
}

/// Goes on with the restore from `origin`, then renews what is due and goes on with the sweep, as far as the invocation's time goes.
/// Tells what failed of the restore apart, since nothing else fails with it.
///
/// # Errors
/// When a table can't be read. What was renewed until then is written.
pub(crate) async fn run(
    worker: Arc<Worker>,
    limits: Limits,
    origin: Option<&Origin>,
) -> Result<(Report, Option<RestoreError>), RunError> {
    let mut restoration = match origin {
        Some(origin) => Box::pin(restore::go_on(&worker, origin)).await,
        None => Restoration::default(),
    };
    let began = worker.clock.now();
    let pace = Arc::new(RunPace::until_deadline(limits, &worker));
    let rows = RowsUnderWay::default();
    let end = Arc::new(EndOfRows(Arc::clone(&pace)));
    let sweep = Sweeping::begin(&worker, began, restoration.rest.take()).await?;
    let swept = sweep.go_on(limits, &pace, rows.clone(), Arc::clone(&end));
    let renewed = renew_due(&worker, limits, &pace, rows, end, began);
    // Each to its end, whatever becomes of the other.
    let (renewed, swept) = tokio::join!(renewed, swept);
    let mut report = renewed?;
    let mut swept = swept?;
    if let (Some(rest), Some(origin)) = (swept.proven.take(), origin)
        && let Err(error) = rest.end(&worker, origin).await
    {
        restoration.fail(error);
    }
    report.add_restoration(&restoration);
    report.add_sweep(swept);
    report.stop(pace.stop());
    health::check(&worker, &pace, &mut report).await;
    Ok((report, restoration.failure))
}

/// Renews what is due.
async fn renew_due(
    worker: &Arc<Worker>,
    limits: Limits,
    pace: &Arc<RunPace>,
    under_way: RowsUnderWay,
    end: Arc<EndOfRows>,
    now: Timestamp,
) -> Result<Report, Unavailable> {
    let (sender, mut receiver) = mpsc::channel(READ_AHEAD);
    let reader = tokio::spawn(read(worker.table.due(now.into()), sender));
    let share = Arc::new(Share::all(Arc::clone(pace)));
    let mut report = Report::new(now);
    let mut rows = JoinSet::new();
    let at_once = (limits.in_flight() + AHEAD).max(ANSWERS_TO_JUDGE as usize);
    while let Some(DueRow {
        key,
        due_at,
        expires_at: expiry,
    }) = receiver.recv().await
    {
        let key = match key {
            Ok(key) => key,
            Err(row) => {
                report.count(RowResult::Unreadable { row, expiry });
                continue;
            }
        };
        if rows.len() >= at_once
            && let Some(result) = rows.join_next().await
        {
            report.count(result.unwrap_or_else(RowResult::panicked));
        }
        if pace.stop().is_some() {
            report.left_over(1);
            report.saw_behind(due_at);
            report.saw_expiry(expiry);
            break;
        }
        // The sweep is at it.
        let Some(row) = under_way.begin(&key) else {
            report.count(RowResult::Stale);
            continue;
        };
        let under_way = (row, pace.row_begins());
        let renewal = renew(Arc::clone(worker), Arc::clone(&share), key, expiry);
        rows.spawn(async move {
            let result = renewal.await;
            drop(under_way);
            result
        });
    }
    drop(end);
    let rest = count_rest(receiver, reader).await;
    while let Some(result) = rows.join_next().await {
        report.count(result.unwrap_or_else(RowResult::panicked));
    }
    report.left_over(rest?);
    Ok(report)
}

/// Whoever begins rows keeps it until the last one; once nobody has it any more, the run begins no more rows.
pub(crate) struct EndOfRows(Arc<RunPace>);

impl Drop for EndOfRows {
    fn drop(&mut self) {
        self.0.no_more_rows();
    }
}

/// Tells what is due until nobody listens any more, or nothing is left; gives back what it didn't tell.
async fn read(mut due: Due, sender: Sender<DueRow>) -> Result<(Due, u64), Unavailable> {
    while let Some(next) = due.next().await? {
        if sender.send(next).await.is_err() {
            return Ok((due, 1));
        }
    }
    Ok((due, 0))
}

/// How many rows there are behind the last one that was heard.
async fn count_rest(
    mut receiver: Receiver<DueRow>,
    reader: JoinHandle<Result<(Due, u64), Unavailable>>,
) -> Result<u64, Unavailable> {
    receiver.close();
    let mut rest = 0;
    while receiver.recv().await.is_some() {
        rest += 1;
    }
    let Ok(read) = reader.await else { return Ok(rest) }; // only if the runtime is shutting down
    let (due, unheard) = read?;
    Ok(rest + unheard + due.count(COUNTING_TIME).await?)
}

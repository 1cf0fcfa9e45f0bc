//! One run over what is due: the oldest first, so many at a time, until nothing is left or the time is up.

use std::sync::Arc;

use printbell_shared::holder::Holder;
use printbell_shared::id::RegistrationKey;
use printbell_shared::table::{Due, Unavailable, Unreadable};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Duration;

use crate::pace::{Limits, RunPace};
use crate::report::Report;
use crate::row::{Seen, renew};

/// Keys that are read ahead, so that no call waits for a page.
const READ_AHEAD: usize = 64;

/// Rows that are read, leased or written while others are called: so that the calls in flight are as many as they may be.
const AHEAD: usize = 16;

/// How long it may take to count what is left over: it happens while the last calls are under way.
const COUNTING_TIME: Duration = Duration::from_secs(3);

/// What the index told: whose row is due, or that it can't be said whose.
type Told = Result<RegistrationKey, Unreadable>;

/// Renews what is due, as far as the invocation's time goes.
///
/// # Errors
/// When the table can't be read. What was renewed until then is written.
pub async fn run(holder: Arc<Holder>, limits: Limits) -> Result<Report, Unavailable> {
    let now = holder.clock.now();
    let pace = Arc::new(RunPace::until_deadline(limits, &holder));

    let (tell, mut told) = mpsc::channel(READ_AHEAD);
    let reader = tokio::spawn(read(holder.table.due(now.into()), tell));
    let mut report = Report::new(now);
    let mut rows = JoinSet::new();
    while let Some(next) = told.recv().await {
        let key = match next {
            Ok(key) => key,
            Err(unreadable) => {
                report.count(Seen::Unreadable(unreadable));
                continue;
            }
        };
        if rows.len() >= limits.in_flight() + AHEAD
            && let Some(seen) = rows.join_next().await
        {
            report.count(seen.unwrap_or_else(Seen::panicked));
        }
        if pace.stop().is_some() {
            report.left_over(1);
            break;
        }
        rows.spawn(renew(Arc::clone(&holder), Arc::clone(&pace), key));
    }
    let rest = count_rest(told, reader).await;
    while let Some(seen) = rows.join_next().await {
        report.count(seen.unwrap_or_else(Seen::panicked));
    }
    report.left_over(rest?);
    report.stopped = pace.stop();
    Ok(report)
}

/// Tells what is due until nobody listens any more, or nothing is left; gives back what it didn't tell.
async fn read(mut due: Due, tell: Sender<Told>) -> Result<(Due, u64), Unavailable> {
    while let Some(next) = due.next().await? {
        if tell.send(next).await.is_err() {
            return Ok((due, 1));
        }
    }
    Ok((due, 0))
}

/// How many rows there are behind the last one that was heard.
async fn count_rest(
    mut told: Receiver<Told>,
    reader: JoinHandle<Result<(Due, u64), Unavailable>>,
) -> Result<u64, Unavailable> {
    told.close();
    let mut rest = 0;
    while told.recv().await.is_some() {
        rest += 1;
    }
    let Ok(read) = reader.await else { return Ok(rest) }; // only if the runtime is shutting down
    let (due, unheard) = read?;
    Ok(rest + unheard + due.count(COUNTING_TIME).await?)
}

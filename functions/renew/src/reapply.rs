//! Asks for a sweep, by hand or because callbacks had failed, and forecasts what it takes. The runs that follow carry it out.

use jiff::Timestamp;
use printbell_adapters::dynamodb::table::Unavailable;
use printbell_adapters::registrations::page::PageError;
use printbell_adapters::worker::Worker;
use printbell_shared::registration::sweep::{Reason, SweepScope};
use serde::Serialize;
use thiserror::Error;
use tokio::time::Duration;

use crate::pace::Limits;

/// How long rows are counted for a forecast. After that it is the table's own count, which DynamoDB updates every six hours.
const COUNTING_TIME: Duration = Duration::from_secs(5);

/// A sweep that there will be, or is already, and what it takes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Forecast {
    /// When it begins; the next run after that carries it out.
    pub begins: Timestamp,
    /// Registrations that it passes.
    pub rows: u64,
    /// Whether that is only about so: there are too many to count at once.
    pub is_estimate: bool,
    /// The most calls to OctoEverywhere that it makes.
    pub calls: u64,
    /// How long that takes with half of the calls that renew may make.
    pub hours: f64,
}

/// Why it can't be asked for, or foreseen.
#[derive(Debug, Error)]
pub(crate) enum ReapplyError {
    /// It can't be written down.
    #[error(transparent)]
    State(#[from] Unavailable),
    /// Rows can't be counted.
    #[error(transparent)]
    Page(#[from] PageError),
}

/// Asks for a sweep.
pub(crate) async fn reapply(worker: &Worker, limits: Limits, reason: Reason) -> Result<Forecast, ReapplyError> {
    let now = worker.clock.now();
    let stored = worker
        .table
        .state
        .change_sweep(|sweep| {
            sweep.ask(reason.clone(), now.into());
            sweep.look_for_recovery(now.into());
            true
        })
        .await?;
    let (scope, begins) = match &stored.sweep.lap {
        Some(lap) => (lap.scope.clone(), lap.begins.to_timestamp()),
        // Put off: there was one a moment ago.
        None => (
            SweepScope::default(),
            stored.sweep.next_recovery().map_or(now, |at| at.to_timestamp()),
        ),
    };
    let count = worker
        .table
        .count(&crate::sweep::scope(&scope), COUNTING_TIME, now.into())
        .await?;
    let per_second = f64::from(limits.per_second.get()) / 2.0;
    let hours = count.rows as f64 / per_second / 3600.0;
    Ok(Forecast {
        begins,
        rows: count.rows,
        is_estimate: !count.is_complete,
        calls: count.rows,
        hours: (hours * 100.0).ceil() / 100.0,
    })
}

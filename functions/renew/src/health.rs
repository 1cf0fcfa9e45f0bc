//! What a run finds out together with those before it ([`printbell_shared::registration::health`]).

use printbell_adapters::dynamodb::table::Unavailable;
use printbell_adapters::worker::Worker;

use crate::pace::RunPace;
use crate::report::Report;

/// Adds to the report what only several runs can see. If that fails, the next run finds it.
pub(crate) async fn check(worker: &Worker, pace: &RunPace, report: &mut Report) {
    if let Err(error) = find(worker, pace, report).await {
        tracing::error!("what runs remember for each other can't be read or written: {error}");
    }
}

async fn find(worker: &Worker, pace: &RunPace, report: &mut Report) -> Result<(), Unavailable> {
    let state = &worker.table.state;
    let now = worker.clock.now().into();
    let before = state.health().await?;
    let mut health = before;
    report.refusal_percent = health.note_answers(now, pace.answers());
    if health.is_census_due(now) {
        let is_loss = health.note_census(now, worker.table.is_empty().await?);
        report.empty_table = u64::from(is_loss);
    }
    if health != before {
        state.write_health(&health).await?;
    }
    Ok(())
}

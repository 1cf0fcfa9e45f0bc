//! One run at a time: two of them would call OctoEverywhere twice as often as they may.

use jiff::SignedDuration;
use printbell_adapters::dynamodb::table::Unavailable;
use printbell_adapters::worker::Worker;
use tokio::time::{Duration, sleep};

/// How long a run waits for another one to end, and how often it looks.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
const LOOK: Duration = Duration::from_secs(5);

/// What has to be left of the invocation for a run to be worth while.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// Takes the turn, if nobody has it; it ends with the invocation at the latest.
pub(crate) async fn begin(worker: &Worker) -> Result<bool, Unavailable> {
    let now = worker.clock.now();
    worker.table.state.begin_run(now.into(), worker.deadline.into()).await
}

/// Takes the turn, as soon as whoever has it gives it back; tells whether it could.
pub(crate) async fn wait(worker: &Worker) -> Result<bool, Unavailable> {
    let until = worker.clock.now().saturating_add(PATIENCE).unwrap_or(worker.deadline);
    while !begin(worker).await? {
        let now = worker.clock.now();
        if now >= until || worker.deadline.duration_since(now) < MARGIN {
            return Ok(false);
        }
        sleep(LOOK).await;
    }
    Ok(true)
}

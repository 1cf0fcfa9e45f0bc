//! Has OctoEverywhere apply what was written: by a call of our own, or by waiting for whoever holds the lease.

use std::ops::ControlFlow;
use std::time::Duration;

use jiff::SignedDuration;
use printbell_shared::holder::{AtOnce, Holder, Put};
use printbell_shared::registration::{Registration, Reply};
use printbell_shared::renewal::Outcome;
use tokio::time::sleep;

/// How long another holder of the lease is waited for: the call that it has under way, and the one with our change.
const PATIENCE: SignedDuration = SignedDuration::from_secs(20);

/// What of the invocation is kept for the answer.
const ANSWERING: SignedDuration = SignedDuration::from_secs(2);

/// How often the row is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(250);

/// A wish that is in the table.
pub struct Written {
    /// The row as it was written.
    pub row: Registration,
    /// The row that was found.
    pub existing: Option<Registration>,
    /// Whether the lease is ours, and with it the call.
    pub is_ours: bool,
}

/// What became of it at OctoEverywhere. The row is as it was last seen; `None`: gone.
pub enum Applied {
    /// OctoEverywhere confirmed it.
    Now(Option<Registration>),
    /// OctoEverywhere is failing for now; renew carries on.
    Later(Option<Registration>),
    /// OctoEverywhere refused it, and it was taken back.
    Never(Reply),
}

/// Applies what was written. `is_applied` tells it of a row that somebody else had applied. Nothing that fails here is an
/// error: the wish is stored, and whatever is missing is left to renew.
pub async fn apply(
    holder: &Holder,
    written: Written,
    put: Option<&Put>,
    is_applied: impl Fn(&Registration) -> bool,
) -> Applied {
    let row = if written.is_ours {
        written.row
    } else {
        match follow(holder, &written.row, is_applied).await {
            ControlFlow::Continue(leased) => leased,
            ControlFlow::Break(applied) => return applied,
        }
    };
    let key = row.key.clone();
    match holder.work(row, put, &AtOnce).await {
        Ok(done) => match (done.refusal, done.outcome) {
            (Some(refusal), _) => Applied::Never(refusal),
            (None, Some(Outcome::Renewed | Outcome::Deleted)) => Applied::Now(done.row),
            (None, _) => Applied::Later(done.row),
        },
        Err(error) => {
            tracing::error!(row = %key, "{error}");
            Applied::Later(holder.table.get(&key).await.ok().flatten())
        }
    }
}

/// Watches the row until the change is applied, or patience is over, or the lease is free and becomes ours.
async fn follow(
    holder: &Holder,
    written: &Registration,
    is_applied: impl Fn(&Registration) -> bool,
) -> ControlFlow<Applied, Registration> {
    let end = (holder.clock.now() + PATIENCE).min(holder.deadline - ANSWERING);
    let mut seen = Some(written.clone());
    while holder.clock.now() < end {
        sleep(LOOK).await;
        match holder.table.get(&written.key).await {
            Ok(row) => seen = row,
            Err(error) => {
                tracing::error!(row = %written.key, "{error}");
                continue;
            }
        }
        let Some(row) = &seen else {
            return ControlFlow::Break(Applied::Now(None));
        };
        if is_applied(row) {
            return ControlFlow::Break(Applied::Now(seen));
        }
        if let Some(leased) = row.lease(holder.clock.now(), holder.deadline)
            && holder.table.replace(row, &leased).await.is_ok()
        {
            return ControlFlow::Continue(leased);
        }
    }
    ControlFlow::Break(Applied::Later(seen))
}

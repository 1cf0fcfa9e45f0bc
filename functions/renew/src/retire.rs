//! Retires a key, by hand: because it leaked, or may have.

use printbell_adapters::signing_keys::{self, Force, RetireError};
use printbell_adapters::worker::Worker;
use printbell_shared::registration::sweep::Reason;
use serde::Serialize;
use thiserror::Error;

use crate::event::Retire;
use crate::pace::Limits;
use crate::reapply::{Forecast, ReapplyError, reapply};

/// How far the retirement is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Retirement {
    /// As tokens name it.
    pub key_id: String,
    /// Whether it is refused from now on, within ten minutes; or only once no webhook bears it any more.
    pub is_retired: bool,
    /// What sets the webhooks again that bear it.
    pub sweep: Forecast,
}

/// Why a key isn't retired.
#[derive(Debug, Error)]
pub(crate) enum RetirementError {
    /// It can't be.
    #[error(transparent)]
    Key(#[from] RetireError),
    /// It is, or will be, but the sweep can't be asked for or foreseen. Asking once more is harmless.
    #[error("the key is to be retired, but the sweep that it takes isn't known to be asked for; ask once more: {0}")]
    Sweep(#[from] ReapplyError),
}

/// Retires the key, or has it retired once no webhook bears it.
pub(crate) async fn retire(worker: &Worker, limits: Limits, retire: Retire) -> Result<Retirement, RetirementError> {
    let Retire { key_id, force } = retire;
    let force = if force { Force::Yes } else { Force::No };
    let retirement = worker.keys.retire(&key_id, force, worker.clock.now()).await?;
    let is_retired = matches!(retirement, signing_keys::Retirement::Complete(_));
    let reason = match is_retired {
        true => Reason::ForcedRetirement,
        false => Reason::Retirement,
    };
    Ok(Retirement {
        key_id,
        is_retired,
        sweep: reapply(worker, limits, reason).await?,
    })
}

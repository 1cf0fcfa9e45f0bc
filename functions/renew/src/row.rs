//! One row that the index told.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use printbell_adapters::registrations::ReadError;
use printbell_adapters::registrations::item::Unreadable;
use printbell_adapters::worker::{Interruption, WorkError, Worker};
use printbell_shared::id::RegistrationKey;
use printbell_shared::registration::Registration;
use printbell_shared::registration::protocol::{Conclusion, Errand, Work};
use printbell_shared::registration::renewal::{EpochSeconds, Status};
use tokio::task::JoinError;

use crate::pace::Share;

/// What became of a row.
#[derive(Debug)]
pub(crate) enum RowResult {
    /// It was worked on.
    Worked {
        /// What the work came to.
        work: Work,
        /// When it would have expired.
        expiry: Option<EpochSeconds>,
    },
    /// There was nothing to do: it was renewed, leased, changed or removed since the index was read.
    Stale,
    /// It can't be read.
    Unreadable {
        /// Why.
        row: Unreadable,
        /// When it expires, as far as the index says.
        expiry: Option<EpochSeconds>,
    },
    /// The work broke off; the row is due again when its lease is over.
    BrokenOff {
        /// Whose row; nothing after a panic.
        key: Option<RegistrationKey>,
        /// Why.
        reason: String,
        /// When it expires, as far as the index says.
        expiry: Option<EpochSeconds>,
    },
}

impl RowResult {
    /// A bug costs the row this run, and no other row anything.
    pub(crate) fn panicked(error: JoinError) -> Self {
        Self::BrokenOff {
            key: None,
            reason: error.to_string(),
            expiry: None,
        }
    }
}

/// The rows that a run is at, each once: what is due and what is swept are read apart, and may be the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowsUnderWay(Arc<Mutex<HashSet<RegistrationKey>>>);

/// A row that the run is at, for as long as this is kept.
pub(crate) struct RowUnderWay {
    rows: RowsUnderWay,
    key: RegistrationKey,
}

impl RowsUnderWay {
    /// Begins with a row; `None`: the run is at it already.
    pub(crate) fn begin(&self, key: &RegistrationKey) -> Option<RowUnderWay> {
        self.rows().insert(key.clone()).then(|| RowUnderWay {
            rows: self.clone(),
            key: key.clone(),
        })
    }

    fn rows(&self) -> MutexGuard<'_, HashSet<RegistrationKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RowUnderWay {
    fn drop(&mut self) {
        self.rows.rows().remove(&self.key);
    }
}

/// Works on the row, if it is still due; `expiry` is what the index says. The index may be old, so what counts is the row as it is
/// now: or one worker would take another one's lease.
pub(crate) async fn renew(
    worker: Arc<Worker>,
    pace: Arc<Share>,
    key: RegistrationKey,
    expiry: Option<EpochSeconds>,
) -> RowResult {
    let work = async {
        let row = worker.table.get(&key).await?;
        let expiry = row.as_deref().and_then(expires_at);
        let conclusion = worker.run(&key, Errand::Renew, row, &*pace).await;
        let conclusion = conclusion.map_err(|Interruption { error, .. }| error)?;
        Ok(match conclusion {
            Conclusion::Worked(work) => RowResult::Worked { work, expiry },
            Conclusion::Idle | Conclusion::Objected(_) | Conclusion::Withdrawn(_) => RowResult::Stale,
        })
    };
    match work.await {
        Ok(result) => result,
        Err(WorkError::Read(ReadError::Unreadable(row)) | WorkError::Write(ReadError::Unreadable(row))) => {
            RowResult::Unreadable { row, expiry }
        }
        Err(error) => RowResult::BrokenOff {
            key: Some(key),
            reason: error.to_string(),
            expiry,
        },
    }
}

/// When a registration that ought to be alive expires.
fn expires_at(row: &Registration) -> Option<EpochSeconds> {
    let is_alive = matches!(row.renewal.status, Status::Active | Status::Pending);
    row.renewal.expires_at().filter(|_| is_alive)
}

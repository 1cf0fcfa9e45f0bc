//! One row that the index told.

use std::sync::Arc;

use printbell_shared::holder::{BrokenOff, Done, Holder};
use printbell_shared::id::RegistrationKey;
use printbell_shared::registration::Registration;
use printbell_shared::renewal::{EpochSeconds, Status};
use printbell_shared::table::{ReadError, Unreadable, WriteError};
use tokio::task::JoinError;

use crate::pace::RunPace;

/// What became of a row.
#[derive(Debug)]
pub enum Seen {
    /// It was worked on.
    Worked {
        /// What the work came to.
        done: Box<Done>,
        /// When it would have expired.
        expiry: Option<EpochSeconds>,
    },
    /// There was nothing to do: it was renewed, leased, changed or removed since the index was read.
    Stale,
    /// It can't be read.
    Unreadable(Unreadable),
    /// The work broke off; the row is due again when its lease is over.
    BrokenOff {
        /// Whose row; nothing after a panic.
        key: Option<RegistrationKey>,
        /// Why.
        reason: String,
    },
}

impl Seen {
    /// A bug costs the row this run, and no other row anything.
    pub fn panicked(error: JoinError) -> Self {
        Self::BrokenOff {
            key: None,
            reason: error.to_string(),
        }
    }
}

/// Takes the lease of the row, if it is still due, and works on it.
pub async fn renew(holder: Arc<Holder>, pace: Arc<RunPace>, key: RegistrationKey) -> Seen {
    let worked = async {
        let Some((row, expiry)) = lease(&holder, &key).await? else {
            return Ok(Seen::Stale);
        };
        let done = Box::new(holder.work(row, None, &*pace).await?);
        Ok(Seen::Worked { done, expiry })
    };
    match worked.await {
        Ok(seen) => seen,
        Err(BrokenOff::Table(ReadError::Unreadable(unreadable))) => Seen::Unreadable(unreadable),
        Err(error) => Seen::BrokenOff {
            key: Some(key),
            reason: error.to_string(),
        },
    }
}

/// The index may be old, so what counts is the row as it is now: or one worker would take another one's lease.
async fn lease(
    holder: &Holder,
    key: &RegistrationKey,
) -> Result<Option<(Registration, Option<EpochSeconds>)>, ReadError> {
    let Some(row) = holder.table.get(key).await? else {
        return Ok(None);
    };
    let Some(leased) = row.lease(holder.clock.now(), holder.deadline) else {
        return Ok(None);
    };
    match holder.table.replace(&row, &leased).await {
        Ok(()) => {
            let expiry = row
                .renewal
                .expires_at()
                .filter(|_| matches!(row.renewal.status, Status::Active | Status::Pending));
            Ok(Some((leased, expiry)))
        }
        Err(WriteError::Conflict(_)) => Ok(None),
        Err(WriteError::Failed(error)) => Err(error),
    }
}

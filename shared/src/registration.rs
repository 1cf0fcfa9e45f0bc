//! A registration: what the app wants OctoEverywhere to hold for one printer, and how far that is.
//!
//! Here the rules of [`renewal`] are applied to a whole row, with the wish, the previous wish and the last error that belong
//! to it.
//!
//! | what | where |
//! |---|---|
//! | what the app wants | [`wish`] |
//! | what OctoEverywhere answered, and what that means | [`service_response`] |
//! | when it is called, and by whom | [`renewal`] |
//! | what its holder does next | [`protocol`] |
//! | what the topic is told of it | [`lifecycle`] |

pub mod lifecycle;
pub mod protocol;
pub mod renewal;
pub mod service_response;
pub mod wish;

use jiff::Timestamp;

use crate::id::RegistrationKey;
use renewal::{Call, Change, Cycle, Effect, EpochSeconds, KeyHash, Renewal, Settlement, Slot};
use service_response::ServiceResponse;
use wish::Wish;

/// One row of the registrations table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Registration {
    /// Whose it is.
    pub key: RegistrationKey,
    /// What OctoEverywhere is to hold.
    pub wish: Wish,
    /// What to go back to if `wish`, not applied yet, is refused for good.
    pub previous: Option<Wish>,
    /// When it is called, and by whom.
    pub renewal: Renewal,
    /// When it was first put; a row written by hand may not say.
    pub created_at: Option<Timestamp>,
    /// What went wrong last, until a call succeeds.
    pub last_error: Option<LastError>,
}

/// What went wrong, for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LastError {
    /// When OctoEverywhere answered so.
    pub at: EpochSeconds,
    /// Its HTTP status; none after a timeout or without a connection.
    pub code: Option<u16>,
    /// A sentence, with what OctoEverywhere said; never a token.
    pub message: String,
}

impl Registration {
    /// The row for a PUT that found `existing`. See [`Renewal::put`].
    pub fn put(
        key: &RegistrationKey,
        existing: Option<&Self>,
        wish: Wish,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Change<Self> {
        let change = Renewal::put(existing.map(|row| &row.renewal), now.into(), deadline.into());
        change.map(|renewal| Self {
            key: key.clone(),
            wish,
            previous: existing.map(|row| row.previous.as_ref().unwrap_or(&row.wish).clone()),
            renewal,
            created_at: existing.map_or(Some(now), |row| row.created_at),
            last_error: existing.and_then(|row| row.last_error.clone()),
        })
    }

    /// The row for a DELETE. See [`Renewal::delete`].
    pub fn delete(&self, now: Timestamp, deadline: Timestamp) -> Change<Self> {
        let change = self.renewal.delete(now.into(), deadline.into());
        change.map(|renewal| Self {
            previous: None,
            ..self.with(renewal)
        })
    }

    /// The row for a "renew now". See [`Renewal::renew_now`].
    pub fn renew_now(&self, now: Timestamp, deadline: Timestamp) -> Change<Self> {
        self.renewal
            .renew_now(now.into(), deadline.into())
            .map(|renewal| self.with(renewal))
    }

    /// The row for a reapplication. See [`Renewal::reapply`].
    pub fn reapply(&self, now: Timestamp, at: Timestamp) -> Option<Self> {
        self.renewal
            .reapply(now.into(), at.into())
            .map(|renewal| self.with(renewal))
    }

    /// The row with the caller's lease. See [`Renewal::lease`].
    pub fn lease(&self, now: Timestamp, deadline: Timestamp) -> Option<Self> {
        self.renewal
            .lease(now.into(), deadline.into())
            .map(|renewal| self.with(renewal))
    }

    /// What the holder of the lease must call now. See [`Renewal::call`].
    pub fn call(&self, now: Timestamp) -> Option<Call> {
        self.renewal.call(now.into())
    }

    /// The row without the lease. See [`Renewal::release`].
    pub fn release(&self, lease: u64) -> Option<Self> {
        self.renewal.release(lease).map(|renewal| self.with(renewal))
    }

    /// The row after its announcement was published. See [`Renewal::published`].
    pub fn published(&self, lease: u64, now: Timestamp) -> Option<Self> {
        self.renewal
            .published(lease, now.into())
            .map(|renewal| self.with(renewal))
    }

    /// What to write after a call. See [`Renewal::settle`].
    pub fn settle(&self, cycle: Cycle, call: &Call, response: &ServiceResponse, now: Timestamp) -> Settlement<Self> {
        let slot = Slot {
            key: KeyHash::from(&self.key),
            cycle,
        };
        let settlement = self.renewal.settle(slot, call, &response.class, now.into());
        settlement.map(|renewal, effect| match effect {
            Effect::Renewed => Self {
                previous: None,
                last_error: None,
                ..self.with(renewal)
            },
            Effect::Restored => self.restored(renewal, response, now),
            _ => Self {
                last_error: Some(LastError::new(response, now)),
                ..self.with(renewal)
            },
        })
    }

    /// What to write after OctoEverywhere refused a PUT in the PUT's own call; `existing` is the row that the PUT found. See
    /// [`Renewal::withdraw`].
    pub fn withdraw(&self, call: &Call, existing: Option<&Self>, now: Timestamp) -> Settlement<Self> {
        let settlement = self
            .renewal
            .withdraw(call, existing.map(|row| &row.renewal), now.into());
        settlement.map(|renewal, _| existing.unwrap_or(self).with(renewal))
    }

    fn restored(&self, renewal: Renewal, response: &ServiceResponse, now: Timestamp) -> Self {
        Self {
            wish: self.previous.as_ref().unwrap_or(&self.wish).clone(),
            previous: None,
            last_error: Some(LastError::new(response, now)),
            ..self.with(renewal)
        }
    }

    fn with(&self, renewal: Renewal) -> Self {
        Self {
            renewal,
            ..self.clone()
        }
    }
}

impl LastError {
    fn new(response: &ServiceResponse, now: Timestamp) -> Self {
        Self {
            at: now.into(),
            code: response.code,
            message: response.message.clone(),
        }
    }
}

//! A registration: what the app wants OctoEverywhere to hold for one printer, and how far that is.
//!
//! Here the rules of [`renewal`] are applied to a whole row, with the wish, the previous wish and the last error that belong
//! to it.
//!
//! | what | where |
//! |---|---|
//! | what the app wants | [`wish`] |
//! | for whom: what the portal gives, and its final URL | [`app_connection`], [`completion_url`] |
//! | which other tokens it has, and who may call for a token | [`tokens`], [`claim`], [`holding`] |
//! | what OctoEverywhere answered, and what that means | [`service_response`] |
//! | when it is called, and by whom | [`renewal`] |
//! | what its holder does next | [`protocol`] |
//! | what its webhook calls, and which are to be set again when that changes | [`endpoint`], [`sweep`] |
//! | which come from another table, and as what | [`restore`] |
//! | what the topic is told of it | [`lifecycle`] |
//! | what no single run can see | [`health`] |

pub mod app_connection;
pub mod claim;
pub mod completion_url;
pub mod endpoint;
pub mod health;
pub mod holding;
pub mod lifecycle;
pub mod protocol;
pub mod renewal;
pub mod restore;
pub mod service_response;
pub mod sweep;
pub mod tokens;
pub mod wish;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use thiserror::Error;

use crate::id::RegistrationKey;
use app_connection::AppConnection;
use endpoint::Endpoint;
use renewal::{
    Call, CallKind, Change, Cycle, Effect, EpochSeconds, KeyHash, LIFETIME, News, Renewal, Settlement, Slot, Status,
};
use service_response::{ResponseClass, ServiceResponse};
use tokens::{MAX_OLD_TOKENS, OldToken, Taken, count};
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
    /// Tokens that were replaced, the oldest first: their webhooks are to be deleted.
    pub old_tokens: Vec<OldToken>,
    /// What was taken from other registrations, until the first success.
    pub taken: Vec<Taken>,
    /// What the webhook that was last confirmed calls; `None`: it isn't known for sure.
    pub endpoint: Option<Endpoint>,
    /// When it is called, and by whom.
    pub renewal: Renewal,
    /// When it was first put; a row written by hand may not say.
    pub created_at: Option<Timestamp>,
    /// What went wrong last, until a call succeeds.
    pub last_error: Option<LastError>,
}

/// More tokens were replaced than their webhooks could be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("the webhooks of {MAX_OLD_TOKENS} earlier tokens are still to be deleted")]
pub struct TooManyOldTokens;

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
    /// A row of which nothing is known but its key.
    pub fn empty(key: &RegistrationKey) -> Self {
        Self {
            key: key.clone(),
            wish: Wish::default(),
            previous: None,
            old_tokens: Vec::new(),
            taken: Vec::new(),
            endpoint: None,
            renewal: Renewal::default(),
            created_at: None,
            last_error: None,
        }
    }

    /// The row for a PUT that found `existing`, without a lease. See [`Renewal::put`].
    pub fn put(
        key: &RegistrationKey,
        existing: Option<&Self>,
        wish: Wish,
        now: Timestamp,
    ) -> Result<Self, TooManyOldTokens> {
        let renewal = Renewal::put(existing.map(|row| &row.renewal), now.into());
        let Some(existing) = existing else {
            return Ok(Self {
                wish,
                renewal,
                created_at: Some(now),
                ..Self::empty(key)
            });
        };
        let before = existing.wish.connection.is_some().then_some(&existing.wish);
        let previous = existing
            .previous
            .as_ref()
            .filter(|wish| wish.connection.is_some())
            .or(before);
        let mut row = Self {
            wish,
            previous: previous.cloned(),
            ..existing.with(renewal)
        };
        if existing.renewal.status == Status::Replaced {
            row.taken.clear();
            row.endpoint = None;
        }
        if row.previous.is_none() {
            row.renewal.previous_status = None;
        }
        // A wish that is overtaken before it was applied may have been carried out all the same.
        let expires_at = EpochSeconds::from(now) + LIFETIME;
        let is_needed = |connection: &AppConnection| row.previous_connection() != Some(connection);
        let overtaken = existing.wish.connection.clone().filter(is_needed);
        let overtaken = overtaken.map(|connection| OldToken { connection, expires_at });
        let old = row.settled_old_tokens(existing.old_tokens.iter().cloned().chain(overtaken), now.into());
        let is_another =
            |previous: &AppConnection| row.wish.connection.as_ref().is_none_or(|c| !c.is_known_to_be(previous));
        let waits = old.len() + usize::from(row.previous_connection().is_some_and(is_another));
        if waits > MAX_OLD_TOKENS {
            return Err(TooManyOldTokens);
        }
        row.remember(old);
        Ok(row)
    }

    /// The row for a DELETE: every token that it has is to be deleted. See [`Renewal::delete`].
    pub fn delete(&self, now: Timestamp) -> Change<Self> {
        let change = self.renewal.delete(now.into());
        change.map(|renewal| {
            let mut row = Self {
                previous: None,
                taken: Vec::new(),
                ..self.with(renewal)
            };
            row.remember(self.all_old_tokens(now));
            row
        })
    }

    /// The row for a "renew now". See [`Renewal::renew_now`].
    pub fn renew_now(&self, now: Timestamp) -> Change<Self> {
        self.renewal.renew_now(now.into()).map(|renewal| self.with(renewal))
    }

    /// The row as it is, counted up for a write.
    pub fn touched(&self) -> Self {
        self.with(self.renewal.next())
    }

    /// The changed row with the caller's lease. See [`Renewal::take_turn`].
    pub fn take_turn(self, now: Timestamp, deadline: Timestamp) -> Self {
        let renewal = self.renewal.take_turn(now.into(), deadline.into());
        self.with(renewal)
    }

    /// The row for a reapplication. See [`Renewal::reapply`].
    pub fn reapply(&self, now: Timestamp) -> Self {
        self.with(self.renewal.reapply(now.into()))
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

    /// The App Connection that a call of this kind is for; `None`: there is none, and nothing to call.
    pub fn called(&self, kind: CallKind) -> Option<&AppConnection> {
        match kind {
            CallKind::Set | CallKind::Delete => self.wish.connection.as_ref(),
            CallKind::Clear => self.old_tokens.first().map(|old| &old.connection),
        }
    }

    /// The row without the lease. See [`Renewal::release`].
    pub fn release(&self, lease: u64) -> Option<Self> {
        self.renewal.release(lease).map(|renewal| self.with(renewal))
    }

    /// The row without a lease that came with its token. See [`Renewal::returned`].
    pub fn returned(&self, origin: (KeyHash, u64)) -> Option<Self> {
        self.renewal.returned(origin).map(|renewal| self.with(renewal))
    }

    /// The row after its announcement was published. See [`Renewal::published`].
    pub fn published(&self, lease: u64, now: Timestamp) -> Option<Self> {
        let mut row = self.with(self.renewal.published(lease, now.into())?);
        // The reason of a refusal is of no use to a row that is well again.
        if self.renewal.is_to_tell(News::Refused) && row.renewal.is_applied() && row.renewal.attempts == 0 {
            row.last_error = None;
        }
        Some(row)
    }

    /// The row after its announcement couldn't be published. See [`Renewal::postponed`].
    pub fn postponed(&self, lease: u64, now: Timestamp) -> Option<Self> {
        self.renewal
            .postponed(lease, now.into())
            .map(|renewal| self.with(renewal))
    }

    /// The row of a registration whose token another tenant's registration holds.
    pub fn of_another_tenant(&self, now: Timestamp) -> Self {
        Self {
            wish: self.wish.clone().without_connection(),
            previous: None,
            old_tokens: Vec::new(),
            taken: Vec::new(),
            last_error: Some(LastError {
                at: now.into(),
                code: None,
                message:
                    "A registration of another tenant holds this appToken. Have the printer's owner connect it for \
                          this app, and PUT the new appToken."
                        .to_owned(),
            }),
            ..self.with(self.renewal.without_token(now.into()))
        }
    }

    /// What to write after a call, which set a webhook with this endpoint if it set one. See [`Renewal::settle`].
    pub fn settle(
        &self,
        cycle: Cycle,
        call: &Call,
        endpoint: Option<&Endpoint>,
        response: &ServiceResponse,
        now: Timestamp,
    ) -> Settlement<Self> {
        let slot = Slot {
            key: KeyHash::from(&self.key),
            cycle,
        };
        // One that OctoEverywhere has forgotten by itself is as good as deleted.
        let has_expired = |old: &OldToken| call.kind == CallKind::Clear && old.expires_at <= now.into();
        let class = match self.old_tokens.first().is_some_and(has_expired) {
            true => ResponseClass::Applied,
            false => response.class,
        };
        let old = match call.kind {
            CallKind::Set => self.all_old_tokens(now),
            CallKind::Clear => self.old_tokens.iter().skip(1).cloned().collect(),
            CallKind::Delete => Vec::new(),
        };
        let settlement = self.renewal.settle(slot, call, &class, count(&old), now.into());
        settlement.map(|renewal, effect| match effect {
            Effect::Renewed => Self {
                previous: None,
                taken: Vec::new(),
                old_tokens: old,
                endpoint: endpoint.cloned(),
                // What was refused is still to be told, and why.
                last_error: self.last_error.clone().filter(|_| renewal.is_to_tell(News::Refused)),
                ..self.with(renewal)
            },
            Effect::Cleared => Self {
                old_tokens: old,
                ..self.with(renewal)
            },
            Effect::Restored => self.restored(renewal, response, now),
            Effect::Revoked if !self.taken.is_empty() => self.without_taken(renewal, response, now),
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
        settlement.map(|renewal, _| {
            let mut row = existing.unwrap_or(self).with(renewal);
            // A row by hand had a token that it didn't hold yet; it does now, and whoever it was taken from goes without.
            let is_its_own = |taken: &&Taken| row.wish.is_of(taken) && !row.taken.contains(taken);
            let adopted: Vec<_> = self.taken.iter().filter(is_its_own).cloned().collect();
            row.taken.extend(adopted);
            row
        })
    }

    /// Back to the earlier wish. What was taken for that stays, and everything else that was taken goes back.
    fn restored(&self, renewal: Renewal, response: &ServiceResponse, now: Timestamp) -> Self {
        let wish = self.previous.as_ref().unwrap_or(&self.wish).clone();
        let (taken, returned): (Vec<_>, Vec<_>) = self.taken.iter().cloned().partition(|taken| wish.is_of(taken));
        let is_returned = |old: &OldToken| {
            returned
                .iter()
                .flat_map(Taken::connections)
                .any(|c| c.token == old.connection.token)
        };
        let old = self
            .old_tokens
            .iter()
            .filter(|old| !is_returned(old))
            .cloned()
            .collect();
        let mut row = Self {
            wish,
            previous: None,
            taken,
            last_error: Some(LastError::new(response, now)),
            ..self.with(renewal)
        };
        row.remember(old);
        row
    }

    /// A new registration that was refused, and whose token has gone back to where it was.
    fn without_taken(&self, renewal: Renewal, response: &ServiceResponse, now: Timestamp) -> Self {
        let mut renewal = Renewal {
            status: Status::Replaced,
            due: None,
            ..renewal
        };
        if let Some(change) = &mut renewal.status_change
            && change.news == News::Revoked
        {
            change.news = News::Replaced;
        }
        Self {
            wish: self.wish.clone().without_connection(),
            taken: Vec::new(),
            last_error: Some(LastError::new(response, now)),
            ..self.with(renewal)
        }
    }

    /// Every token but the present one whose webhook may be there.
    fn all_old_tokens(&self, now: Timestamp) -> Vec<OldToken> {
        let expires_at = EpochSeconds::from(now) + LIFETIME;
        // A Set that failed may have been carried out after the last success expired.
        let known = self.renewal.expires_at().filter(|expiry| *expiry > now.into());
        let previous = self.previous_connection().map(|connection| OldToken {
            connection: connection.clone(),
            expires_at: known.unwrap_or(expires_at),
        });
        let taken = self.taken.iter().flat_map(|taken| taken.old_tokens(expires_at));
        let old = self.old_tokens.iter().cloned().chain(previous).chain(taken);
        self.settled_old_tokens(old, now.into())
    }

    /// The same with this renewal. Where a Set may have been carried out and nobody was told, it isn't known what the webhook calls.
    fn with(&self, renewal: Renewal) -> Self {
        let is_known = renewal.set_at.is_none() || renewal.set_at == self.renewal.set_at;
        Self {
            renewal,
            endpoint: self.endpoint.clone().filter(|_| is_known),
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

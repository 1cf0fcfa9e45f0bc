//! The tokens of a registration beside its present one: those whose webhooks are to be deleted, and those that it took from others.

use std::collections::BTreeSet;

use super::Registration;
use super::app_connection::AppConnection;
use super::claim::Claim;
use super::renewal::{EpochSeconds, Status};
use crate::id::RegistrationKey;

/// How many old tokens may wait for their webhooks to be deleted: whoever replaces a token more often has made a mistake that
/// OctoEverywhere shouldn't pay for, and the row stays far below DynamoDB's 400 KB.
pub const MAX_OLD_TOKENS: usize = 4;

/// A token that was replaced by another one on the same registration. It stays there, and is held, until its webhook is gone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OldToken {
    /// The token.
    pub connection: AppConnection,
    /// When OctoEverywhere forgets its webhook by itself, at the latest.
    pub expires_at: EpochSeconds,
}

/// What a registration took from another one. It is remembered until the first success: then it is for good, and after a refusal
/// it goes back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Taken {
    /// Whom it was taken from.
    pub from: RegistrationKey,
    /// The token that was taken.
    pub connection: AppConnection,
    /// What it was there.
    pub place: Place,
    /// What that one would have gone back to, had its present token been refused.
    pub previous: Option<AppConnection>,
    /// Its old tokens.
    pub old: Vec<OldToken>,
}

/// What a token was for the registration that it was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The present one: that registration is replaced now, or gone if it was being deleted.
    Present,
    /// Another one of its tokens.
    Other,
}

impl Taken {
    /// Every token that goes with it.
    pub fn connections(&self) -> impl Iterator<Item = &AppConnection> {
        let old = self.old.iter().map(|old| &old.connection);
        [&self.connection].into_iter().chain(&self.previous).chain(old)
    }

    /// The same without what came along with it.
    pub fn alone(&self) -> Self {
        Self {
            previous: None,
            old: Vec::new(),
            ..self.clone()
        }
    }

    /// The same as old tokens, for a registration that can't use them.
    pub fn old_tokens(&self, expires_at: EpochSeconds) -> impl Iterator<Item = OldToken> {
        let rest = [&self.connection].into_iter().chain(&self.previous);
        let rest = rest.map(move |connection| OldToken {
            connection: connection.clone(),
            expires_at,
        });
        rest.chain(self.old.iter().cloned())
    }
}

impl Registration {
    /// Everything that nobody else may call for. A registration that was replaced claims nothing.
    pub fn claims(&self) -> BTreeSet<Claim> {
        let taken = self.taken_connections();
        let taken = taken.filter(|_| self.renewal.status != Status::Replaced);
        self.own_connections().chain(taken).flat_map(Claim::of).collect()
    }

    /// Every token that the row has, whatever it is there.
    pub fn connections(&self) -> impl Iterator<Item = &AppConnection> {
        self.own_connections().chain(self.taken_connections())
    }

    fn own_connections(&self) -> impl Iterator<Item = &AppConnection> {
        let old = self.old_tokens.iter().map(|old| &old.connection);
        let own = self.wish.connection.iter();
        own.chain(self.previous_connection()).chain(old)
    }

    fn taken_connections(&self) -> impl Iterator<Item = &AppConnection> {
        self.taken.iter().flat_map(Taken::connections)
    }

    /// What its present token claims.
    pub fn present_claims(&self) -> BTreeSet<Claim> {
        self.wish.connection.iter().flat_map(Claim::of).collect()
    }

    /// The token of the wish that it goes back to.
    pub(super) fn previous_connection(&self) -> Option<&AppConnection> {
        self.previous.as_ref().and_then(|wish| wish.connection.as_ref())
    }

    /// Has these old tokens from now on, and their number.
    pub(super) fn remember(&mut self, old: Vec<OldToken>) {
        self.renewal.old_tokens = count(&old);
        self.old_tokens = old;
    }

    /// Without the old tokens that are known to be the present one's App Connection, whose webhook is the present one's, without
    /// those that have expired at `now`, and each of them once.
    pub(super) fn settled_old_tokens(
        &self,
        old: impl IntoIterator<Item = OldToken>,
        now: EpochSeconds,
    ) -> Vec<OldToken> {
        let mut kept: Vec<OldToken> = Vec::new();
        for token in old {
            let is_present = |present: &AppConnection| present.is_known_to_be(&token.connection);
            let is_needless = self.wish.connection.as_ref().is_some_and(is_present)
                || token.expires_at <= now
                || kept
                    .iter()
                    .any(|other| other.connection.token == token.connection.token);
            if !is_needless {
                kept.push(token);
            }
        }
        kept
    }
}

/// How many there are, as the rules of a [`Renewal`](super::renewal::Renewal) want to know it.
pub(super) fn count(old: &[OldToken]) -> u8 {
    u8::try_from(old.len()).unwrap_or(u8::MAX)
}

//! The keys as one process knows them: read when needed, kept, read again when they may have changed.
//!
//! What can be told from what was read, and what makes a read a whole one, is in [`printbell_shared::callback::keys`]; here is
//! when to read:
//!
//! - at a start the current version alone: one call, and most processes never meet a token that needs more;
//! - every version that counts, when something can't be told from what is known: which they are, then each that isn't known;
//! - which they are, before anything is accepted by what was last seen to count nine minutes ago; a key may have been retired. While
//!   Secrets Manager doesn't answer, the known keys go on counting;
//! - not within a minute of the last whole read, and not within ten seconds of one that was cut short. Meanwhile nobody is
//!   refused for want of keys: it can't be told.
//!
//! A read is cut short by an error, by a version that is gone when it is asked for, and by whoever waits for it: a callback has
//! one second for it, and a process that has answered may be frozen, so a read doesn't outlive its request. What had come by then
//! is kept, and the next read goes on from there while its listing is new enough.

use std::future::Future;

use aws_types::SdkConfig;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use printbell_shared::callback::key::{CallbackKey, VersionId};
use printbell_shared::callback::keys::{CallbackKeys, Listing, REFETCH_INTERVAL, Verdict};
use printbell_shared::callback::query::Claim;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::{Duration, timeout};

use crate::callback_secret::CallbackSecret;
use crate::old_secret::OldSecret;

/// The keys can't be had now.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeysUnavailable {
    /// Secrets Manager didn't give the secret.
    #[error("the callback keys can't be read from Secrets Manager: {0}")]
    Unreachable(String),
    /// The secret's version holds something else than a key.
    #[error(
        "version {0} of the callback secret is not usable: it must be a text of at least 16 bytes; put a new version \
         (`aws secretsmanager get-random-password` makes one)"
    )]
    Unusable(String),
    /// What was taken up for signing can't be read or written.
    #[error("it can't be known which of the callback keys to sign with: {0}")]
    NoRecord(String),
    /// Everything was read, and there is nothing to sign with.
    #[error(
        "no version of the callback secret can be signed with: it must be a text of at least 16 bytes, and must have borne its \
         label for two minutes"
    )]
    NoSigningKey,
    /// A read was cut short a moment ago, and it is too early for the next one.
    #[error("the callback keys could not be read a moment ago; waiting before the next try")]
    Waiting,
}

/// A version of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version<'a> {
    /// The current one, whichever that is.
    Current,
    /// The one with this id.
    Id(&'a VersionId),
}

/// Where keys come from.
pub trait KeySource {
    /// Tells which versions count, all at one moment.
    fn list(&self) -> impl Future<Output = Result<Listing, KeysUnavailable>>;
    /// Reads the key that a version holds; `None` where there is no such version, or none any more.
    fn key(&self, version: Version<'_>) -> impl Future<Output = Result<Option<CallbackKey>, KeysUnavailable>>;
}

/// How long a read that was cut short keeps the next one away, so that an outage of Secrets Manager costs one request its time
/// and the next ones nothing.
pub(crate) const PAUSE_AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(10);

/// How long a callback whose key is known waits for word that it still counts: half of the second that it has for keys. A listing
/// takes 20 ms, and a new connection after a freeze some more.
const CONFIRMATION_LIMIT: Duration = Duration::from_millis(500);

/// How often one read asks which versions count. Only a label that is taken away meanwhile makes it ask twice.
const LISTINGS: usize = 3;

/// One read at a time: whoever comes meanwhile waits for it and uses what it found.
pub struct KeyRing<S> {
    source: S,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    keys: CallbackKeys,
    /// When the last read began, if it was cut short.
    cut_short_at: Option<Timestamp>,
}

impl Known {
    /// Whether a read was cut short a moment ago.
    fn is_pausing(&self, now: Timestamp) -> bool {
        self.cut_short_at
            .is_some_and(|at| now.duration_since(at) < PAUSE_AFTER_FAILURE)
    }
}

impl<S: KeySource> KeyRing<S> {
    /// A ring that has read nothing yet.
    pub fn new(source: S) -> Self {
        Self {
            source,
            known: Mutex::default(),
        }
    }

    /// Reads the current key ahead of the first need.
    pub async fn warm_up(&self, now: Timestamp) -> Result<(), KeysUnavailable> {
        let known = &mut *self.known.lock().await;
        known.cut_short_at = Some(now);
        let key = self.source.key(Version::Current).await?.ok_or_else(no_current)?;
        known.keys.warm_up(key, now);
        known.cut_short_at = None;
        Ok(())
    }

    /// Checks the claim of a callback that came at `received`.
    ///
    /// An error means that nobody can tell: the callback may be authentic. Whoever can't wait for the answer may drop the
    /// future, which cuts a read short.
    pub async fn verify(
        &self,
        claim: Option<&Claim>,
        received: Timestamp,
        now: Timestamp,
    ) -> Result<Verdict, KeysUnavailable> {
        let known = &mut *self.known.lock().await;
        if known.keys.verify(claim, received) == Some(Verdict::Authentic) && !known.keys.are_recent(now) {
            self.confirm(known, now).await;
        }
        if let Some(verdict) = known.keys.verify(claim, received) {
            return Ok(verdict);
        }
        self.read(known, now).await?;
        known.keys.verify(claim, received).ok_or(KeysUnavailable::Waiting)
    }

    /// Looks whether the known keys still count, unless Secrets Manager didn't answer a moment ago.
    async fn confirm(&self, known: &mut Known, now: Timestamp) {
        if known.is_pausing(now) {
            return;
        }
        known.cut_short_at = Some(now);
        let listing = timeout(CONFIRMATION_LIMIT, self.source.list()).await;
        match listing.unwrap_or_else(|_| Err(KeysUnavailable::Unreachable("no answer in time".to_owned()))) {
            Ok(listing) => {
                known.keys.list(listing, now);
                known.cut_short_at = None;
            }
            Err(error) => tracing::warn!(%error, "the known keys go on counting"),
        }
    }

    /// Reads every version that counts, unless that was tried a moment ago.
    async fn read(&self, known: &mut Known, now: Timestamp) -> Result<(), KeysUnavailable> {
        let is_within = |interval, at: Timestamp| now.duration_since(at) < interval;
        if known.is_pausing(now) || known.keys.whole_at().is_some_and(|at| is_within(REFETCH_INTERVAL, at)) {
            return Err(KeysUnavailable::Waiting);
        }
        // Until it has succeeded: this future may be dropped at any moment.
        known.cut_short_at = Some(now);
        let mut can_go_on = known.keys.listed_at().is_some_and(|at| is_within(REFETCH_INTERVAL, at));
        for _ in 0..LISTINGS {
            if !can_go_on {
                known.keys.list(self.source.list().await?, now);
            }
            if self.read_missing(&mut known.keys).await? {
                known.cut_short_at = None;
                return Ok(());
            }
            can_go_on = false;
        }
        let reason = "its versions change while they are read".to_owned();
        Err(KeysUnavailable::Unreachable(reason))
    }

    /// Reads the versions that are listed and not known, all at once, and keeps each as it comes; `false` if one of them is gone.
    async fn read_missing(&self, keys: &mut CallbackKeys) -> Result<bool, KeysUnavailable> {
        let missing = keys.missing();
        let mut reads: FuturesUnordered<_> = missing
            .iter()
            .map(|version| async move { (version, self.source.key(Version::Id(version)).await) })
            .collect();
        let (mut are_all_there, mut failure) = (true, None);
        while let Some((version, key)) = reads.next().await {
            match key {
                Ok(Some(key)) => keys.learn(version.clone(), Some(key)),
                Ok(None) => are_all_there = false,
                Err(error @ KeysUnavailable::Unusable(_)) => {
                    tracing::error!("{error}");
                    keys.learn(version.clone(), None);
                }
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(are_all_there), Err)
    }
}

/// The keys of the stack's own secret, and those of the secret of a stack whose registrations are taken over: each known for itself,
/// so that neither's troubles are the other's.
pub struct KeyRings<S, O = OldSecret> {
    own: KeyRing<S>,
    old: Option<KeyRing<O>>,
}

impl<S, O> From<KeyRing<S>> for KeyRings<S, O> {
    fn from(own: KeyRing<S>) -> Self {
        Self { own, old: None }
    }
}

impl KeyRings<CallbackSecret> {
    /// Those of the secret `own`, and of the secret `old`, which may be empty: then there is none.
    pub fn of(aws: &SdkConfig, own: &str, old: &str) -> Self {
        Self::new(CallbackSecret::new(aws, own.to_owned()), OldSecret::new(aws, old, own))
    }
}

impl<S: KeySource, O: KeySource> KeyRings<S, O> {
    /// Those of these secrets.
    pub fn new(own: S, old: Option<O>) -> Self {
        Self {
            own: KeyRing::new(own),
            old: old.map(KeyRing::new),
        }
    }

    /// Reads the stack's own current key ahead of the first need.
    pub async fn warm_up(&self, now: Timestamp) -> Result<(), KeysUnavailable> {
        self.own.warm_up(now).await
    }

    /// Checks a claim, as [`KeyRing::verify`] does: it is authentic by one of the two, and can only be refused by both. Key ids may
    /// be in both.
    pub async fn verify(
        &self,
        claim: Option<&Claim>,
        received: Timestamp,
        now: Timestamp,
    ) -> Result<Verdict, KeysUnavailable> {
        let own = self.own.verify(claim, received, now).await;
        let (Some(old), false) = (&self.old, own == Ok(Verdict::Authentic)) else {
            return own;
        };
        match (own, old.verify(claim, received, now).await) {
            (_, Ok(Verdict::Authentic)) => Ok(Verdict::Authentic),
            (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(Verdict::NoSuchKey), verdict) => verdict,
            (verdict, Ok(_)) => verdict,
        }
    }
}

/// The secret is gone, or was never given a value.
pub(crate) fn no_current() -> KeysUnavailable {
    KeysUnavailable::Unreachable("there is no current version of a secret with that ARN".to_owned())
}

#[cfg(test)]
pub(crate) mod tests;

//! The keys as one process knows them: read when needed, kept, read again when they may have changed.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use printbell_shared::callback::key::CallbackKey;
use printbell_shared::callback::keys::{CallbackKeys, REFETCH_INTERVAL, Verdict};
use printbell_shared::callback::query::Claim;
use thiserror::Error;

/// The keys can't be had now.
#[derive(Debug, Clone, Error)]
pub enum KeysUnavailable {
    /// Secrets Manager didn't give the secret.
    #[error("the callback keys can't be read from Secrets Manager: {0}")]
    Unreachable(String),
    /// The secret holds something else than a key.
    #[error(
        "version {0} of the callback secret is not usable: it must be a text of at least 16 bytes; put a new version \
         (`aws secretsmanager get-random-password` makes one)"
    )]
    Unusable(String),
    /// A read failed a moment ago, and it is too early for the next one.
    #[error("the callback keys could not be read a moment ago; waiting before the next try")]
    Waiting,
}

/// Which versions to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// The current one.
    Current,
    /// The current one, and the one before it.
    Both,
}

/// Where keys come from.
pub trait KeySource {
    /// Reads the keys.
    fn fetch(&self, versions: Versions) -> impl Future<Output = Result<CallbackKeys, KeysUnavailable>>;
}

/// How long a failed read of the secret keeps the next one away, so that an outage of Secrets Manager costs one request
/// its timeout and the next ones nothing.
const PAUSE_AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(10);

/// How long a process that signs uses keys without looking for newer ones.
const SIGNING_KEYS_LIFETIME: SignedDuration = SignedDuration::from_secs(300);

/// One read at a time: whoever comes meanwhile waits for it and uses what it found.
pub struct KeyRing<S> {
    source: S,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The keys, and when they were asked for.
    keys: Option<(CallbackKeys, Timestamp)>,
    /// When they were last asked for on account of an unknown key id.
    refetched_at: Option<Timestamp>,
    /// When the last read failed; `None` after one that worked.
    failed_at: Option<Timestamp>,
}

impl Known {
    /// What the known keys say; no key that was made before these were read is unknown to them.
    fn verify(&self, claim: Option<&Claim>, received: Timestamp) -> Option<Verdict> {
        let (keys, fetched_at) = self.keys.as_ref()?;
        Some(match keys.verify(claim) {
            Verdict::UnknownKey if keys.are_complete() && received <= *fetched_at => Verdict::Forged,
            verdict => verdict,
        })
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
        self.fetch(&mut *self.known.lock().await, Versions::Current, now).await
    }

    /// Checks the claim of a callback that came at `received`.
    ///
    /// [`Verdict::UnknownKey`] means that the secret may not be read again so soon after the last time. An error means
    /// that nobody can tell: the callback may be authentic.
    pub async fn verify(
        &self,
        claim: Option<&Claim>,
        received: Timestamp,
        now: Timestamp,
    ) -> Result<Verdict, KeysUnavailable> {
        let known = &mut *self.known.lock().await;
        match known.verify(claim, received) {
            Some(Verdict::UnknownKey) => {}
            Some(verdict) => return Ok(verdict),
            None => {
                self.fetch(known, Versions::Both, now).await?;
                return known.verify(claim, received).ok_or(KeysUnavailable::Waiting);
            }
        }
        if known
            .refetched_at
            .is_some_and(|at| now.duration_since(at) < REFETCH_INTERVAL)
        {
            return match known.failed_at {
                None => Ok(Verdict::UnknownKey),
                Some(_) => Err(KeysUnavailable::Waiting), // the key may well be a good one
            };
        }
        known.refetched_at = Some(now);
        self.fetch(known, Versions::Both, now).await?;
        known.verify(claim, received).ok_or(KeysUnavailable::Waiting)
    }

    /// The key to sign with, of keys read at most five minutes ago. While Secrets Manager can't be reached, the keys
    /// that are known go on serving.
    pub async fn signing_key(&self, now: Timestamp) -> Result<CallbackKey, KeysUnavailable> {
        let known = &mut *self.known.lock().await;
        let fresh = |(keys, fetched_at): &(CallbackKeys, Timestamp)| {
            keys.are_complete() && now.duration_since(*fetched_at) < SIGNING_KEYS_LIFETIME
        };
        let fetched = if known.keys.as_ref().is_some_and(fresh) {
            Ok(())
        } else {
            self.fetch(known, Versions::Both, now).await
        };
        match (&known.keys, fetched) {
            (Some((keys, _)), _) => Ok(keys.signing_key(now).clone()),
            (None, fetched) => Err(fetched.err().unwrap_or(KeysUnavailable::Waiting)),
        }
    }

    async fn fetch(&self, known: &mut Known, versions: Versions, now: Timestamp) -> Result<(), KeysUnavailable> {
        if known
            .failed_at
            .is_some_and(|at| now.duration_since(at) < PAUSE_AFTER_FAILURE)
        {
            return Err(KeysUnavailable::Waiting);
        }
        match self.source.fetch(versions).await {
            Ok(keys) => {
                known.keys = Some((keys, now));
                known.failed_at = None;
                Ok(())
            }
            Err(error) => {
                known.failed_at = Some(now);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests;

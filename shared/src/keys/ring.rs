//! The keys as one process knows them: read when needed, kept, read again when they may have changed.

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{CallbackKeys, KeySource, KeysUnavailable, Verdict, Versions};
use crate::callback::CallbackKey;
use crate::query::Claim;

/// An unknown key id makes the receiver read the secret again, at most this often: so that made-up key ids don't become
/// calls to Secrets Manager.
pub const REFETCH_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

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

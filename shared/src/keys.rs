//! The keys that sign callback tokens: versions `AWSCURRENT` and `AWSPREVIOUS` of one Secrets Manager secret.
//!
//! A rotation is a new version of the secret and nothing else. The receiver accepts both versions and learns of a new
//! one when it meets a key id that it doesn't know; renewals carry the new key out. What makes that lossless is
//! [`CallbackKeys::signing_key`]: nobody signs with a key until every receiver is able to learn it.

use std::future::Future;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use tokio::sync::Mutex;

use crate::aws::explain;
use crate::callback::CallbackKey;
use crate::id::RegistrationKey;
use crate::query::{Claim, Token};

/// An unknown key id makes the receiver read the secret again, at most this often: so that made-up key ids don't become
/// calls to Secrets Manager.
pub const REFETCH_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// How long a failed read of the secret keeps the next one away, so that an outage of Secrets Manager costs one request
/// its timeout and the next ones nothing.
const PAUSE_AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(10);

/// How old a version must be before tokens are signed with it. A receiver that read the secret just before the
/// rotation reads it again after [`REFETCH_INTERVAL`] at the latest; the rest is for clocks that differ and for a
/// rotation function that makes a version some moments before it makes it current.
pub const SETTLING_TIME: SignedDuration = SignedDuration::from_secs(120);

/// How long a process that signs uses keys without looking for newer ones.
const SIGNING_KEYS_LIFETIME: SignedDuration = SignedDuration::from_secs(300);

/// The least that is accepted for a key, in bytes: an empty or toy secret would make every token guessable.
const SHORTEST_KEY: usize = 16;

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

/// What the keys say about a [`Claim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was signed with one of the keys.
    Authentic,
    /// It was not.
    Forged,
    /// It names a key that isn't known here. It may be newer than these keys.
    UnknownKey,
}

/// Both versions of the secret.
#[derive(Clone)]
pub struct CallbackKeys {
    current: CallbackKey,
    /// When Secrets Manager made the current version.
    current_since: Timestamp,
    previous: Option<CallbackKey>,
}

impl CallbackKeys {
    /// Keys from the given versions.
    pub fn new(current: CallbackKey, current_since: Timestamp, previous: Option<CallbackKey>) -> Self {
        Self {
            current,
            current_since,
            previous,
        }
    }

    /// Reads both versions of the secret `arn`.
    pub async fn fetch(client: &Client, arn: &str) -> Result<Self, KeysUnavailable> {
        let (current, previous) = tokio::join!(version(client, arn, "AWSCURRENT"), version(client, arn, "AWSPREVIOUS"));
        let (current, current_since) =
            current?.ok_or_else(|| KeysUnavailable::Unreachable("there is no secret with that ARN".into()))?;
        // Going on without the previous key would refuse tokens that are good: so a failure to read it fails the whole.
        Ok(Self::new(current, current_since, previous?.map(|(key, _)| key)))
    }

    /// The key to sign new callback URLs with: the current one, once it has had the time to be [known](SETTLING_TIME).
    pub fn signing_key(&self, now: Timestamp) -> &CallbackKey {
        match &self.previous {
            Some(previous) if now.duration_since(self.current_since) < SETTLING_TIME => previous,
            _ => &self.current,
        }
    }

    /// Checks a claim, or nothing in the same time: what the keys do doesn't tell why a request was refused.
    pub fn verify(&self, claim: Option<&Claim>) -> Verdict {
        let decoy = decoy();
        let (claim, is_claim) = claim.map_or((&decoy, false), |claim| (claim, true));
        let key = [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|key| key.id() == claim.token.key_id);
        let authentic = key
            .unwrap_or(&self.current)
            .verifies(&claim.registration, &claim.token.signature);
        match (is_claim, key, authentic) {
            (true, Some(_), true) => Verdict::Authentic,
            (true, None, _) => Verdict::UnknownKey,
            _ => Verdict::Forged,
        }
    }
}

/// What is checked in place of a claim that isn't there.
fn decoy() -> Claim {
    let registration = RegistrationKey {
        tenant: "-".parse().unwrap_or_else(|_| unreachable!("a dash is an id")),
        printer: "-".parse().unwrap_or_else(|_| unreachable!("a dash is an id")),
    };
    Claim {
        registration,
        token: Token {
            key_id: String::new(),
            signature: [0; 32],
        },
    }
}

/// The key that one version holds, and when it was made; `None` where there is no such version.
async fn version(client: &Client, arn: &str, stage: &str) -> Result<Option<(CallbackKey, Timestamp)>, KeysUnavailable> {
    let answer = client
        .get_secret_value()
        .secret_id(arn)
        .version_stage(stage)
        .send()
        .await;
    let secret = match answer {
        Ok(secret) => secret,
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_resource_not_found_exception()) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(KeysUnavailable::Unreachable(explain(&error))),
    };
    let id = secret.version_id.unwrap_or_default();
    let text = SecretString::from(secret.secret_string.unwrap_or_default());
    if id.is_empty() || text.expose_secret().len() < SHORTEST_KEY {
        return Err(KeysUnavailable::Unusable(if id.is_empty() {
            stage.to_owned()
        } else {
            id
        }));
    }
    let since = secret.created_date.and_then(|at| Timestamp::new(at.secs(), 0).ok());
    Ok(Some((
        CallbackKey::new(&id, &text),
        since.unwrap_or(Timestamp::UNIX_EPOCH),
    )))
}

/// Where [`KeyRing`] gets keys from.
pub trait KeySource {
    /// Reads the keys.
    fn fetch(&self) -> impl Future<Output = Result<CallbackKeys, KeysUnavailable>>;
}

/// The callback secret in Secrets Manager.
pub struct CallbackSecret {
    /// The client to read it with.
    pub client: Client,
    /// Which secret.
    pub arn: String,
}

impl CallbackSecret {
    /// The secret `arn`, read in at most 2 s: whoever waits for it has other things to do in the time that is left.
    pub fn new(aws: &SdkConfig, arn: String) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(Duration::from_secs(1))
            .operation_timeout(Duration::from_secs(2));
        let config = aws_sdk_secretsmanager::config::Builder::from(aws)
            .timeout_config(timeouts.build())
            .retry_config(RetryConfig::standard().with_max_attempts(2));
        Self {
            client: Client::from_conf(config.build()),
            arn,
        }
    }
}

impl KeySource for CallbackSecret {
    async fn fetch(&self) -> Result<CallbackKeys, KeysUnavailable> {
        CallbackKeys::fetch(&self.client, &self.arn).await
    }
}

/// The keys as one process knows them: read when needed, kept, read again when they may have changed.
///
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
            Verdict::UnknownKey if received <= *fetched_at => Verdict::Forged,
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

    /// Reads the keys ahead of the first need.
    pub async fn warm_up(&self, now: Timestamp) -> Result<(), KeysUnavailable> {
        self.fetch(&mut *self.known.lock().await, now).await
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
                self.fetch(known, now).await?;
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
        self.fetch(known, now).await?;
        known.verify(claim, received).ok_or(KeysUnavailable::Waiting)
    }

    /// The key to sign with, of keys read at most five minutes ago. While Secrets Manager can't be reached, the keys
    /// that are known go on serving.
    pub async fn signing_key(&self, now: Timestamp) -> Result<CallbackKey, KeysUnavailable> {
        let known = &mut *self.known.lock().await;
        let age = known
            .keys
            .as_ref()
            .map(|(_, fetched_at)| now.duration_since(*fetched_at));
        let fetched = match age {
            Some(age) if age < SIGNING_KEYS_LIFETIME => Ok(()),
            _ => self.fetch(known, now).await,
        };
        match (&known.keys, fetched) {
            (Some((keys, _)), _) => Ok(keys.signing_key(now).clone()),
            (None, fetched) => Err(fetched.err().unwrap_or(KeysUnavailable::Waiting)),
        }
    }

    async fn fetch(&self, known: &mut Known, now: Timestamp) -> Result<(), KeysUnavailable> {
        if known
            .failed_at
            .is_some_and(|at| now.duration_since(at) < PAUSE_AFTER_FAILURE)
        {
            return Err(KeysUnavailable::Waiting);
        }
        match self.source.fetch().await {
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
#[path = "keys_tests.rs"]
mod tests;

//! The keys as a process sees them that signs: which one it signs with, and what it does so that receivers know it.
//!
//! What is to be done is said by [`printbell_shared::callback::signing`]; here it is done, step by step, at Secrets Manager and in the
//! table `State`. Whoever signs goes by what it read at most five minutes ago, and fails rather than go by something older: a key may
//! have been retired. A look that failed keeps the next one away for ten seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use futures::future::try_join;
use jiff::Timestamp;
use printbell_shared::callback::key::{CallbackKey, VersionId};
use printbell_shared::callback::keys::Listing;
use printbell_shared::callback::signing::{
    FinishObjection, RetireObjection, SIGNING_KEYS_LIFETIME, SigningRecord, Standing, Step, next_step,
};
use printbell_shared::registration::renewal::EpochSeconds;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::callback_secret::CallbackSecret;
use crate::key_ring::{KeySource, KeysUnavailable, PAUSE_AFTER_FAILURE, Version};
use crate::state::keys::SigningRecords;

pub use printbell_shared::callback::signing::{Force, KeyStatus};

/// How many steps one look takes at most: 16 labels and a write or two for each.
const STEPS: usize = 64;

/// How often a retirement is attempts that others' writes overtake.
const TRIES: usize = 5;

/// Why a label wasn't set or taken away.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LabelError {
    /// There is no such version any more.
    #[error("there is no such version any more")]
    Gone,
    /// It wasn't, or it can't be known whether it was.
    #[error("{0}")]
    Failed(String),
}

/// Where labels are set.
pub trait Labels: KeySource {
    /// The secret's ARN.
    fn arn(&self) -> &str;
    /// Has the version bear its label.
    fn label(&self, version: &VersionId) -> impl Future<Output = Result<(), LabelError>>;
    /// Has the version bear it no longer.
    fn unlabel(&self, version: &VersionId) -> impl Future<Output = Result<(), LabelError>>;
}

/// Why the record wasn't written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordError {
    /// Somebody else wrote it meanwhile; it is this now.
    Conflict(Option<SigningRecord>),
    /// It wasn't, or it can't be known whether it was.
    Failed(String),
}

/// Where it is remembered what was taken up.
pub trait Records {
    /// What is remembered; the error says why that can't be known.
    fn read(&self) -> impl Future<Output = Result<Option<SigningRecord>, String>>;
    /// Writes it, on condition that the revision before it is still there.
    fn write(&self, record: &SigningRecord) -> impl Future<Output = Result<(), RecordError>>;
}

/// How far a key's retirement is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retirement {
    /// It goes once no webhook bears it.
    UnderWay(VersionId),
    /// Its label is gone: every process refuses it within ten minutes.
    Complete(VersionId),
}

/// Why a key isn't retired.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RetireError {
    /// It is current.
    #[error(
        "key {key_id} is the secret's current version, which always counts: rotate first (`aws secretsmanager put-secret-value \
         --secret-id {arn} --secret-string \"$(aws secretsmanager get-random-password --password-length 64 --exclude-punctuation \
         --query RandomPassword --output text)\"`), then retire it"
    )]
    Current {
        /// The key.
        key_id: String,
        /// The secret.
        arn: String,
    },
    /// No such key was signed with.
    #[error("no key {0} was taken up for signing: its id is the first eight characters of a token")]
    Unknown(String),
    /// No other key can be signed with.
    #[error(
        "key {0} is signed with, and the secret's current version can't be taken up in its place: it must be a new one, and 16 keys \
         at most may bear our label; rotate, wait for an older key to be done with, or retire with force"
    )]
    NoSuccessor(String),
    /// Its label could not be taken away. It isn't signed with any more, and renew tries again at each run.
    #[error("key {0} is signed with no more, but its label could not be taken away; renew tries again at each run")]
    Unfinished(String),
    /// The keys can't be had now.
    #[error(transparent)]
    Unavailable(#[from] KeysUnavailable),
}

/// Why a retirement isn't finished.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FinishError {
    /// It can't be.
    #[error("{0}")]
    Objection(#[from] FinishObjection),
    /// The keys can't be had now.
    #[error(transparent)]
    Unavailable(#[from] KeysUnavailable),
}

/// The time of day, which goes on during a call: a label counts from when it was set, not from when the look at it began.
#[derive(Clone, Copy)]
struct Clock {
    asked: Timestamp,
    began: Instant,
}

impl Clock {
    /// A clock that says `now`.
    fn at(now: Timestamp) -> Self {
        Self {
            asked: now,
            began: Instant::now(),
        }
    }

    fn now(&self) -> Timestamp {
        self.asked.saturating_add(self.began.elapsed()).unwrap_or(self.asked)
    }

    fn seconds(&self) -> EpochSeconds {
        self.now().into()
    }
}

/// The keys of a process that signs. One look at a time: whoever comes meanwhile waits for it and goes by what it found.
pub struct SigningKeys<S = CallbackSecret, R = SigningRecords> {
    secret: S,
    records: R,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    view: Option<View>,
    /// What was read of versions; `None` for one that holds no key.
    keys: BTreeMap<VersionId, Option<CallbackKey>>,
    /// When the last look began, if it failed.
    failed_at: Option<Timestamp>,
}

/// What a look found.
struct View {
    listing: Listing,
    record: SigningRecord,
    /// The versions that hold no key, or that could not be labelled.
    unfit: BTreeSet<VersionId>,
    asked: Timestamp,
}

impl View {
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.asked) < SIGNING_KEYS_LIFETIME
    }

    /// Whether there is nothing to do for now.
    fn is_at_rest(&self, now: Timestamp) -> bool {
        next_step(&self.listing, Some(&self.record), &self.unfit, now.into()) == Step::Rest
    }
}

impl<S: Labels, R: Records> SigningKeys<S, R> {
    /// The keys of the secret, of which nothing is known yet.
    pub fn new(secret: S, records: R) -> Self {
        Self {
            secret,
            records,
            known: Mutex::default(),
        }
    }

    /// The key to sign with now. Takes up a new current version and sets missing labels on the way.
    pub async fn signing_key(&self, now: Timestamp) -> Result<CallbackKey, KeysUnavailable> {
        let clock = Clock::at(now);
        let known = &mut *self.known.lock().await;
        let is_settled = |view: &View| view.is_fresh(clock.now()) && view.is_at_rest(clock.now());
        let look = if known.view.as_ref().is_some_and(is_settled) {
            Ok(())
        } else {
            self.look_unless_failing(known, clock).await
        };
        let Some(view) = known.view.as_ref().filter(|view| view.is_fresh(clock.now())) else {
            return Err(look.err().unwrap_or(KeysUnavailable::Waiting));
        };
        let version = view.record.signing_version(&view.listing, clock.seconds()).cloned();
        let version = version.ok_or_else(|| look.err().unwrap_or(KeysUnavailable::NoSigningKey))?;
        let key = self.key(&mut known.keys, &version).await?;
        key.ok_or(KeysUnavailable::NoSigningKey)
    }

    /// For renew, once a run: takes up a new current version, sets missing labels, and takes away those of versions that no webhook
    /// bears any more.
    pub async fn maintain(&self, now: Timestamp) -> Result<KeyStatus, KeysUnavailable> {
        let clock = Clock::at(now);
        let known = &mut *self.known.lock().await;
        let view = self.look(known, clock).await?;
        if view.record.is_overdue(&view.listing, clock.seconds()) {
            tracing::error!(
                "version {} of the callback secret is current and isn't taken up: it holds no key, begins like another or was \
                 retired, so that a rotation helps; or 16 keys bear a label, the oldest of which will be done with in time",
                view.listing.current().as_str()
            );
        }
        Ok(view.record.status(clock.seconds()))
    }

    /// Asks for the retirement of the key that tokens call `key_id`. One that is signed with has its successor taken up at once.
    pub async fn retire(&self, key_id: &str, force: Force, now: Timestamp) -> Result<Retirement, RetireError> {
        let clock = Clock::at(now);
        let known = &mut *self.known.lock().await;
        for _ in 0..TRIES {
            let view = self.look(known, clock).await?;
            let (record, version, standing) = view
                .record
                .retire(&view.listing, key_id, force, clock.seconds())
                .map_err(|objection| match objection {
                    RetireObjection::Current => RetireError::Current {
                        key_id: key_id.to_owned(),
                        arn: self.secret.arn().to_owned(),
                    },
                    RetireObjection::Unknown => RetireError::Unknown(key_id.to_owned()),
                    RetireObjection::NoSuccessor => RetireError::NoSuccessor(key_id.to_owned()),
                })?;
            if !self.write(&record).await? {
                continue;
            }
            let view = self.look(known, clock).await?;
            return match standing {
                Standing::Retired if view.listing.bearers().contains(&version) => {
                    Err(RetireError::Unfinished(key_id.to_owned()))
                }
                Standing::Retired => Ok(Retirement::Complete(version)),
                Standing::Good | Standing::Retiring => Ok(Retirement::UnderWay(version)),
            };
        }
        Err(KeysUnavailable::Waiting.into())
    }

    /// Takes the label of a key that is being retired away, now that no row bears it.
    pub async fn finish_retirement(&self, version: &VersionId, now: Timestamp) -> Result<(), FinishError> {
        let clock = Clock::at(now);
        let known = &mut *self.known.lock().await;
        for _ in 0..TRIES {
            let view = self.look(known, clock).await?;
            let record = view.record.finish_retirement(&view.listing, version, clock.seconds())?;
            if record == view.record {
                return Ok(());
            }
            if self.write(&record).await? {
                self.look(known, clock).await?;
                return Ok(());
            }
        }
        Err(KeysUnavailable::Waiting.into())
    }

    /// Writes the record; tells whether it did, or somebody else was faster.
    async fn write(&self, record: &SigningRecord) -> Result<bool, KeysUnavailable> {
        match self.records.write(record).await {
            Ok(()) => Ok(true),
            Err(RecordError::Conflict(_)) => Ok(false),
            Err(RecordError::Failed(reason)) => Err(KeysUnavailable::NoRecord(reason)),
        }
    }

    async fn look_unless_failing(&self, known: &mut Known, clock: Clock) -> Result<(), KeysUnavailable> {
        let is_early = |at| clock.asked.duration_since(at) < PAUSE_AFTER_FAILURE;
        if known.failed_at.is_some_and(is_early) {
            return Err(KeysUnavailable::Waiting);
        }
        self.look(known, clock).await.map(drop)
    }

    /// Reads what there is, and does what is to be done about it.
    async fn look<'a>(&self, known: &'a mut Known, clock: Clock) -> Result<&'a View, KeysUnavailable> {
        // Until it has succeeded: this future may be dropped at any moment.
        known.failed_at = Some(clock.asked);
        let view = self.work_off(&mut known.keys, clock).await?;
        known.failed_at = None;
        Ok(known.view.insert(view))
    }

    async fn work_off(
        &self,
        keys: &mut BTreeMap<VersionId, Option<CallbackKey>>,
        clock: Clock,
    ) -> Result<View, KeysUnavailable> {
        let (mut listing, mut record) = try_join(self.secret.list(), self.read()).await?;
        let holds_none = keys.iter().filter(|(_, key)| key.is_none());
        let mut unfit: BTreeSet<_> = holds_none.map(|(version, _)| version.clone()).collect();
        let mut attempts = BTreeSet::new();
        for _ in 0..STEPS {
            match next_step(&listing, record.as_ref(), &unfit, clock.seconds()) {
                Step::Rest => break,
                Step::Write(fresh) => {
                    let before = record.as_ref().and_then(|record| record.next.as_ref());
                    let next = fresh.next.as_ref().filter(|next| Some(*next) != before);
                    if let Some(next) = next
                        && self.key(keys, next).await?.is_none()
                    {
                        unfit.insert(next.clone());
                        continue;
                    }
                    match self.records.write(&fresh).await {
                        Ok(()) => record = Some(fresh),
                        Err(RecordError::Conflict(other)) => {
                            record = other;
                            listing = self.secret.list().await?;
                        }
                        Err(RecordError::Failed(reason)) => return Err(KeysUnavailable::NoRecord(reason)),
                    }
                }
                Step::Label(version) | Step::Unlabel(version) if !attempts.insert(version.clone()) => {
                    tracing::error!("the label {} can't be seen to have changed", version.label());
                    unfit.insert(version);
                }
                Step::Label(version) => match self.secret.label(&version).await {
                    Ok(()) => listing = self.secret.list().await?,
                    Err(LabelError::Gone) => {
                        let id = version.as_str();
                        tracing::error!(
                            "version {id} of the callback secret is gone: what was signed with it is refused"
                        );
                        let fresh = record.as_ref().map(|record| record.without(&version));
                        match fresh {
                            Some(fresh) if self.write(&fresh).await? => record = Some(fresh),
                            _ => record = self.read().await?,
                        }
                    }
                    Err(error) => {
                        tracing::error!("the label {} can't be set: {error}", version.label());
                        unfit.insert(version);
                    }
                },
                Step::Unlabel(version) => {
                    let result = self.secret.unlabel(&version).await;
                    listing = self.secret.list().await?;
                    // Somebody else may have been faster.
                    if let Err(error) = result
                        && listing.bearers().contains(&version)
                    {
                        tracing::error!("the label {} can't be taken away: {error}", version.label());
                        unfit.insert(version);
                    }
                }
            }
        }
        Ok(View {
            listing,
            record: record.unwrap_or_default(),
            unfit,
            asked: clock.asked,
        })
    }

    async fn read(&self) -> Result<Option<SigningRecord>, KeysUnavailable> {
        self.records.read().await.map_err(KeysUnavailable::NoRecord)
    }

    /// The key that a version holds, read once; `None` if it holds none.
    async fn key(
        &self,
        keys: &mut BTreeMap<VersionId, Option<CallbackKey>>,
        version: &VersionId,
    ) -> Result<Option<CallbackKey>, KeysUnavailable> {
        if let Some(key) = keys.get(version) {
            return Ok(key.clone());
        }
        let key = match self.secret.key(Version::Id(version)).await {
            Ok(Some(key)) => Some(key),
            Ok(None) => {
                let reason = format!("version {} is gone", version.as_str());
                return Err(KeysUnavailable::Unreachable(reason));
            }
            Err(error @ KeysUnavailable::Unusable(_)) => {
                tracing::error!("{error}");
                None
            }
            Err(error) => return Err(error),
        };
        keys.insert(version.clone(), key.clone());
        Ok(key)
    }
}

#[cfg(test)]
pub(crate) mod tests;

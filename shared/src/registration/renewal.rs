//! When a registration is called at OctoEverywhere, by whom, and what each answer means: the state machine.
//!
//! Everything here is a pure function of a [`Renewal`] and the current time: no I/O, no clock, no text, no randomness but
//! a hash of the registration's key. Register, renew, the model check and the simulation go through the same functions.
//!
//! | question | function |
//! |---|---|
//! | May I work on this row now? | [`Renewal::lease`] |
//! | What must I call, now that the lease is mine? | [`Renewal::call`] |
//! | OctoEverywhere answered: what do I write? | [`Renewal::settle`], in a PUT's own call also [`Renewal::withdraw`] |
//! | The change of status is published, or can't be: what do I write? | [`Renewal::published`], [`Renewal::postponed`] |
//! | There is no time left: what do I write? | [`Renewal::release`] |
//! | The app wants something else | [`Renewal::put`], [`Renewal::delete`], [`Renewal::renew_now`], [`Renewal::reapply`] |
//! | Its token goes to another registration, and comes back | [`Renewal::replaced`], [`Renewal::given_back`] |
//! | It comes to another table | [`Renewal::in_another_table`] |
//! | When is the next attempt? | [`Slot::next`], [`KeyHash::retry_delay`] |
//!
//! # The protocol
//! **Every** write is "write what the function returned, on condition that `revision` is still the one that was read".
//! Each function that returns a row has already counted its `revision` up. A write that fails its condition is followed by
//! a fresh read, and then by the same function again with the fresh row.
//!
//! The one who holds the lease goes round this loop until nothing is left to do or the time is up:
//! 1. [`Renewal::call`]: with a call, but too little time for it: write [`Renewal::release`], done.
//! 2. Make the call, then [`Renewal::settle`]: write the row or remove it; [`Settlement::Changed`] goes back to 1 with the
//!    fresh row; [`Settlement::Lost`] means done, and nothing is written.
//! 3. Without a call, while the row has a change of status to announce: publish it, then write [`Renewal::published`]; or
//!    [`Renewal::postponed`], if the topic can't be told. Calls come first, so that a topic that is down costs no renewal.

mod another_table;
mod backoff;
mod change;
mod cycle;
mod lease;
mod news;
mod rate;
mod settle;
mod slot;
mod take_over;
mod time;

#[cfg(test)]
mod tests;

pub use change::Change;
pub use cycle::{Cycle, InvalidCycle};
pub use news::{News, StatusChange};
pub use rate::{CALLS_PER_SECOND, CALLS_TO_MEAN};
pub use settle::{Effect, Settlement};
pub use slot::{KeyHash, SHARDS, Slot};
pub use time::EpochSeconds;

use jiff::SignedDuration;

/// How long OctoEverywhere keeps a webhook after a successful SetNotificationWebhook (their documentation: 180 days).
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(180 * 24);

/// How far apart two hosts' clocks may be. A lease counts as over only this long after its end. Amazon Time Sync keeps
/// Lambda's hosts within milliseconds; a minute is far more than that, and costs a minute's delay after a crash.
pub const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// How many permanent answers it takes to believe them…
pub const REFUSALS_TO_BELIEVE: u32 = 3;
/// …and over how long a time at least. A service that answers 604 to everyone for an hour must cost nobody a registration.
pub const REFUSALS_SPAN: SignedDuration = SignedDuration::from_hours(24);

/// What a registration is, in the contract's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Wanted, and never yet confirmed by OctoEverywhere (or not since it was revoked, replaced or deleted).
    Pending,
    /// OctoEverywhere confirmed it, and will be asked again before it expires.
    Active,
    /// OctoEverywhere answered 605: the owner is no longer a supporter. It works again when they are.
    Suspended,
    /// OctoEverywhere refused it for good. It is tried once a week until its webhook would have expired.
    Revoked,
    /// Another registration holds its token. It has none of its own, and is called for only after a PUT.
    Replaced,
    /// To be deleted at OctoEverywhere, and then from the table.
    Deleting,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Active,
        Self::Suspended,
        Self::Revoked,
        Self::Replaced,
        Self::Deleting,
    ];

    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
            Self::Deleting => "deleting",
        }
    }

    /// The status that is called so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// The right to call OctoEverywhere for one registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The revision of the row that the lease was written with: unique among the row's leases.
    pub id: u64,
    /// When the holder stops, by its own clock: its invocation's deadline.
    pub until: EpochSeconds,
}

/// Permanent answers since the last success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Refusals {
    /// How many.
    pub count: u32,
    /// When the first came.
    pub first: EpochSeconds,
}

/// The lease of somebody who may still be calling for a token that was theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ForeignLease {
    /// Whose row it was taken on, and its id there, so that its holder can give it back; `None` once there were two, of which
    /// the longer one counts.
    pub origin: Option<(KeyHash, u64)>,
    /// When its holder stops, by its own clock.
    pub until: EpochSeconds,
}

/// What the tokens that were replaced by others, and whose webhooks are to be deleted, ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Clearing {
    /// Nothing now.
    #[default]
    Rests,
    /// The next call deletes the first old token's webhook.
    IsNext,
    /// An old token's webhook is deleted, or may be, and with it the present one if both are tokens of one App Connection:
    /// the present one has to be set again.
    NeedsSet,
}

/// A registration without its texts: what decides when it is called, and by whom.
///
/// The default is what a row means that was written by hand with only its key, its token and `dueAt = 0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Renewal {
    /// What the registration is.
    pub status: Status,
    /// Counted up by every write. A new row starts at the second of its birth × 2²⁰, so that the revisions of a removed
    /// row don't come back with the next row under its key.
    pub revision: u64,
    /// Counted up when the wish (token, event types, metadata, or that it be deleted) changes.
    pub version: u64,
    /// The version that OctoEverywhere last confirmed.
    pub applied: Option<u64>,
    /// When it must next be called; `None`: never. While somebody holds a lease or an announcement waits, the index holds
    /// another time: [`Renewal::index`].
    pub due: Option<EpochSeconds>,
    /// Who may call, if anybody. A lease that is over stays here until the next one is taken.
    pub lease: Option<Lease>,
    /// Calls since the last success. While an old token's webhook can't be deleted, the present one's success doesn't count.
    pub attempts: u32,
    /// Permanent answers since the last success.
    pub refusals: Option<Refusals>,
    /// When the last confirmed SetNotificationWebhook was started.
    pub renewed_at: Option<EpochSeconds>,
    /// When the last one was started that may have been carried out, though nobody was told; at the latest.
    pub set_at: Option<EpochSeconds>,
    /// When it was found to have lapsed, for as long as it has, or until that and its renewal are told.
    pub lapsed_at: Option<EpochSeconds>,
    /// What to go back to if the present wish, not applied yet, is refused for good, or, in a row that was replaced, when it gets
    /// its token back.
    pub previous_status: Option<Status>,
    /// A change of status that is yet to be published.
    pub status_change: Option<StatusChange>,
    /// Call again at this time, even if the call that is under way succeeds.
    pub reapply: Option<EpochSeconds>,
    /// Who may still be calling for its token under another registration's lease: nobody else calls meanwhile.
    pub foreign: Option<ForeignLease>,
    /// How many old tokens wait for their webhooks to be deleted.
    pub old_tokens: u8,
    /// How far that is.
    pub clearing: Clearing,
}

impl Default for Renewal {
    fn default() -> Self {
        Self {
            status: Status::Pending,
            revision: 0,
            version: 0,
            applied: None,
            due: Some(EpochSeconds(0)),
            lease: None,
            attempts: 0,
            refusals: None,
            renewed_at: None,
            set_at: None,
            lapsed_at: None,
            previous_status: None,
            status_change: None,
            reapply: None,
            foreign: None,
            old_tokens: 0,
            clearing: Clearing::Rests,
        }
    }
}

impl Renewal {
    /// `dueAt`, the row's place in the index; `None`: not in the index.
    ///
    /// While somebody holds the lease it is the time at which the lease counts as over, so no other run sees the row
    /// before, and after a crash it is due by itself.
    pub fn index(&self) -> Option<EpochSeconds> {
        if let Some(lease) = self.lease {
            return Some(lease.until + MAX_CLOCK_SKEW);
        }
        let free = self.foreign.map(|foreign| foreign.until + MAX_CLOCK_SKEW);
        let call = self.due.map(|due| free.map_or(due, |free| due.max(free)));
        let news = self.status_change.map(|change| change.due);
        call.into_iter().chain(news).min()
    }

    /// Whether [`Renewal::due`] is somewhere else than [`Renewal::index`] says.
    pub fn is_elsewhere(&self) -> bool {
        self.lease.is_some() || self.status_change.is_some() || self.foreign.is_some()
    }

    /// When OctoEverywhere forgets the webhook, as far as is known: 180 days after the last Set that may have succeeded.
    pub fn expires_at(&self) -> Option<EpochSeconds> {
        self.renewed_at.max(self.set_at).map(|set| set + LIFETIME)
    }

    /// Whether OctoEverywhere confirmed the present wish.
    pub fn is_applied(&self) -> bool {
        self.applied == Some(self.version) && self.clearing != Clearing::NeedsSet
    }

    /// Whether it is wanted, not suspended, and forgotten by OctoEverywhere.
    pub fn has_lapsed(&self, now: EpochSeconds) -> bool {
        let is_wanted = matches!(self.status, Status::Active | Status::Pending);
        is_wanted && (self.is_known_to_have_lapsed() || self.is_past_expiry(now))
    }

    /// Whether it was found to have lapsed, and not renewed since.
    pub(super) fn is_known_to_have_lapsed(&self) -> bool {
        self.lapsed_at.is_some() && self.renewed_at < self.lapsed_at
    }

    pub(super) fn is_past_expiry(&self, now: EpochSeconds) -> bool {
        self.expires_at().is_some_and(|expiry| expiry <= now)
    }
}

/// A call to OctoEverywhere that the holder of a lease makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Call {
    /// The lease it is made under.
    pub lease: u64,
    /// The version of the wish that it carries.
    pub version: u64,
    /// What is called.
    pub kind: CallKind,
    /// When it starts. A success counts from here: OctoEverywhere's 180 days begin no earlier.
    pub started: EpochSeconds,
}

/// Which of OctoEverywhere's APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// SetNotificationWebhook.
    Set,
    /// DeleteNotificationWebhook.
    Delete,
    /// DeleteNotificationWebhook for the first of the old tokens.
    Clear,
}

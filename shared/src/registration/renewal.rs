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
//! | The change of status is published: what do I write? | [`Renewal::published`] |
//! | There is no time left: what do I write? | [`Renewal::release`] |
//! | The app wants something else | [`Renewal::put`], [`Renewal::delete`], [`Renewal::renew_now`], [`Renewal::reapply`] |
//! | When is the next attempt? | [`Slot::next`], [`KeyHash::retry_delay`] |
//!
//! # The protocol
//! **Every** write is "write what the function returned, on condition that `revision` is still the one that was read".
//! Each function that returns a row has already counted its `revision` up. A write that fails its condition is followed by
//! a fresh read, and then by the same function again with the fresh row.
//!
//! The one who holds the lease goes round this loop until nothing is left to do or the time is up:
//! 1. While the row has an announcement: publish it, then write [`Renewal::published`].
//! 2. [`Renewal::call`]: `None` means done. With a call, but too little time for it: write [`Renewal::release`], done.
//! 3. Make the call, then [`Renewal::settle`]: write the row or remove it; [`Settlement::Changed`] goes back to 1 with the
//!    fresh row; [`Settlement::Lost`] means done, and nothing is written.

mod backoff;
mod change;
mod cycle;
mod lease;
mod settle;
mod slot;
mod time;

#[cfg(test)]
mod tests;

pub use change::Change;
pub use cycle::{Cycle, InvalidCycle};
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
    /// Wanted, and never yet confirmed by OctoEverywhere (or not since it was revoked or deleted).
    Pending,
    /// OctoEverywhere confirmed it, and will be asked again before it expires.
    Active,
    /// OctoEverywhere answered 605: the owner is no longer a supporter. It works again when they are.
    Suspended,
    /// OctoEverywhere refused it for good. It is called again only after a PUT.
    Revoked,
    /// To be deleted at OctoEverywhere, and then from the table.
    Deleting,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Active,
        Self::Suspended,
        Self::Revoked,
        Self::Deleting,
    ];

    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
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

/// A change of status that is yet to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusChange {
    /// What the registration became.
    pub status: Status,
    /// When.
    pub at: EpochSeconds,
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
    /// Calls since the last success.
    pub attempts: u32,
    /// Permanent answers since the last success.
    pub refusals: Option<Refusals>,
    /// When the last confirmed SetNotificationWebhook was started.
    pub renewed_at: Option<EpochSeconds>,
    /// What to go back to if the present wish, not applied yet, is refused for good. `Some` exactly when the row holds a
    /// previous wish.
    pub previous_status: Option<Status>,
    /// A change of status that is yet to be published.
    pub status_change: Option<StatusChange>,
    /// Call again at this time, even if the call that is under way succeeds.
    pub reapply: Option<EpochSeconds>,
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
            previous_status: None,
            status_change: None,
            reapply: None,
        }
    }
}

impl Renewal {
    /// `dueAt`, the row's place in the index; `None`: not in the index.
    ///
    /// While somebody holds the lease it is the time at which the lease counts as over, so no other run sees the row
    /// before, and after a crash it is due by itself.
    pub fn index(&self) -> Option<EpochSeconds> {
        match (self.lease, self.status_change) {
            (Some(lease), _) => Some(lease.until + MAX_CLOCK_SKEW),
            (None, Some(status_change)) => Some(status_change.at),
            (None, None) => self.due,
        }
    }

    /// When OctoEverywhere forgets the webhook, as far as is known.
    pub fn expires_at(&self) -> Option<EpochSeconds> {
        self.renewed_at.map(|renewed| renewed + LIFETIME)
    }

    /// Whether OctoEverywhere confirmed the present wish.
    pub fn is_applied(&self) -> bool {
        self.applied == Some(self.version)
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
}

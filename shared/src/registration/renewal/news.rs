//! What the topic is told of a registration, and when.

use jiff::SignedDuration;

use super::{EpochSeconds, MAX_CLOCK_SKEW, Renewal, Status};

/// What is told: the contract's `dev.printbell.registration.…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum News {
    /// OctoEverywhere holds it, and didn't before.
    Active,
    /// Its owner is no longer a supporter (605).
    Suspended,
    /// OctoEverywhere has forgotten it; it is still tried.
    Lapsed,
    /// OctoEverywhere refused it for good.
    Revoked,
    /// Its token belongs to another registration now.
    Replaced,
    /// A change that was accepted for later was refused for good.
    Refused,
}

impl News {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Active,
        Self::Suspended,
        Self::Lapsed,
        Self::Revoked,
        Self::Replaced,
        Self::Refused,
    ];

    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Lapsed => "lapsed",
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
            Self::Refused => "refused",
        }
    }

    /// The news that are called so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|news| news.as_str() == word)
    }

    /// What there is to tell of a registration that has become this.
    pub(super) fn of(status: Status) -> Option<Self> {
        match status {
            Status::Active => Some(Self::Active),
            Status::Suspended => Some(Self::Suspended),
            Status::Revoked => Some(Self::Revoked),
            Status::Replaced => Some(Self::Replaced),
            Status::Pending | Status::Deleting => None,
        }
    }
}

/// A change of status that is yet to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusChange {
    /// What there is to tell.
    pub news: News,
    /// When it happened.
    pub at: EpochSeconds,
    /// When to try to publish it.
    pub due: EpochSeconds,
}

/// A topic that couldn't be told is tried again after a quarter of an hour at the soonest, and after a day at the latest.
const SOONEST: SignedDuration = SignedDuration::from_mins(15);
const LATEST: SignedDuration = SignedDuration::from_hours(24);

impl StatusChange {
    /// News of now.
    pub fn new(news: News, now: EpochSeconds) -> Self {
        Self {
            news,
            at: now,
            due: now,
        }
    }

    /// Whether it is to be published by now, by a clock that may be behind the writer's.
    pub(in crate::registration) fn is_due(self, now: EpochSeconds) -> bool {
        self.due <= now + MAX_CLOCK_SKEW
    }

    /// The same to be tried later: after as long as it has waited already, so that a topic that is down for months costs a row
    /// one try a day, and what is due to be called comes before what can't be told.
    fn postponed(self, now: EpochSeconds) -> Self {
        let wait = (now - self.at).clamp(SOONEST, LATEST);
        Self {
            due: now + wait,
            ..self
        }
    }
}

impl Renewal {
    /// The row after its announcement was published by the holder of `lease`. If it is due as well, or there is more to tell,
    /// the lease stays; otherwise it is given back. `None`: the lease isn't theirs any more, and there is nothing to write.
    pub fn published(&self, lease: u64, now: EpochSeconds) -> Option<Self> {
        let mut row = self.is_held_by(lease).then(|| self.next())?;
        let news = row.status_change.take().map(|change| change.news);
        row.status_change = match (news, row.status) {
            // It lapsed, and is back by now: both are to be heard.
            (Some(News::Lapsed), Status::Active) if row.renewed_at >= row.lapsed_at => {
                row.lapsed_at = None;
                Some(StatusChange::new(News::Active, now))
            }
            // What it is now, which the refusal was told before.
            (Some(News::Refused), status @ (Status::Revoked | Status::Replaced)) => {
                News::of(status).map(|news| StatusChange::new(news, now))
            }
            _ => None,
        };
        if row.status_change.is_none() && !row.is_due_to_holder(now) {
            row.lease = None;
        }
        Some(row)
    }

    /// The row after its announcement couldn't be published by the holder of `lease`, who gives that back. `None`: the lease isn't
    /// theirs any more, and there is nothing to write.
    pub fn postponed(&self, lease: u64, now: EpochSeconds) -> Option<Self> {
        let mut row = self.release(lease)?;
        row.status_change = row.status_change.map(|change| change.postponed(now));
        Some(row)
    }

    /// Whether this is yet to be told.
    pub(in crate::registration) fn is_to_tell(&self, news: News) -> bool {
        self.status_change.is_some_and(|change| change.news == news)
    }

    /// What the topic is to be told now instead of whatever it wasn't told yet.
    pub(super) fn announce(&mut self, news: News, now: EpochSeconds) {
        self.status_change = Some(StatusChange::new(news, now));
    }
}

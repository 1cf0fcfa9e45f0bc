//! A token that goes from one registration to another, and comes back if the other one is refused.

use super::{
    Clearing, EpochSeconds, ForeignLease, KeyHash, Lease, MAX_CLOCK_SKEW, News, Renewal, Status, StatusChange,
};

impl ForeignLease {
    /// The lease on the row with this key, as it goes over to another row.
    fn of(key: KeyHash, lease: Lease) -> Self {
        Self {
            origin: Some((key, lease.id)),
            until: lease.until,
        }
    }

    /// One lease for two: the longer one, which nobody can give back alone.
    fn merge(self, other: Self) -> Self {
        match self == other {
            true => self,
            false => Self {
                origin: None,
                until: self.until.max(other.until),
            },
        }
    }
}

impl Renewal {
    /// The leases under which somebody may be calling for the tokens of the row with this key.
    pub fn leases(&self, key: KeyHash, now: EpochSeconds) -> Option<ForeignLease> {
        let own = self.lease.map(|lease| ForeignLease::of(key, lease));
        own.into_iter()
            .chain(self.foreign)
            .filter(|lease| lease.until + MAX_CLOCK_SKEW > now)
            .reduce(ForeignLease::merge)
    }

    /// The row with a lease that came with a token of its own: nobody calls before that is over.
    pub fn with_foreign(mut self, lease: Option<ForeignLease>) -> Self {
        self.foreign = self.foreign.into_iter().chain(lease).reduce(ForeignLease::merge);
        self
    }

    /// The row after the holder of `origin` gave its lease back; `None`: there is none of theirs.
    pub fn returned(&self, origin: (KeyHash, u64)) -> Option<Self> {
        let is_theirs = self.foreign.is_some_and(|foreign| foreign.origin == Some(origin));
        let mut row = is_theirs.then(|| self.next())?;
        row.foreign = None;
        Some(row)
    }

    /// The row after another registration took its present token: its lease goes there too.
    pub fn replaced(&self, now: EpochSeconds) -> Self {
        let mut row = self.next();
        row.version += 1;
        // What it goes back to with its token is what it was, and not what an update would have gone back to.
        let is_untold = self.status_change.is_some();
        row.previous_status = Some(match self.status {
            // That it is active is told when it has become so again.
            Status::Active if is_untold => Status::Pending,
            status => status,
        });
        row.status = Status::Replaced;
        row.due = None;
        row.lease = None;
        row.foreign = None;
        row.reapply = None;
        row.old_tokens = 0;
        row.clearing = Clearing::Rests;
        row.announce(News::Replaced, now);
        row
    }

    /// The row after another registration took one of its tokens, but not the present one: to be confirmed anew, for a call that
    /// is under way may be about that.
    pub fn robbed(&self, old_tokens: u8, now: EpochSeconds) -> Self {
        let mut row = self.next();
        row.version += 1;
        row.old_tokens = old_tokens;
        row.clearing = Clearing::Rests;
        row.due = row.due.map(|_| now);
        row
    }

    /// The row after it got its token back: due at once.
    pub fn given_back(&self, old_tokens: u8, now: EpochSeconds) -> Self {
        let mut row = self.next();
        let status = row.previous_status.take().unwrap_or(Status::Pending);
        // Nobody has tried to tell that it was replaced, and nobody is at it.
        let is_untried = |change: StatusChange| change.news == News::Replaced && change.due == change.at;
        let is_secret = row.status_change.is_some_and(is_untried) && row.lease.is_none();
        row.status = match status {
            // It was told to be replaced, so that it is active will be told too.
            Status::Active if !is_secret => Status::Pending,
            status => status,
        };
        row.status_change = None;
        if let (Status::Suspended | Status::Revoked, Some(news)) = (row.status, News::of(row.status)) {
            row.announce(news, now);
        }
        row.version += 1;
        row.due = Some(now);
        row.attempts = 0;
        row.old_tokens = old_tokens;
        row
    }

    /// A row for a token that nobody wants any more, and whose webhook is to be deleted.
    pub fn leftover(old_tokens: u8, now: EpochSeconds) -> Self {
        Self {
            status: Status::Deleting,
            due: Some(now),
            set_at: Some(now),
            old_tokens,
            ..Self::born(now)
        }
    }

    /// The row of a registration whose own token turned out to be another one's.
    pub fn without_token(&self, now: EpochSeconds) -> Self {
        let mut row = self.replaced(now);
        row.previous_status = None;
        row
    }
}

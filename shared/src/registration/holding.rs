//! How a token goes from one registration to another, and back: who writes what, in one transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::Registration;
use super::app_connection::AppConnection;
use super::claim::{Claim, Inquiry, Survey};
use super::renewal::{EpochSeconds, KeyHash, LIFETIME, Renewal, Status};
use super::tokens::{OldToken, Place, Taken, count};
use super::wish::Wish;
use crate::id::RegistrationKey;

/// One write: everything in it, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Write {
    /// The task's own row first.
    pub rows: Vec<RowWrite>,
    /// Who holds what afterwards.
    pub holders: Vec<HolderWrite>,
}

/// A row that becomes another one, on condition that it is still as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowWrite {
    /// Whose.
    pub key: RegistrationKey,
    /// As it was read; `None`: there was none, and there must still be none.
    pub read: Option<Arc<Registration>>,
    /// What it becomes; `None`: it is removed. The same as `read`: it is only looked at.
    pub new: Option<Arc<Registration>>,
}

impl RowWrite {
    /// Whether nothing is written, and only the condition counts.
    pub fn is_check(&self) -> bool {
        match (&self.read, &self.new) {
            (None, None) => true,
            (Some(read), Some(new)) => read.renewal.revision == new.renewal.revision,
            _ => false,
        }
    }
}

/// A claim that goes from one holder to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HolderWrite {
    /// It is `to`'s, on condition that it still is `from`'s.
    Claim {
        /// What.
        claim: Claim,
        /// Who held it, if anybody.
        from: Option<RegistrationKey>,
        /// Who holds it.
        to: RegistrationKey,
    },
    /// It is nobody's, if it is still `from`'s; otherwise it stays as it is.
    Release {
        /// What.
        claim: Claim,
        /// Who held it.
        from: RegistrationKey,
    },
}

/// Why a registration can't have a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// This has to be read first.
    Unknown(Inquiry),
    /// A registration of another tenant holds it.
    OtherTenant,
}

impl Write {
    /// A row that becomes `new`, and gives up what it claims no more.
    pub fn of(key: &RegistrationKey, read: Option<Arc<Registration>>, new: Option<Arc<Registration>>) -> Self {
        let claims = |row: &Option<Arc<Registration>>| row.as_ref().map(|row| row.claims()).unwrap_or_default();
        let kept = claims(&new);
        let lapsed = claims(&read).into_iter().filter(|claim| !kept.contains(claim));
        Self {
            holders: lapsed
                .map(|claim| HolderWrite::Release {
                    claim,
                    from: key.clone(),
                })
                .collect(),
            rows: vec![RowWrite {
                key: key.clone(),
                read,
                new,
            }],
        }
    }

    /// The task's own row, as it is to be.
    pub fn own(&self) -> Option<&Arc<Registration>> {
        self.rows.first().and_then(|row| row.new.as_ref())
    }

    /// The same with the caller's lease on the task's own row, unless somebody else may be calling.
    pub(super) fn with_turn(mut self, now: Timestamp, deadline: Timestamp) -> Self {
        if let Some(own) = self.rows.first_mut().and_then(|row| row.new.as_mut()) {
            *own = Arc::new(Registration::clone(own).take_turn(now, deadline));
        }
        self
    }

    /// Whether it is more than one row's own business.
    pub fn is_transaction(&self) -> bool {
        self.rows.len() > 1 || !self.holders.is_empty()
    }
}

/// `row`, which becomes the holder of everything that it claims, and what else has to be written with it. A registration of the same
/// tenant that holds its present token is taken over from; an old token that somebody else holds by now isn't its any more.
///
/// `read` is the row as it was read.
pub fn acquire(
    read: Option<&Arc<Registration>>,
    mut row: Registration,
    survey: &Survey,
    now: EpochSeconds,
) -> Result<Write, Obstacle> {
    let key = row.key.clone();
    let mut robbed: BTreeSet<RegistrationKey> = BTreeSet::new();
    let mut others: Vec<RowWrite> = Vec::new();
    // Each take-over may bring more to claim.
    loop {
        let claims = row.claims();
        if let Some(inquiry) = survey.lacks(claims.clone().into()) {
            return Err(Obstacle::Unknown(inquiry));
        }
        let present = row.present_claims();
        let owner = claims.into_iter().find_map(|claim| {
            let holder = holder(survey, &claim, &key).filter(|(key, _)| !robbed.contains(key))?;
            Some((claim, holder))
        });
        let Some((claim, (owner, theirs))) = owner else { break };
        if !present.contains(&claim) {
            row.forget(&claim, now);
            continue;
        }
        if owner.tenant != key.tenant && theirs.renewal.status != Status::Revoked {
            return Err(Obstacle::OtherTenant);
        }
        let lease = theirs.renewal.leases(KeyHash::from(owner), now);
        robbed.insert(owner.clone());
        let Some((left, taken)) = theirs.rob(&present, now) else {
            continue;
        };
        row.renewal = row.renewal.with_foreign(lease);
        row.outlive(&taken.from, now);
        row.taken.push(taken);
        others.push(RowWrite {
            key: owner.clone(),
            read: Some(Arc::clone(theirs)),
            new: left.map(Arc::new),
        });
    }
    let claims = row.claims();
    let mut write = Write::of(&key, read.cloned(), Some(Arc::new(row)));
    for claim in claims {
        let from = survey.holders.get(&claim).cloned().flatten();
        if from.as_ref() == Some(&key) {
            continue;
        }
        // Whoever holds it without claiming it must still not claim it.
        if let Some(stale) = from.as_ref().filter(|from| !robbed.contains(from)) {
            others.push(check(survey, stale));
            robbed.insert(stale.clone());
        }
        write.holders.push(HolderWrite::Claim {
            claim,
            from,
            to: key.clone(),
        });
    }
    write.rows.extend(others);
    Ok(write)
}

/// Adds to `write`, with which the registration under `key` gives up, that what it had `taken` goes back, but for what it keeps.
pub fn give_back(
    mut write: Write,
    key: &RegistrationKey,
    taken: &[Taken],
    survey: &Survey,
    now: EpochSeconds,
) -> Result<Write, Inquiry> {
    let stays = |taken: &Taken| write.own().is_some_and(|own| own.taken.contains(taken));
    let taken: Vec<_> = taken.iter().filter(|taken| !stays(taken)).collect();
    let inquiry = Inquiry {
        claims: taken
            .iter()
            .flat_map(|taken| taken.connections())
            .flat_map(Claim::of)
            .collect(),
        rows: taken.iter().map(|taken| taken.from.clone()).collect(),
    };
    if let Some(inquiry) = survey.lacks(inquiry) {
        return Err(inquiry);
    }
    let kept = write.own().map(|own| own.claims()).unwrap_or_default();
    for taken in taken {
        let theirs = survey.rows.get(&taken.from).cloned().flatten();
        let Some(new) = Registration::with_returned(theirs.as_deref(), taken, now) else {
            continue; // it has no use for it, and with the row it is forgotten
        };
        for claim in taken
            .connections()
            .flat_map(Claim::of)
            .filter(|claim| !kept.contains(claim))
        {
            let from = survey.holders.get(&claim).cloned().flatten();
            if from.as_ref().is_some_and(|from| from != key) || !new.claims().contains(&claim) {
                continue;
            }
            write
                .holders
                .retain(|holder| !matches!(holder, HolderWrite::Release { claim: other, .. } if *other == claim));
            write.holders.push(HolderWrite::Claim {
                claim,
                from,
                to: taken.from.clone(),
            });
        }
        write.rows.push(RowWrite {
            key: taken.from.clone(),
            read: theirs,
            new: Some(Arc::new(new)),
        });
    }
    Ok(write)
}

/// Whether the present token of `row` is held by another registration; or what has to be read to know that.
pub fn is_held_elsewhere(row: &Registration, survey: &Survey) -> Result<bool, Inquiry> {
    match survey.lacks(row.claims().into()) {
        Some(inquiry) => Err(inquiry),
        None => Ok(row
            .present_claims()
            .iter()
            .any(|claim| holder(survey, claim, &row.key).is_some())),
    }
}

/// Who holds `claim` and really claims it, if that is somebody else than `key`.
fn holder<'a>(
    survey: &'a Survey,
    claim: &Claim,
    key: &RegistrationKey,
) -> Option<(&'a RegistrationKey, &'a Arc<Registration>)> {
    let holder = survey.holders.get(claim)?.as_ref().filter(|holder| *holder != key)?;
    let row = survey.rows.get(holder)?.as_ref()?;
    row.claims().contains(claim).then_some((holder, row))
}

fn check(survey: &Survey, key: &RegistrationKey) -> RowWrite {
    let read = survey.rows.get(key).cloned().flatten();
    RowWrite {
        key: key.clone(),
        new: read.clone(),
        read,
    }
}

impl Registration {
    /// Forgets every token with this claim but the present one: somebody else holds it.
    fn forget(&mut self, claim: &Claim, now: EpochSeconds) {
        let is_it = |connection: &AppConnection| Claim::of(connection).any(|other| other == *claim);
        if self.previous_connection().is_some_and(is_it) {
            self.previous = None;
            self.renewal.previous_status = None;
        }
        self.old_tokens.retain(|old| !is_it(&old.connection));
        self.lose_taken(is_it, now);
    }

    /// Loses what it took, as far as `is_lost`; what came along with that is still to be deleted.
    fn lose_taken(&mut self, is_lost: impl Fn(&AppConnection) -> bool, now: EpochSeconds) {
        let mut old = self.old_tokens.clone();
        self.taken.retain_mut(|taken| {
            taken.old.retain(|old| !is_lost(&old.connection));
            taken.previous.take_if(|previous| is_lost(previous));
            if is_lost(&taken.connection) {
                old.extend(taken.old_tokens(now + LIFETIME).skip(1));
            }
            !is_lost(&taken.connection)
        });
        self.remember(self.settled_old_tokens(old, now));
    }

    /// What was taken from the same registration before can't go back there as it was: it has had another token since. So it is to
    /// be deleted.
    fn outlive(&mut self, from: &RegistrationKey, now: EpochSeconds) {
        let (earlier, rest): (Vec<_>, Vec<_>) = self.taken.drain(..).partition(|taken| taken.from == *from);
        self.taken = rest;
        let inherited = earlier.iter().flat_map(|taken| taken.old_tokens(now + LIFETIME));
        let previous = self.previous_connection();
        let inherited = inherited.filter(|old| previous.is_none_or(|previous| previous.token != old.connection.token));
        let old: Vec<_> = self.old_tokens.iter().cloned().chain(inherited).collect();
        self.remember(self.settled_old_tokens(old, now));
    }

    /// The row without the tokens of `claims`, which another registration takes; `None` if it is gone with them, because it was
    /// being deleted. And what was taken.
    fn rob(&self, claims: &BTreeSet<Claim>, now: EpochSeconds) -> Option<(Option<Self>, Taken)> {
        let is_wanted = |connection: &AppConnection| Claim::of(connection).any(|claim| claims.contains(&claim));
        let previous = self.previous_connection().cloned();
        let present = self.wish.connection.clone().filter(is_wanted);
        if let Some(connection) = present {
            let inherited = self.taken.iter().flat_map(|taken| taken.old_tokens(now + LIFETIME));
            let old = self.old_tokens.iter().cloned().chain(inherited);
            let old = old.filter(|old| old.connection.token != connection.token).collect();
            let is_over = self.renewal.status == Status::Deleting;
            let left = (!is_over).then(|| Self {
                wish: self.wish.clone().without_connection(),
                previous: self.previous.clone().map(Wish::without_connection),
                old_tokens: Vec::new(),
                // If it gets its token back, and is refused then, that goes back to whom it came from.
                taken: self
                    .taken
                    .iter()
                    .filter(|taken| self.wish.is_of(taken))
                    .map(Taken::alone)
                    .collect(),
                ..self.with(self.renewal.replaced(now))
            });
            let taken = Taken {
                from: self.key.clone(),
                connection,
                place: Place::Present,
                previous,
                old,
            };
            return Some((left, taken));
        }
        let old: Vec<_> = self
            .old_tokens
            .iter()
            .filter(|old| !is_wanted(&old.connection))
            .cloned()
            .collect();
        let others = self.old_tokens.iter().map(|old| &old.connection).chain(&previous);
        let others = others.chain(self.taken.iter().flat_map(Taken::connections));
        let mut left = self.with(self.renewal.robbed(count(&old), now));
        left.old_tokens = old;
        if previous.as_ref().is_some_and(is_wanted) {
            left.previous = None;
            left.renewal.previous_status = None;
        }
        left.lose_taken(is_wanted, now);
        let connection = others.into_iter().find(|connection| is_wanted(connection)).cloned();
        let taken = Taken {
            from: self.key.clone(),
            connection: connection?,
            place: Place::Other,
            previous: None,
            old: Vec::new(),
        };
        Some((Some(left), taken))
    }

    /// The row that `taken` was taken from, `theirs` as it is by now, with what was taken; `None` if it can't have it.
    fn with_returned(theirs: Option<&Self>, taken: &Taken, now: EpochSeconds) -> Option<Self> {
        let expires_at = now + LIFETIME;
        match theirs {
            // Nobody is there any more who would delete its webhook.
            None => {
                let previous = taken.previous.iter().map(|previous| OldToken {
                    connection: previous.clone(),
                    expires_at,
                });
                let old: Vec<_> = taken.old.iter().cloned().chain(previous).collect();
                Some(Self {
                    wish: Wish {
                        connection: Some(taken.connection.clone()),
                        ..Wish::default()
                    },
                    renewal: Renewal::leftover(count(&old), now),
                    old_tokens: old,
                    ..Self::empty(&taken.from)
                })
            }
            Some(theirs) if theirs.renewal.status == Status::Replaced => (taken.place == Place::Present).then(|| {
                let previous = theirs.previous.clone().zip(taken.previous.clone());
                let previous = previous.map(|(wish, connection)| wish.with_connection(connection));
                let mut row = Self {
                    wish: theirs.wish.clone().with_connection(taken.connection.clone()),
                    old_tokens: taken.old.clone(),
                    ..theirs.with(theirs.renewal.given_back(count(&taken.old), now))
                };
                row.renewal.previous_status = previous.as_ref().map(|_| row.renewal.status);
                row.previous = previous;
                row
            }),
            Some(theirs) => {
                let old = theirs.old_tokens.iter().cloned().chain(taken.old_tokens(expires_at));
                let old = theirs.settled_old_tokens(old, now);
                Some(Self {
                    renewal: theirs.renewal.robbed(count(&old), now),
                    old_tokens: old,
                    ..theirs.clone()
                })
            }
        }
    }
}

//! What an invocation does with one row, step by step: who may call OctoEverywhere, what is written before and after, what is
//! published and when.
//!
//! A [`Task`] does no I/O. It says what comes next ([`Task::next_step`]) and hears what came of it; whoever carries the steps out
//! decides nothing. Register and renew carry them out on AWS, the model check in a world in which everything that can go wrong
//! does.
//!
//! # The protocol
//! **Every** write is on condition that the row's `revision` is still the one that was read, and every row that is written
//! has counted it up. A write that fails its condition is followed by a fresh read, and by the same question to the fresh
//! row.
//! 1. Write the change that was asked for, or the lease; a request whose row is leased by somebody else looks on until that one
//!    has applied its change, or until the lease is free.
//! 2. While the row has a change of status that the topic wasn't told: publish it, then write that it is out.
//! 3. While the row is due to the lease's holder: wait for a turn, call, write what the answer means. Without a turn, or
//!    without the time, give the lease back.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::Registration;
use super::renewal::{Call, Change, Cycle, Effect, Settlement, Status, StatusChange};
use super::service_response::{ResponseClass, ServiceResponse};
use super::wish::{AppToken, EventFilter, Wish};
use crate::id::RegistrationKey;
use crate::metadata::Metadata;

/// The longest that one call takes, from the first packet to the last byte of the answer. OctoEverywhere's own TestWebhook
/// waits up to 10 s for our callback (`octoeverywhere.md`), everything else is over sooner.
pub const CALL_TIMEOUT: SignedDuration = SignedDuration::from_secs(10);
/// The longest that writing the result takes, every retry included.
pub const WRITE_TIMEOUT: SignedDuration = SignedDuration::from_secs(5);
/// What has to be left of an invocation for a call to be started.
pub const CALL_TIME: SignedDuration =
    SignedDuration::from_secs(CALL_TIMEOUT.as_secs().saturating_add(WRITE_TIMEOUT.as_secs()));

/// How long a request looks on while somebody else holds the lease: the call that they have under way, and the one with our
/// change.
const PATIENCE: SignedDuration = SignedDuration::from_secs(20);
/// What of the invocation is kept for the answer to a request.
const ANSWERING: SignedDuration = SignedDuration::from_secs(2);
/// What an invocation wants of a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Errand {
    /// That it be renewed, if it is due.
    Renew,
    /// That OctoEverywhere hold this.
    Put(WishUpdate),
    /// That there be no webhook, and then no row.
    Delete,
    /// The same wish once more, now.
    RenewNow,
}

/// What a PUT says. What it leaves out is reset, but for the token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WishUpdate {
    /// The App Connection's token; the one that is there if it isn't given.
    pub token: Option<AppToken>,
    /// Which events are to be delivered.
    pub events: EventFilter,
    /// What is to come back with each notification.
    pub metadata: Metadata,
}

impl WishUpdate {
    /// What is wanted, given what was there; `None`: there is no token.
    fn applied_to(&self, existing: Option<&Wish>) -> Option<Wish> {
        let token = self.token.as_ref().or(existing.map(|wish| &wish.token))?;
        Some(Wish {
            token: token.clone(),
            events: self.events.clone(),
            metadata: self.metadata.clone(),
        })
    }
}

/// Whether one more call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It wasn't asked for yet.
    Unasked,
    /// It may, now.
    Granted,
    /// This invocation makes no more calls.
    Denied,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Publish this change of [`Task::row`]'s status, then say [`Task::published`].
    Publish(StatusChange),
    /// Wait for the turn to make a call, then ask again with it.
    AwaitTurn,
    /// Make this call with [`Task::row`]'s wish, then say [`Task::answered`], or [`Task::uncallable`].
    Call(Call),
    /// Make [`Task::row`] this, on condition that it is still as it was read; then say [`Task::stored`] or
    /// [`Task::overtaken`].
    Write(Write),
    /// Somebody else is at it: read the row in a moment, then say [`Task::read`].
    Look,
    /// Nothing is left to do.
    Finish(Conclusion),
}

/// A conditional write.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Write {
    /// The row is to be this; where there was none, there must still be none.
    Store(Arc<Registration>),
    /// The row is to be gone.
    Remove,
}

/// What an errand came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// There was nothing to do: no row, or for [`Errand::Renew`], one that isn't due or is somebody else's.
    Idle,
    /// It can't be asked of a row like this.
    Objected(Objection),
    /// The row was worked on, by this invocation or by another one that took the change along.
    Worked(Work),
    /// OctoEverywhere refused the PUT, in the PUT's own call, and the row is as it was before.
    Withdrawn(ServiceResponse),
}

/// How far the work came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// The row as it was left; `None` if it is gone.
    pub row: Option<Arc<Registration>>,
    /// The row as a PUT wrote it.
    pub changed: Option<Arc<Registration>>,
    /// The row that a PUT found; `None` if it made it.
    pub found: Option<Arc<Registration>>,
    /// What the last call came to; `None` without a call, or when somebody else took over.
    pub effect: Option<Effect>,
    /// Whether OctoEverywhere did what the errand wanted.
    pub is_applied: bool,
    /// There was no time, or no turn, for a call that is due.
    pub is_unfinished: bool,
}

/// Why something can't be asked of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Objection {
    /// A new registration needs a token.
    #[error("a new registration needs an appToken")]
    NoToken,
    /// A revoked registration is called again only after a PUT.
    #[error("OctoEverywhere refused the registration for good")]
    Revoked,
    /// What is being deleted can't be renewed.
    #[error("the registration is being deleted")]
    Deleting,
    /// Others wrote first, again and again.
    #[error("others wrote the row first, again and again")]
    Contended,
}

/// One errand, under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Task {
    key: RegistrationKey,
    cycle: Cycle,
    errand: Errand,
    /// The row as it was last read or written.
    row: Option<Arc<Registration>>,
    stage: Stage,
    /// The lease that this invocation took.
    lease: Option<u64>,
    /// What was asked for, once it is in the table.
    request: Option<Request>,
    effect: Option<Effect>,
    refusal: Option<ServiceResponse>,
    is_unfinished: bool,
}

/// What an errand put into the table, as far as it has to know that again: a PUT, to recognise its own call and to take it
/// back; "renew now", to see that it was renewed since.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Request {
    /// The row as it wrote it.
    changed: Option<Arc<Registration>>,
    /// The row that it found.
    found: Option<Arc<Registration>>,
}

impl Request {
    /// The version of the wish that it wrote.
    fn version(&self) -> Option<u64> {
        self.changed.as_ref().map(|row| row.renewal.version)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stage {
    /// The lease, or the change, is to be written. `is_retry`: others wrote first. `is_published`: the row's change of status
    /// is out.
    Ask { is_retry: bool, is_published: bool },
    /// Somebody else holds the lease. `until` is known once it was asked for a step.
    Follow { until: Option<Timestamp> },
    /// The lease is ours; what is next depends on the row. `is_published`: its change of status is out.
    Hold { is_published: bool },
    /// The lease is to be given back.
    Release,
    /// What the answer means is to be written.
    Settle(Call, ServiceResponse),
    /// This is to be written, for the stage that asked for it, as what the last call came to.
    Store {
        asked_by: Box<Stage>,
        write: Write,
        effect: Option<Effect>,
    },
}

impl Task {
    /// An errand to the row under `key`, of which `row` is what was read; a success is followed by the next one `cycle` later.
    pub fn new(key: RegistrationKey, cycle: Cycle, errand: Errand, row: Option<Arc<Registration>>) -> Self {
        Self {
            key,
            cycle,
            errand,
            row,
            stage: Stage::Ask {
                is_retry: false,
                is_published: false,
            },
            lease: None,
            request: None,
            effect: None,
            refusal: None,
            is_unfinished: false,
        }
    }

    /// The key of the row.
    pub fn key(&self) -> &RegistrationKey {
        &self.key
    }

    /// The row as it was last read or written; `None`: there is none.
    pub fn row(&self) -> Option<&Arc<Registration>> {
        self.row.as_ref()
    }

    /// Whether what was asked for is in the table: from then on, it is carried out whatever happens to this invocation.
    pub fn is_asked(&self) -> bool {
        self.request.is_some()
    }

    /// When a request that looks on, while somebody else is at its row, gives that up.
    pub fn looks_on_until(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Follow { until } => until,
            _ => None,
        }
    }

    /// What comes next, at `now`, for an invocation that ends at `deadline`. Changes nothing that matters: asked twice, it
    /// says the same.
    pub fn next_step(&mut self, now: Timestamp, deadline: Timestamp, turn: Turn) -> Step {
        match &self.stage {
            Stage::Ask { is_retry, is_published } => {
                if *is_retry && now >= plus(deadline, -ANSWERING) {
                    return Step::Finish(Conclusion::Objected(Objection::Contended));
                }
                self.ask(*is_published, now, deadline)
            }
            Stage::Follow { until } => self.follow(*until, now, deadline),
            Stage::Hold { is_published } => self.hold(*is_published, now, deadline, turn),
            Stage::Release => self.release(),
            Stage::Settle(call, response) => self.settle(*call, &response.clone(), now, deadline),
            Stage::Store { write, .. } => Step::Write(write.clone()),
        }
    }

    fn ask(&mut self, is_published: bool, now: Timestamp, deadline: Timestamp) -> Step {
        let change = match (&self.errand, self.row.as_deref()) {
            (Errand::Renew, row) => match row.and_then(|row| row.lease(now, deadline)) {
                Some(leased) => Change::Apply(leased),
                None => return Step::Finish(Conclusion::Idle),
            },
            (Errand::Put(update), existing) => {
                let Some(wish) = update.applied_to(existing.map(|row| &row.wish)) else {
                    return Step::Finish(Conclusion::Objected(Objection::NoToken));
                };
                Registration::put(&self.key, existing, wish, now, deadline)
            }
            (Errand::Delete | Errand::RenewNow, None) => return Step::Finish(Conclusion::Idle),
            (Errand::Delete, Some(row)) => row.delete(now, deadline),
            (Errand::RenewNow, Some(row)) if row.renewal.status == Status::Deleting => {
                return Step::Finish(Conclusion::Objected(Objection::Deleting));
            }
            (Errand::RenewNow, Some(row)) => row.renew_now(now, deadline),
        };
        let status_change = self.row.as_ref().and_then(|row| row.renewal.status_change);
        match (change, status_change) {
            (Change::Apply(row) | Change::Leave(row), _) => self.write(Write::Store(Arc::new(row)), None),
            (Change::Remove, Some(status_change)) if !is_published => Step::Publish(status_change),
            (Change::Remove, _) => self.write(Write::Remove, None),
            (Change::Revoked, _) => Step::Finish(Conclusion::Objected(Objection::Revoked)),
        }
    }

    fn follow(&mut self, until: Option<Timestamp>, now: Timestamp, deadline: Timestamp) -> Step {
        let Some(row) = self.row.as_deref().filter(|row| !self.has_applied(row)) else {
            return self.finish(true);
        };
        let until = until.unwrap_or_else(|| plus(now, PATIENCE).min(plus(deadline, -ANSWERING)));
        if now >= until {
            return self.finish(false);
        }
        let leased = row.lease(now, deadline);
        self.stage = Stage::Follow { until: Some(until) };
        match leased {
            Some(leased) => self.write(Write::Store(Arc::new(leased)), None),
            None => Step::Look,
        }
    }

    fn hold(&mut self, is_published: bool, now: Timestamp, deadline: Timestamp, turn: Turn) -> Step {
        let Some((row, lease)) = self.held() else {
            return self.finish_worked();
        };
        if let (Some(status_change), Some(next)) = (row.renewal.status_change, row.published(lease, now)) {
            return match is_published {
                false => Step::Publish(status_change),
                true => self.write(Write::Store(Arc::new(next)), None),
            };
        }
        let has_time = deadline.duration_since(now) >= CALL_TIME;
        match (row.call(now), turn) {
            (None, _) => self.finish_worked(),
            (Some(_), Turn::Unasked) => Step::AwaitTurn,
            (Some(call), Turn::Granted) if has_time => Step::Call(call),
            (Some(_), Turn::Granted | Turn::Denied) => {
                self.is_unfinished = true;
                self.release()
            }
        }
    }

    fn release(&mut self) -> Step {
        match self.held().and_then(|(row, lease)| row.release(lease)) {
            Some(row) => {
                self.stage = Stage::Release;
                self.write(Write::Store(Arc::new(row)), None)
            }
            None => self.finish_worked(),
        }
    }

    fn settle(&mut self, call: Call, response: &ServiceResponse, now: Timestamp, deadline: Timestamp) -> Step {
        let Some(row) = &self.row else {
            return self.finish_worked();
        };
        let settlement = match self.refused(&call, response) {
            Some(request) => row.withdraw(&call, request.found.as_deref(), now),
            None => row.settle(self.cycle, &call, response, now),
        };
        match settlement {
            Settlement::Write(next, effect) => self.write(Write::Store(Arc::new(next)), Some(effect)),
            Settlement::Remove(effect) => self.write(Write::Remove, Some(effect)),
            Settlement::Changed => {
                self.remember_refusal(&call, response);
                self.stage = Stage::Hold { is_published: false };
                self.hold(false, now, deadline, Turn::Unasked)
            }
            Settlement::Lost => {
                self.remember_refusal(&call, response);
                self.finish_worked()
            }
        }
    }

    /// The change of status is out.
    pub fn published(&mut self) {
        if let Stage::Ask { is_published, .. } | Stage::Hold { is_published } = &mut self.stage {
            *is_published = true;
        }
    }

    /// OctoEverywhere answered `call`, or didn't.
    pub fn answered(&mut self, call: Call, response: ServiceResponse) {
        self.stage = Stage::Settle(call, response);
    }

    /// The call can't be made now.
    pub fn uncallable(&mut self) {
        self.is_unfinished = true;
        self.stage = Stage::Release;
    }

    /// The row that is to be written is.
    pub fn stored(&mut self) {
        let Stage::Store {
            asked_by,
            write,
            effect,
        } = std::mem::replace(&mut self.stage, Stage::Hold { is_published: false })
        else {
            return;
        };
        let row = match write {
            Write::Store(row) => Some(row),
            Write::Remove => None,
        };
        let found = std::mem::replace(&mut self.row, row);
        self.effect = effect.or(self.effect);
        match *asked_by {
            Stage::Ask { .. } => {
                self.request = Some(match self.errand {
                    Errand::Put(_) | Errand::RenewNow => Request {
                        changed: self.row.clone(),
                        found,
                    },
                    Errand::Renew | Errand::Delete => Request::default(),
                });
                self.take_lease();
                if self.row.is_some() && self.lease.is_none() {
                    self.stage = Stage::Follow { until: None };
                }
            }
            Stage::Follow { .. } => self.take_lease(),
            Stage::Settle(call, response) => self.remember_refusal(&call, &response),
            Stage::Hold { .. } | Stage::Release | Stage::Store { .. } => {}
        }
    }

    /// Somebody else wrote first, and the row is `fresh` now.
    pub fn overtaken(&mut self, fresh: Option<Arc<Registration>>) {
        let Stage::Store { asked_by, .. } = std::mem::replace(&mut self.stage, Stage::Hold { is_published: false })
        else {
            return;
        };
        self.row = fresh;
        match *asked_by {
            Stage::Ask { .. } => {
                self.stage = Stage::Ask {
                    is_retry: true,
                    is_published: false,
                };
                if self.errand == Errand::Renew {
                    self.row = None; // another worker's
                }
            }
            follow @ Stage::Follow { .. } => self.stage = follow,
            settle @ Stage::Settle(..) => self.stage = settle,
            Stage::Hold { .. } | Stage::Release | Stage::Store { .. } => {}
        }
    }

    /// The row is this, by now.
    pub fn read(&mut self, row: Option<Arc<Registration>>) {
        self.row = row;
    }

    fn write(&mut self, write: Write, effect: Option<Effect>) -> Step {
        self.stage = Stage::Store {
            asked_by: Box::new(self.stage.clone()),
            write: write.clone(),
            effect,
        };
        Step::Write(write)
    }

    /// A lease that was just written is named for the revision that wrote it.
    fn take_lease(&mut self) {
        let taken = |row: &Arc<Registration>| row.renewal.lease.filter(|lease| lease.id == row.renewal.revision);
        self.lease = self.row.as_ref().and_then(taken).map(|lease| lease.id);
    }

    /// The row, while the lease on it is ours.
    fn held(&self) -> Option<(&Registration, u64)> {
        let row = self.row.as_deref()?;
        let lease = self.lease.filter(|lease| row.renewal.is_held_by(*lease))?;
        Some((row, lease))
    }

    /// The PUT that this was the call of, if OctoEverywhere refused it.
    fn refused(&self, call: &Call, response: &ServiceResponse) -> Option<&Request> {
        let is_put = matches!(self.errand, Errand::Put(_)) && response.class == ResponseClass::Refused;
        self.request
            .as_ref()
            .filter(|request| is_put && request.version() == Some(call.version))
    }

    fn remember_refusal(&mut self, call: &Call, response: &ServiceResponse) {
        if self.refused(call, response).is_some() {
            self.refusal.get_or_insert_with(|| response.clone());
        }
    }

    /// Whether somebody else has applied what was asked for.
    fn has_applied(&self, row: &Registration) -> bool {
        let Some(request) = &self.request else { return false };
        match self.errand {
            Errand::Renew => false,
            Errand::Put(_) => row.renewal.applied >= request.version(),
            // Or brought back by somebody who came later.
            Errand::Delete => row.renewal.status != Status::Deleting,
            Errand::RenewNow => {
                let before = request.found.as_ref().and_then(|row| row.renewal.renewed_at);
                row.renewal.renewed_at != before
            }
        }
    }

    fn finish_worked(&self) -> Step {
        let is_removed = self.errand == Errand::Delete && self.row.is_none();
        self.finish(is_removed || matches!(self.effect, Some(Effect::Renewed | Effect::Deleted)))
    }

    fn finish(&self, is_applied: bool) -> Step {
        Step::Finish(match &self.refusal {
            Some(response) => Conclusion::Withdrawn(response.clone()),
            None => Conclusion::Worked(Work {
                row: self.row.clone(),
                changed: self.request.as_ref().and_then(|request| request.changed.clone()),
                found: self.request.as_ref().and_then(|request| request.found.clone()),
                effect: self.effect,
                is_applied,
                is_unfinished: self.is_unfinished,
            }),
        })
    }
}

fn plus(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.saturating_add(duration).unwrap_or(time)
}

//! What an invocation does with one row, step by step: who may call OctoEverywhere, what is written before and after, what is
//! published and when.
//!
//! A [`Task`] does no I/O. It says what comes next ([`Task::next_step`]) and hears what came of it; whoever carries the steps out
//! decides nothing. Register and renew carry them out on AWS, the model check in a world in which everything that can go wrong
//! does.
//!
//! # The protocol
//! **Every** write is on condition that the row's `revision` is still the one that was read, and every row that is written
//! has counted it up. A write that changes who holds a token is one transaction over every row and every holder that it is about.
//! A write that fails its condition is followed by a fresh read, and by the same question to the fresh row.
//! 1. Look who holds the row's tokens, and write the change that was asked for, or the lease, and with it that they are this
//!    row's. A request whose row is leased by somebody else, or whose token was, looks on until that one has applied its change,
//!    or until the lease is free.
//! 2. While the row is due to the lease's holder: wait for a turn, call, write what the answer means. Without a turn, or
//!    without the time, give the lease back.
//! 3. If the row has a change of status that the topic wasn't told: publish it, then write that it is out, or that it couldn't be
//!    told.
//! 4. Whoever finds that another registration took its token meanwhile writes nothing but that its lease is over.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::app_connection::AppConnection;
use super::claim::{Claim, Inquiry, Survey};
use super::endpoint::Endpoint;
use super::holding::{Obstacle, RowWrite, Write, acquire, give_back, is_held_elsewhere};
use super::renewal::{Call, CallKind, Change, Clearing, Cycle, Effect, KeyHash, Settlement, Status, StatusChange};
use super::service_response::{ResponseClass, ServiceResponse};
use super::sweep::Renovation;
use super::wish::{EventFilter, Wish};
use super::{Registration, TooManyOldTokens};
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
    /// That it be renewed now, if a sweep is for it.
    Sweep(Arc<Renovation>),
}

/// What a PUT says. What it leaves out is reset, but for the token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WishUpdate {
    /// Whose webhook it is; what is there if it isn't given.
    pub connection: Option<AppConnection>,
    /// Which events are to be delivered.
    pub events: EventFilter,
    /// What is to come back with each notification.
    pub metadata: Metadata,
}

impl WishUpdate {
    /// What is wanted, given what was there; `None`: there is no token.
    fn applied_to(&self, existing: Option<&Wish>) -> Option<Wish> {
        let existing = existing.and_then(|wish| wish.connection.as_ref());
        let mut connection = self.connection.as_ref().or(existing)?.clone();
        // The same token again, without its connection's id, is still of that.
        let same = existing.filter(|existing| existing.token == connection.token);
        connection.id = connection.id.or_else(|| same?.id.clone());
        Some(Wish {
            connection: Some(connection),
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
    /// Read this, then say [`Task::surveyed`].
    Survey(Inquiry),
    /// Wait for the turn to make a call, then ask again with it.
    AwaitTurn,
    /// Make this call for [`Task::row`], then say [`Task::answered`], or [`Task::uncallable`].
    Call(Call),
    /// Publish this change of [`Task::row`]'s status, then say [`Task::published`], or [`Task::unpublishable`].
    Publish(StatusChange),
    /// Write this, everything or nothing, on condition that every row is still as it was read, and every holder; then say
    /// [`Task::stored`] or [`Task::overtaken`].
    Write(Write),
    /// Somebody else is at it: read the row in a moment, then say [`Task::read`].
    Look,
    /// Nothing is left to do.
    Finish(Conclusion),
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
    /// A registration without a token needs one.
    #[error("a registration that has no token needs one")]
    NoToken,
    /// A revoked registration is renewed after a PUT, or by itself.
    #[error("OctoEverywhere refused the registration for good")]
    Revoked,
    /// It has no token to renew.
    #[error("another registration holds the token")]
    Replaced,
    /// What is being deleted can't be renewed.
    #[error("the registration is being deleted")]
    Deleting,
    /// The token is a registration's of another tenant.
    #[error("a registration of another tenant holds the token")]
    OtherTenant,
    /// The webhooks of earlier tokens are still to be deleted.
    #[error(transparent)]
    TooManyOldTokens(#[from] TooManyOldTokens),
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
    /// What was read about other rows, for the stage that wanted to know.
    survey: Survey,
    /// The lease that this invocation took.
    lease: Option<u64>,
    /// What others took from the row while the lease was ours: who holds it has our lease too.
    lost: BTreeSet<Claim>,
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
    /// The lease, or the change, is to be written. `is_retry`: others wrote first.
    Ask { is_retry: bool },
    /// Somebody else holds the lease. `until` is known once it was asked for a step.
    Follow { until: Option<Timestamp> },
    /// The lease is ours; what is next depends on the row.
    Hold(Publication),
    /// The lease is to be given back.
    Release,
    /// What the answer means is to be written.
    Settle(Call, Option<Endpoint>, ServiceResponse),
    /// The lease is over, and went to another registration with a token: that one is to hear of it.
    Return,
    /// This is to be written, for the stage that asked for it, as what the last call came to.
    Store {
        asked_by: Box<Stage>,
        write: Write,
        effect: Option<Effect>,
    },
}

/// How far the row's change of status is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Publication {
    /// It wasn't tried to publish it.
    Untried,
    /// It is out.
    Out,
    /// The topic can't be told.
    Failed,
}

impl Task {
    /// An errand to the row under `key`, of which `row` is what was read; a success is followed by the next one `cycle` later.
    pub fn new(key: RegistrationKey, cycle: Cycle, errand: Errand, row: Option<Arc<Registration>>) -> Self {
        Self {
            key,
            cycle,
            errand,
            row,
            stage: Stage::Ask { is_retry: false },
            survey: Survey::default(),
            lease: None,
            lost: BTreeSet::new(),
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

    /// Whether `response` to `call` is a refusal that would be believed, if nothing speaks against it.
    pub fn would_believe(&self, call: &Call, response: &ServiceResponse, now: Timestamp) -> bool {
        let is_refusal = call.kind == CallKind::Set && response.class == ResponseClass::Refused;
        let believes = |row: &Arc<Registration>| row.renewal.believes_another_refusal(now.into());
        is_refusal && self.refused(call, response).is_none() && self.row.as_ref().is_some_and(believes)
    }

    /// What comes next, at `now`, for an invocation that ends at `deadline`. Changes nothing that matters: asked twice, it
    /// says the same.
    pub fn next_step(&mut self, now: Timestamp, deadline: Timestamp, turn: Turn) -> Step {
        match &self.stage {
            Stage::Ask { is_retry } => {
                if *is_retry && now >= plus(deadline, -ANSWERING) {
                    return Step::Finish(Conclusion::Objected(Objection::Contended));
                }
                self.ask(now, deadline)
            }
            Stage::Follow { until } => self.follow(*until, now, deadline),
            Stage::Hold(publication) => self.hold(*publication, now, deadline, turn),
            Stage::Release => self.release(),
            Stage::Settle(call, endpoint, response) => {
                let (call, endpoint, response) = (*call, endpoint.clone(), response.clone());
                self.settle(call, endpoint.as_ref(), &response, now, deadline)
            }
            Stage::Return => self.return_lease(now, deadline),
            Stage::Store { write, .. } => Step::Write(write.clone()),
        }
    }

    fn ask(&mut self, now: Timestamp, deadline: Timestamp) -> Step {
        let change = match (&self.errand, self.row.as_deref()) {
            (Errand::Renew, row) => match row.filter(|row| row.lease(now, deadline).is_some()) {
                Some(row) => Change::Write(row.touched()),
                None => return Step::Finish(Conclusion::Idle),
            },
            (Errand::Put(update), existing) => {
                let Some(wish) = update.applied_to(existing.map(|row| &row.wish)) else {
                    return object(Objection::NoToken);
                };
                match Registration::put(&self.key, existing, wish, now) {
                    Ok(row) => Change::Write(row),
                    Err(objection) => return object(objection.into()),
                }
            }
            (Errand::Delete | Errand::RenewNow, None) => return Step::Finish(Conclusion::Idle),
            (Errand::Delete, Some(row)) => match is_held_elsewhere(row, &self.survey) {
                Err(inquiry) => return Step::Survey(inquiry),
                Ok(true) => Change::Remove,
                Ok(false) => row.delete(now),
            },
            (Errand::RenewNow, Some(row)) if row.renewal.status == Status::Deleting => {
                return object(Objection::Deleting);
            }
            (Errand::RenewNow, Some(row)) => row.renew_now(now),
            (Errand::Sweep(renovation), row) => match row.filter(|row| renovation.is_for(row)) {
                Some(row) => Change::Write(row.reapply(now)),
                None => return Step::Finish(Conclusion::Idle),
            },
        };
        let row = match change {
            Change::Write(row) => row,
            Change::Remove => return self.write(Write::of(&self.key, self.row.clone(), None), None),
            Change::Never(Status::Replaced) => return object(Objection::Replaced),
            Change::Never(_) => return object(Objection::Revoked),
        };
        match acquire(self.row.as_ref(), row, &self.survey, now.into()) {
            Ok(write) => self.write(write.with_turn(now, deadline), None),
            Err(Obstacle::Unknown(inquiry)) => Step::Survey(inquiry),
            Err(Obstacle::OtherTenant) => match (&self.errand, &self.row) {
                (Errand::Renew | Errand::Sweep(_), Some(row)) => {
                    let write = Write::of(&self.key, self.row.clone(), Some(Arc::new(row.of_another_tenant(now))));
                    self.write(write.with_turn(now, deadline), None)
                }
                _ => object(Objection::OtherTenant),
            },
        }
    }

    fn follow(&mut self, until: Option<Timestamp>, now: Timestamp, deadline: Timestamp) -> Step {
        let Some(row) = self.row.as_deref().filter(|row| !self.has_applied(row)) else {
            return self.finish(true);
        };
        if row.renewal.status == Status::Replaced {
            return object(Objection::Replaced);
        }
        let until = until.unwrap_or_else(|| plus(now, PATIENCE).min(plus(deadline, -ANSWERING)));
        if now >= until {
            return self.finish(false);
        }
        let leased = row.lease(now, deadline);
        self.stage = Stage::Follow { until: Some(until) };
        match leased {
            Some(leased) => self.store(leased, None),
            None => Step::Look,
        }
    }

    fn hold(&mut self, publication: Publication, now: Timestamp, deadline: Timestamp, turn: Turn) -> Step {
        let Some((row, lease)) = self.held() else {
            return self.leave(now, deadline);
        };
        let has_time = deadline.duration_since(now) >= CALL_TIME;
        match (row.call(now), turn) {
            // A row that is being deleted and has no token left.
            (Some(call), _) if row.called(call.kind).is_none() => {
                return self.write(Write::of(&self.key, self.row.clone(), None), Some(Effect::Deleted));
            }
            (Some(_), Turn::Unasked) => return Step::AwaitTurn,
            (Some(call), Turn::Granted) if has_time => return Step::Call(call),
            (Some(_), Turn::Granted | Turn::Denied) => self.is_unfinished = true,
            (None, _) => {}
        }
        let Some((row, _)) = self.held() else {
            return self.leave(now, deadline);
        };
        let news = row.renewal.status_change.filter(|change| change.is_due(now.into()));
        let next = match (news, publication) {
            (Some(news), Publication::Untried) => return Step::Publish(news),
            (Some(_), Publication::Out) => row.published(lease, now),
            (Some(_), Publication::Failed) => row.postponed(lease, now),
            (None, _) => None,
        };
        match next {
            Some(next) => self.store(next, None),
            None => self.release(),
        }
    }

    fn release(&mut self) -> Step {
        match self.held().and_then(|(row, lease)| row.release(lease)) {
            Some(row) => {
                self.stage = Stage::Release;
                self.store(row, None)
            }
            None => self.finish_worked(),
        }
    }

    fn settle(
        &mut self,
        call: Call,
        endpoint: Option<&Endpoint>,
        response: &ServiceResponse,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Step {
        let Some(row) = self.row.clone() else {
            self.remember_refusal(&call, response);
            return self.leave(now, deadline);
        };
        let withdrawn = self.refused(&call, response).cloned();
        let settlement = match &withdrawn {
            Some(request) => row.withdraw(&call, request.found.as_deref(), now),
            None => row.settle(self.cycle, &call, endpoint, response, now),
        };
        let (new, effect) = match settlement {
            Settlement::Write(next, effect) => (Some(Arc::new(next)), effect),
            Settlement::Remove(effect) => (None, effect),
            Settlement::Changed => {
                // Where another registration took a token of the row, it is still to be as this PUT said.
                let wish = withdrawn
                    .and_then(|request| request.changed)
                    .map(|row| row.wish.clone());
                let is_deleted = row.renewal.status == Status::Deleting;
                if wish.is_some_and(|wish| wish != row.wish || is_deleted) {
                    self.remember_refusal(&call, response);
                }
                self.stage = Stage::Hold(Publication::Untried);
                return self.hold(Publication::Untried, now, deadline, Turn::Unasked);
            }
            Settlement::Lost => {
                self.remember_refusal(&call, response);
                return self.leave(now, deadline);
            }
        };
        let write = Write::of(&self.key, Some(Arc::clone(&row)), new);
        if !matches!(effect, Effect::Restored | Effect::Revoked | Effect::Withdrawn) {
            return self.write(write, Some(effect));
        }
        match give_back(write, &self.key, &row.taken, &self.survey, now.into()) {
            Ok(write) => self.write(write, Some(effect)),
            Err(inquiry) => Step::Survey(inquiry),
        }
    }

    /// The end of an invocation that may hold a lease no more.
    fn leave(&mut self, now: Timestamp, deadline: Timestamp) -> Step {
        if self.lost.is_empty() {
            return self.finish_worked();
        }
        self.stage = Stage::Return;
        self.return_lease(now, deadline)
    }

    fn return_lease(&mut self, now: Timestamp, deadline: Timestamp) -> Step {
        let Some(lease) = self.lease.filter(|_| now < deadline) else {
            return self.finish_worked();
        };
        if let Some(inquiry) = self.survey.lacks(self.lost.clone().into()) {
            return Step::Survey(inquiry);
        }
        let origin = (KeyHash::from(&self.key), lease);
        let taker = self.survey.rows.values().flatten().find_map(|row| {
            let new = row.returned(origin)?;
            Some(RowWrite {
                key: row.key.clone(),
                read: Some(Arc::clone(row)),
                new: Some(Arc::new(new)),
            })
        });
        match taker {
            Some(taker) => {
                let write = Write {
                    rows: vec![taker],
                    holders: Vec::new(),
                };
                self.write(write, None)
            }
            None => self.finish_worked(),
        }
    }

    /// This is who holds what.
    pub fn surveyed(&mut self, survey: Survey) {
        self.survey = std::mem::take(&mut self.survey).and(survey);
    }

    /// The change of status is out.
    pub fn published(&mut self) {
        if let Stage::Hold(publication) = &mut self.stage {
            *publication = Publication::Out;
        }
    }

    /// The topic can't be told of the change of status.
    pub fn unpublishable(&mut self) {
        if let Stage::Hold(publication) = &mut self.stage {
            *publication = Publication::Failed;
        }
    }

    /// OctoEverywhere answered `call`, or didn't. `endpoint` is what a Set's URL was made of.
    pub fn answered(&mut self, call: Call, endpoint: Option<Endpoint>, response: ServiceResponse) {
        self.stage = Stage::Settle(call, endpoint, response);
    }

    /// The call can't be made now.
    pub fn uncallable(&mut self) {
        self.is_unfinished = true;
        self.stage = Stage::Release;
    }

    /// What is to be written is.
    pub fn stored(&mut self) {
        let next = Stage::Hold(Publication::Untried);
        let Stage::Store {
            asked_by,
            write,
            effect,
        } = std::mem::replace(&mut self.stage, next)
        else {
            return;
        };
        self.survey = Survey::default();
        if *asked_by == Stage::Return {
            self.stage = Stage::Return;
            return;
        }
        let found = std::mem::replace(&mut self.row, write.own().cloned());
        self.effect = effect.or(self.effect);
        match *asked_by {
            Stage::Ask { .. } => {
                self.request = Some(match self.errand {
                    Errand::Put(_) | Errand::RenewNow => Request {
                        changed: self.row.clone(),
                        found,
                    },
                    Errand::Renew | Errand::Delete | Errand::Sweep(_) => Request::default(),
                });
                self.take_lease();
                if self.row.is_some() && self.lease.is_none() {
                    self.look_on();
                }
            }
            Stage::Follow { .. } => self.take_lease(),
            Stage::Settle(call, _, response) => self.remember_refusal(&call, &response),
            Stage::Release => {
                let awaits = |row: &Arc<Registration>| row.renewal.foreign.is_some();
                if self.row.as_ref().is_some_and(awaits) {
                    self.look_on();
                }
            }
            Stage::Hold(_) | Stage::Return | Stage::Store { .. } => {}
        }
    }

    /// A request looks on while others are at its row; renew will come again.
    fn look_on(&mut self) {
        if matches!(self.errand, Errand::Renew | Errand::Sweep(_)) {
            self.is_unfinished = true;
        } else {
            self.stage = Stage::Follow { until: None };
        }
    }

    /// Somebody else wrote first, and the row is `fresh` now.
    pub fn overtaken(&mut self, fresh: Option<Arc<Registration>>) {
        let next = Stage::Hold(Publication::Untried);
        let Stage::Store { asked_by, .. } = std::mem::replace(&mut self.stage, next) else {
            return;
        };
        self.survey = Survey::default();
        if *asked_by == Stage::Return {
            self.stage = Stage::Return; // it was another row that was overtaken
            return;
        }
        if self.lease.is_some() {
            let claims = |row: &Option<Arc<Registration>>| row.as_ref().map(|row| row.claims()).unwrap_or_default();
            self.lost.extend(claims(&self.row).difference(&claims(&fresh)));
        }
        let revision = |row: &Option<Arc<Registration>>| row.as_ref().map(|row| row.renewal.revision);
        let is_same = revision(&self.row) == revision(&fresh);
        self.row = fresh;
        match *asked_by {
            Stage::Ask { .. } => {
                self.stage = Stage::Ask { is_retry: true };
                if self.errand == Errand::Renew && !is_same {
                    self.row = None; // another worker's
                }
            }
            Stage::Hold(_) | Stage::Release | Stage::Return | Stage::Store { .. } => {}
            again @ (Stage::Follow { .. } | Stage::Settle(..)) => self.stage = again,
        }
    }

    /// The row is this, by now.
    pub fn read(&mut self, row: Option<Arc<Registration>>) {
        self.row = row;
    }

    /// Writes the task's own row, and nothing else but what it gives up.
    fn store(&mut self, row: Registration, effect: Option<Effect>) -> Step {
        self.write(Write::of(&self.key, self.row.clone(), Some(Arc::new(row))), effect)
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

    /// The PUT that this was the call of, if OctoEverywhere refused it before it was ever applied.
    fn refused(&self, call: &Call, response: &ServiceResponse) -> Option<&Request> {
        let is_refusal = call.kind == CallKind::Set && response.class == ResponseClass::Refused;
        let is_put = matches!(self.errand, Errand::Put(_)) && is_refusal;
        let was_applied = |row: &Arc<Registration>| row.renewal.applied == Some(call.version);
        self.request
            .as_ref()
            .filter(|request| is_put && request.version() == Some(call.version))
            .filter(|_| !self.row.as_ref().is_some_and(was_applied))
    }

    fn remember_refusal(&mut self, call: &Call, response: &ServiceResponse) {
        if self.refused(call, response).is_some() {
            self.refusal.get_or_insert_with(|| response.clone());
        }
    }

    /// Whether somebody has applied what was asked for.
    fn has_applied(&self, row: &Registration) -> bool {
        let Some(request) = &self.request else { return false };
        match self.errand {
            Errand::Renew | Errand::Sweep(_) => false,
            Errand::Put(_) => row.renewal.applied >= request.version() && row.renewal.clearing != Clearing::NeedsSet,
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
        let is_applied = match (&self.errand, self.row.as_deref()) {
            (Errand::Put(_), Some(row)) => self.has_applied(row),
            _ => matches!(self.effect, Some(Effect::Renewed | Effect::Deleted)),
        };
        self.finish(is_removed || is_applied)
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

fn object(objection: Objection) -> Step {
    Step::Finish(Conclusion::Objected(objection))
}

fn plus(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.saturating_add(duration).unwrap_or(time)
}

//! What one of them does at each step: the protocol of `printbell_shared::renewal`, as register and renew keep it.

use std::sync::Arc;

use jiff::SignedDuration;
use printbell_shared::renewal::{
    Answer, Call, Change, EpochSeconds, Fault, REFUSALS_SPAN, Refusals, Renewal, Settlement, Status,
};

use crate::mishap::{Mishap, Reply};
use crate::phase::{Errand, Phase, Put, Role};
use crate::table::{Row, Written};
use crate::world::{KEY, Orphan, Sin, State, World};

/// How long an invocation may take: renew's and register's timeouts.
const RUN: SignedDuration = SignedDuration::from_mins(15);
const REQUEST: SignedDuration = SignedDuration::from_secs(30);
/// The longest that a call takes.
const CALL: SignedDuration = SignedDuration::from_secs(10);

const FAILURE: Answer = Answer::Temporary {
    fault: Fault::Service,
    retry_after: None,
};

impl World {
    pub fn can_step(&self, state: &State, actor: usize) -> bool {
        let now = self.clock(state, actor);
        let index = state.table.as_ref().and_then(|row| self.index(row));
        match (&state.phases[actor], self.actors[actor].0) {
            (Phase::Idle, Role::Worker) => index.is_some_and(|index| index <= now),
            (Phase::Over | Phase::Calling(..), _) => false,
            _ => true,
        }
    }

    /// Whether the actor is a worker that isn't started, because nothing is due.
    pub fn is_waiting(&self, state: &State, actor: usize) -> bool {
        let is_idle = state.phases[actor] == Phase::Idle && self.actors[actor].0 == Role::Worker;
        is_idle && !self.can_step(state, actor)
    }

    /// The actor's next step. `lost`: a write is done and reported as failed.
    pub fn step(&self, state: &mut State, actor: usize, lost: bool) {
        let (role, _) = self.actors[actor];
        let now = self.clock(state, actor);
        let next = match state.phases[actor].clone() {
            Phase::Idle if role == Role::Worker => Some(Phase::Read(state.table.clone(), now + RUN)),
            Phase::Idle => Some(Phase::Read(state.table.clone(), now + REQUEST)),
            Phase::Read(row, deadline) => self.begin(state, actor, row, deadline, lost),
            Phase::Holding(errand) => self.hold(state, now, errand),
            Phase::Published(errand) => errand.row.renewal.announced(errand.lease(), now).map(|renewal| {
                let new = errand.row.with(renewal);
                self.write_as_holder(state, errand, new, lost)
            }),
            Phase::Answered(errand, call, answer) => self.settle(state, now, errand, call, answer, lost),
            Phase::Overtaken(errand, call) => read_afresh(state, errand, call),
            Phase::Calling(..) | Phase::Over => return,
        };
        state.phases[actor] = next.unwrap_or(role.over());
    }

    /// Writes the lease or the change.
    fn begin(
        &self,
        state: &mut State,
        actor: usize,
        row: Option<Arc<Row>>,
        deadline: EpochSeconds,
        lost: bool,
    ) -> Option<Phase> {
        let (role, _) = self.actors[actor];
        let now = self.clock(state, actor);
        let seen = row.as_deref().map(|row| self.seen(row));
        let change = match role {
            Role::Worker => Change::Apply(row.as_ref()?.with(seen?.lease(now, deadline)?)),
            Role::Put(wish) => Renewal::put(seen.as_ref(), now, deadline).map(|renewal| Row {
                renewal,
                wish,
                previous: row.as_deref().map(|row| row.previous.unwrap_or(row.wish)),
            }),
            Role::Delete => seen?.delete(now, deadline).map(|renewal| Row {
                renewal,
                wish: row.as_deref().map_or(0, |row| row.wish),
                previous: None,
            }),
        };
        let (new, is_leased) = match change {
            Change::Apply(new) => (Some(new), true),
            Change::Leave(new) => (Some(new), false),
            Change::Remove => (None, false),
            Change::Revoked => return None,
        };
        if let (None, Some(row)) = (&new, &row) {
            state.publish(row);
        }
        let before = state.table.clone();
        let written = self.write(state, row.as_ref(), new, lost);
        if state.table != before {
            state.asked.extend(match role {
                Role::Worker => None,
                Role::Put(wish) => Some(Some(wish)),
                Role::Delete => Some(None),
            });
        }
        match written {
            Written::Done(Some(new)) if is_leased => {
                let put = matches!(role, Role::Put(_)).then_some(Put {
                    version: new.renewal.version,
                    found: row,
                });
                Some(Phase::Holding(Errand {
                    row: new,
                    deadline,
                    put,
                }))
            }
            Written::Failed if role != Role::Worker => Some(Phase::Idle),
            Written::Done(_) | Written::Failed => None,
        }
    }

    /// Publishes, calls, gives back or ends, whichever is next.
    fn hold(&self, state: &mut State, now: EpochSeconds, errand: Errand) -> Option<Phase> {
        let row = Arc::clone(&errand.row);
        if row.renewal.announcement.is_some() {
            state.publish(&row);
            return Some(Phase::Published(errand));
        }
        let call = row.renewal.call(now)?;
        if now + CALL > errand.deadline {
            let released = row.renewal.release(errand.lease())?;
            return Some(self.write_as_holder(state, errand, row.with(released), false));
        }
        let is_calling = |phase: &Phase| matches!(phase, Phase::Calling(..));
        if state.phases.iter().any(is_calling) || !state.orphans.is_empty() {
            state.sin = Some(Sin::TwoCallers);
        }
        let is_over = |row: &Arc<Row>| row.renewal.status == Status::Revoked;
        if state.table.as_ref().is_none_or(is_over) {
            state.sin = Some(Sin::CalledAfterTheEnd);
        }
        Some(Phase::Calling(errand, call))
    }

    /// The call that the actor waits for is answered.
    pub fn answer(&self, state: &mut State, actor: usize, reply: Reply) {
        let Phase::Calling(errand, call) = state.phases[actor].clone() else {
            return;
        };
        let answer = match reply {
            Reply::Done => Answer::Applied,
            Reply::DoneButLost | Reply::Failed => FAILURE,
            Reply::Suspended => Answer::Suspended,
            Reply::Refused | Reply::RefusedInError => Answer::Refused,
        };
        if let Some(mishap) = reply.mishap() {
            state.mishaps.spend(mishap);
        }
        if matches!(reply, Reply::Done | Reply::DoneButLost) {
            state.carry_out(call.kind, errand.row.wish);
        }
        state.phases[actor] = Phase::Answered(errand, call, answer);
    }

    /// Writes what the answer means.
    fn settle(
        &self,
        state: &mut State,
        now: EpochSeconds,
        errand: Errand,
        call: Call,
        answer: Answer,
        lost: bool,
    ) -> Option<Phase> {
        let row = Arc::clone(&errand.row);
        let mut seen = row.renewal;
        if !self.rules.three_answers {
            let long_ago = EpochSeconds(now.0 - REFUSALS_SPAN.as_secs());
            seen.refusals = Some(Refusals {
                count: 2,
                first: long_ago,
            });
        }
        let mut sent = call;
        if !self.rules.version {
            sent.version = seen.version;
        }
        let own = errand.put.as_ref().filter(|put| put.version == call.version);
        let refused = own.filter(|_| answer == Answer::Refused);
        let settlement = match refused {
            Some(Put { found, .. }) => {
                let found = found.as_deref();
                let settlement = seen.withdraw(&sent, found.map(|found| &found.renewal), now);
                settlement.map(|renewal, _| found.unwrap_or(&row).with(renewal))
            }
            None => seen
                .settle(KEY, &sent, &answer, now)
                .map(|renewal, outcome| row.settled(renewal, outcome)),
        };
        let new = match settlement {
            Settlement::Write(new, _) => Some(new),
            Settlement::Remove(_) => None,
            Settlement::Changed => return Some(Phase::Holding(errand)),
            Settlement::Lost => return None,
        };
        match self.write(state, Some(&row), new, lost) {
            Written::Failed => Some(Phase::Overtaken(errand, Some((call, answer)))),
            Written::Done(_) if refused.is_some() => {
                state.withdraw(row.wish);
                None
            }
            Written::Done(None) => None,
            Written::Done(Some(new)) => new.renewal.lease.map(|_| Phase::Holding(errand.with(new))),
        }
    }

    fn write_as_holder(&self, state: &mut State, errand: Errand, new: Row, lost: bool) -> Phase {
        match self.write(state, Some(&errand.row), Some(new), lost) {
            Written::Done(Some(new)) => Phase::Holding(errand.with(new)),
            Written::Done(None) | Written::Failed => Phase::Overtaken(errand, None),
        }
    }

    pub fn crash(&self, state: &mut State, actor: usize) {
        let (role, ahead) = self.actors[actor];
        state.mishaps.spend(Mishap::Crash);
        if let Phase::Calling(errand, call) = &state.phases[actor] {
            state.orphans.push(Orphan {
                kind: call.kind,
                wish: errand.row.wish,
                last_moment: errand.deadline.0 - 1 - ahead,
            });
        }
        state.phases[actor] = role.over();
    }
}

fn read_afresh(state: &State, errand: Errand, call: Option<(Call, Answer)>) -> Option<Phase> {
    let fresh = errand.clone().with(state.table.clone()?);
    match call {
        Some((call, answer)) => Some(Phase::Answered(fresh, call, answer)),
        None => (fresh.lease() == errand.lease()).then_some(Phase::Holding(fresh)),
    }
}

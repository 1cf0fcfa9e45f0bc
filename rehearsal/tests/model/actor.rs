//! What one of them does at each step: whatever the [protocol](printbell_shared::registration::protocol) says that comes next.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use printbell_shared::registration::Registration;
use printbell_shared::registration::protocol::{Conclusion, Errand, Step, Task, Turn, WishUpdate};
use printbell_shared::registration::renewal::{
    Call, CallKind, Cycle, EpochSeconds, News, REFUSALS_SPAN, Refusals, Renewal, StatusChange,
};
use printbell_shared::registration::service_response::{Fault, ResponseClass, ServiceResponse};

use crate::cast::{Key, Wanted, claims, events, number, token};
use crate::mishap::{Mishap, Reaction};
use crate::phase::{Invocation, Phase, Request, Role, errand};
use crate::world::{Rule, Sin, State, World};

/// How long an invocation may take: renew's and register's timeouts.
const RUN: SignedDuration = SignedDuration::from_mins(15);
const REQUEST: SignedDuration = SignedDuration::from_secs(30);

/// A call, as OctoEverywhere sees it, and who makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attempt {
    pub key: Key,
    pub kind: CallKind,
    pub wanted: Wanted,
    /// Whether the caller knows which App Connection it is for.
    is_connection_known: bool,
}

impl Attempt {
    /// What the task's call is; `None` for a row that has no such token.
    pub fn of(task: &Task, call: &Call) -> Option<Self> {
        let row = task.row()?;
        let connection = row.called(call.kind)?;
        Some(Self {
            key: Key::of(task.key()),
            kind: call.kind,
            wanted: Wanted {
                token: token(connection),
                number: number(row),
            },
            is_connection_known: connection.id.is_some(),
        })
    }

    /// Whether both are for one token, or for what is known to be one App Connection.
    fn meets(&self, other: &Self) -> bool {
        self.wanted.token == other.wanted.token || self.is_connection_known && other.is_connection_known
    }
}

impl World {
    pub fn can_step(&self, state: &State, actor: usize) -> bool {
        let now = self.clock(state, actor);
        match (&state.phases[actor], self.actors[actor].0) {
            (Phase::Idle(_), Role::Worker(key)) => self.index(state, key).is_some_and(|index| index <= now.into()),
            (Phase::Over | Phase::Calling(..), _) => false,
            // To look at a row that hasn't changed is no step.
            (Phase::Working(invocation), _) => {
                let task = &invocation.task;
                task.looks_on_until().is_none()
                    || next(invocation, now) != Step::Look
                    || task.row() != self.read(state, Key::of(task.key())).as_ref()
            }
            (Phase::Idle(_), Role::App(_)) => true,
        }
    }

    /// Whether the actor is a worker that isn't started, because nothing is due.
    pub fn is_waiting(&self, state: &State, actor: usize) -> bool {
        let is_idle = matches!(
            (&state.phases[actor], self.actors[actor].0),
            (Phase::Idle(_), Role::Worker(_))
        );
        is_idle && !self.can_step(state, actor)
    }

    /// What the actor does next, if it is at work.
    pub fn next(&self, state: &State, actor: usize) -> Option<Step> {
        match &state.phases[actor] {
            Phase::Working(invocation) => Some(next(invocation, self.clock(state, actor))),
            _ => None,
        }
    }

    /// The actor's next step. `goes_wrong`: a write is done and reported as failed, a publication fails.
    pub fn step(&self, state: &mut State, actor: usize, goes_wrong: bool) {
        let (role, _) = self.actors[actor];
        let now = self.clock(state, actor);
        state.phases[actor] = match state.phases[actor].clone() {
            Phase::Idle(request) => {
                let lasts = match role {
                    Role::Worker(_) => RUN,
                    Role::App(_) => REQUEST,
                };
                let key = role.key(request);
                let errand = errand(role.request(request), |wanted| self.put(wanted));
                let invocation = Invocation {
                    task: Task::new(key.key().clone(), Cycle::DEFAULT, errand, self.read(state, key)),
                    deadline: now + lasts,
                    request,
                };
                self.working(state, actor, invocation)
            }
            Phase::Working(invocation) => self.take(state, actor, Arc::unwrap_or_clone(invocation), goes_wrong),
            phase @ (Phase::Calling(..) | Phase::Over) => phase,
        };
    }

    fn put(&self, wanted: Wanted) -> Errand {
        Errand::Put(WishUpdate {
            connection: Some(self.connections.connection(wanted.token)),
            events: events(wanted.number),
            metadata: Default::default(),
        })
    }

    /// Takes the task's next step.
    fn take(&self, state: &mut State, actor: usize, mut invocation: Invocation, goes_wrong: bool) -> Phase {
        let now = self.clock(state, actor);
        let task = &mut invocation.task;
        let key = Key::of(task.key());
        match self.surveyed_step(state, task, now, invocation.deadline) {
            Step::Publish(_) if goes_wrong => task.unpublishable(),
            Step::Publish(StatusChange { news, .. }) => {
                // That a change was refused says nothing of what the registration is.
                let revision = task.row().map_or(0, |row| row.renewal.revision);
                let told = state.told[key as usize];
                if news != News::Refused && told.is_none_or(|(last, _)| last <= revision) {
                    state.told[key as usize] = Some((revision, news));
                }
                task.published();
            }
            Step::Call(call) => {
                if let Some(attempt) = Attempt::of(task, &call) {
                    self.watch_call(state, &attempt);
                }
                return Phase::Calling(Arc::new(invocation), call);
            }
            Step::Write(write) => {
                let is_request = !task.is_asked();
                let is_written = self.write(state, write);
                if is_written && is_request {
                    state.asked.extend(self.actors[actor].0.request(invocation.request));
                }
                if !is_written || goes_wrong {
                    // What is read now, and overtaken again before it is written, is all that a later read could be.
                    let fresh = self.read(state, key).map(|fresh| self.doctored(task, fresh));
                    task.overtaken(fresh);
                } else {
                    task.stored();
                    // The same, without its history.
                    task.read(state.row(key).cloned());
                }
            }
            Step::Look => task.read(self.read(state, key)),
            Step::AwaitTurn | Step::Finish(_) | Step::Survey(_) => {}
        }
        self.working(state, actor, invocation)
    }

    /// What comes next for the task, after everything that it asks about others is answered.
    ///
    /// Others may come between the answer and the write, so what was read may be old when it is written. That it is read in one
    /// moment, and in that in which the task last heard of its own row, leaves nothing out: had another write come between two
    /// of these reads, to the task's own row or to what was read first, then the conditions of its write would fail.
    fn surveyed_step(&self, state: &State, task: &mut Task, now: Timestamp, deadline: Timestamp) -> Step {
        loop {
            match task.next_step(now, deadline, Turn::Granted) {
                Step::Survey(inquiry) => task.surveyed(self.survey(state, Key::of(task.key()), &inquiry)),
                step => return step,
            }
        }
    }

    /// The phase of an actor with this invocation: over, where nothing is left to do.
    fn working(&self, state: &mut State, actor: usize, mut invocation: Invocation) -> Phase {
        let (role, _) = self.actors[actor];
        let now = self.clock(state, actor);
        let mut asked = invocation.task.clone();
        let conclusion = loop {
            match asked.next_step(now, invocation.deadline, Turn::Granted) {
                Step::Survey(inquiry) => {
                    let survey = self.survey(state, Key::of(asked.key()), &inquiry);
                    invocation.task.surveyed(survey.clone());
                    asked.surveyed(survey);
                }
                Step::Finish(conclusion) => break conclusion,
                Step::Look if !self.is_patient => return role.before(invocation.request + 1),
                // It knows by now until when it looks on.
                Step::Look => {
                    invocation.task = asked;
                    return Phase::Working(Arc::new(invocation));
                }
                _ => return Phase::Working(Arc::new(invocation)),
            }
        };
        if let (Conclusion::Withdrawn(_), Some(request)) = (conclusion, role.request(invocation.request)) {
            state.withdraw(request);
        }
        role.before(invocation.request + 1)
    }

    fn watch_call(&self, state: &mut State, attempt: &Attempt) {
        let calling = state.phases.iter().filter_map(|phase| match phase {
            Phase::Calling(invocation, call) => Attempt::of(&invocation.task, call),
            _ => None,
        });
        let mut others = calling.chain(state.orphans.iter().map(|orphan| orphan.attempt));
        if others.any(|other| other.meets(attempt)) {
            state.sin = Some(Sin::TwoCallers);
        }
        // Or its holder waits for the lease under which this one calls.
        let waits = |holder: Key| state.row(holder).is_some_and(|row| row.renewal.foreign.is_some());
        let connection = self.connections.connection(attempt.wanted.token);
        let holders: Vec<_> = claims(&connection).filter_map(|claim| state.holders[claim]).collect();
        if holders.is_empty() || !holders.into_iter().all(|holder| holder == attempt.key || waits(holder)) {
            state.sin.get_or_insert(Sin::CalledByAnother);
        }
    }

    /// The call that the actor waits for is answered.
    pub fn answer(&self, state: &mut State, actor: usize, reaction: Reaction) {
        let Phase::Calling(invocation, call) = state.phases[actor].clone() else {
            return;
        };
        let mut invocation = Arc::unwrap_or_clone(invocation);
        let class = match reaction {
            Reaction::Done => ResponseClass::Applied,
            Reaction::DoneButLost => temporary(Fault::Silence),
            Reaction::Failed => temporary(Fault::Service),
            Reaction::Suspended => ResponseClass::Suspended,
            Reaction::Refused | Reaction::RefusedInError => ResponseClass::Refused,
        };
        if let Some(mishap) = reaction.mishap() {
            state.mishaps.spend(mishap);
        }
        let task = &mut invocation.task;
        if let (Reaction::Done | Reaction::DoneButLost, Some(attempt)) = (reaction, Attempt::of(task, &call)) {
            self.carry_out(state, &attempt);
        }
        if let (false, Some(row)) = (self.keeps(Rule::ThreeAnswers), task.row().cloned()) {
            task.read(Some(long_refused(&row, self.clock(state, actor))));
        }
        task.answered(
            call,
            None,
            ServiceResponse {
                class,
                code: None,
                message: String::new(),
            },
        );
        state.phases[actor] = self.working(state, actor, invocation);
    }

    /// A fresh row, as an actor sees it that doesn't keep the rule of versions: as if the wish hadn't changed.
    fn doctored(&self, task: &Task, fresh: Arc<Registration>) -> Arc<Registration> {
        let Some(known) = task.row().filter(|_| !self.keeps(Rule::Version)) else {
            return fresh;
        };
        let renewal = Renewal {
            version: known.renewal.version,
            ..fresh.renewal
        };
        Arc::new(Registration {
            renewal,
            ..Registration::clone(&fresh)
        })
    }

    pub fn crash(&self, state: &mut State, actor: usize) {
        let (role, ahead) = self.actors[actor];
        let Some(Invocation { deadline, request, .. }) = state.phases[actor].invocation() else {
            return;
        };
        let last_moment = deadline.as_second() - 1 - ahead;
        let after = role.before(request + 1);
        if let Phase::Calling(invocation, call) = &state.phases[actor]
            && let Some(attempt) = Attempt::of(&invocation.task, call)
        {
            state.orphans.push(Orphan { attempt, last_moment });
        }
        state.mishaps.spend(Mishap::Crash);
        state.phases[actor] = after;
    }
}

/// A call whose caller died; it may still arrive until the caller would have given up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Orphan {
    pub attempt: Attempt,
    pub last_moment: i64,
}

impl State {
    /// The app is told 422: it is as if it hadn't asked, unless it has asked for something else meanwhile that went by this.
    fn withdraw(&mut self, request: Request) {
        self.asked.pop_if(|last| *last == request);
    }
}

fn temporary(fault: Fault) -> ResponseClass {
    ResponseClass::Temporary {
        fault,
        retry_after: None,
    }
}

/// What comes next for an invocation whose every turn is granted.
fn next(invocation: &Invocation, now: Timestamp) -> Step {
    invocation
        .task
        .clone()
        .next_step(now, invocation.deadline, Turn::Granted)
}

/// The row as an actor sees it that believes the first refusal.
fn long_refused(row: &Registration, now: Timestamp) -> Arc<Registration> {
    let first = EpochSeconds(now.as_second() - REFUSALS_SPAN.as_secs());
    let renewal = Renewal {
        refusals: Some(Refusals { count: 2, first }),
        ..row.renewal
    };
    Arc::new(Registration { renewal, ..row.clone() })
}

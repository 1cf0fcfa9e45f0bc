//! What one of them does at each step: whatever the [protocol](printbell_shared::registration::protocol) says that comes next.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use printbell_shared::registration::Registration;
use printbell_shared::registration::protocol::{Conclusion, Step, Task, Turn};
use printbell_shared::registration::renewal::{Call, EpochSeconds, REFUSALS_SPAN, Refusals, Renewal, Status};
use printbell_shared::registration::service_response::{Fault, ResponseClass, ServiceResponse};

use crate::mishap::{Mishap, Reaction};
use crate::phase::{Phase, Role};
use crate::table::number;
use crate::world::{Orphan, Sin, State, World};

/// How long an invocation may take: renew's and register's timeouts.
const RUN: SignedDuration = SignedDuration::from_mins(15);
const REQUEST: SignedDuration = SignedDuration::from_secs(30);

const FAILURE: ResponseClass = ResponseClass::Temporary {
    fault: Fault::Service,
    retry_after: None,
};

impl World {
    pub fn can_step(&self, state: &State, actor: usize) -> bool {
        let now = self.clock(state, actor);
        match (&state.phases[actor], self.actors[actor].0) {
            (Phase::Idle, Role::Worker) => {
                let index = state.table.as_ref().and_then(|row| self.index(row));
                index.is_some_and(|index| index <= now.into())
            }
            (Phase::Over | Phase::Calling(..), _) => false,
            // To look at a row that hasn't changed is no step.
            (Phase::Working(task, deadline), _) => {
                next(task, now, *deadline) != Step::Look || task.row() != self.read(state).as_ref()
            }
            (Phase::Idle, _) => true,
        }
    }

    /// Whether the actor is a worker that isn't started, because nothing is due.
    pub fn is_waiting(&self, state: &State, actor: usize) -> bool {
        let is_idle = state.phases[actor] == Phase::Idle && self.actors[actor].0 == Role::Worker;
        is_idle && !self.can_step(state, actor)
    }

    /// Whether the actor's next step is a write.
    pub fn writes_next(&self, state: &State, actor: usize) -> bool {
        let now = self.clock(state, actor);
        match &state.phases[actor] {
            Phase::Working(task, deadline) => matches!(next(task, now, *deadline), Step::Write(_)),
            _ => false,
        }
    }

    /// The actor's next step. `lost`: a write is done and reported as failed.
    pub fn step(&self, state: &mut State, actor: usize, lost: bool) {
        let (role, _) = self.actors[actor];
        let now = self.clock(state, actor);
        let phase = match state.phases[actor].clone() {
            Phase::Idle => {
                let lasts = if role == Role::Worker { RUN } else { REQUEST };
                self.working(state, actor, role.task(self.read(state)), now + lasts)
            }
            Phase::Working(task, deadline) => {
                let task = Arc::unwrap_or_clone(task);
                self.take(state, actor, task, deadline, lost)
            }
            Phase::Calling(..) | Phase::Over => return,
        };
        state.phases[actor] = phase;
    }

    /// Takes the task's next step.
    fn take(&self, state: &mut State, actor: usize, mut task: Task, deadline: Timestamp, lost: bool) -> Phase {
        let now = self.clock(state, actor);
        match task.next_step(now, deadline, Turn::Granted) {
            Step::Publish(_) => {
                if let Some(row) = task.row() {
                    state.publish(row);
                }
                task.published();
            }
            Step::Call(call) => {
                self.watch_call(state);
                return Phase::Calling(Arc::new(task), deadline, call);
            }
            Step::Write(write) => {
                let is_request = !task.is_asked();
                let is_written = self.write(state, task.row(), &write);
                if is_written && is_request {
                    state.asked.extend(match self.actors[actor].0 {
                        Role::Worker => None,
                        Role::Put(wish) => Some(Some(wish)),
                        Role::Delete => Some(None),
                    });
                }
                if !is_written || lost {
                    // What is read now, and overtaken again before it is written, is all that a later read could be.
                    let fresh = self.read(state).map(|fresh| self.doctored(&task, fresh));
                    task.overtaken(fresh);
                } else {
                    task.stored();
                }
            }
            Step::Look => task.read(self.read(state)),
            Step::AwaitTurn | Step::Finish(_) => {}
        }
        self.working(state, actor, task, deadline)
    }

    /// The phase of an actor with this task: over, where nothing is left to do.
    fn working(&self, state: &mut State, actor: usize, task: Task, deadline: Timestamp) -> Phase {
        let (role, _) = self.actors[actor];
        let now = self.clock(state, actor);
        let mut asked = task.clone();
        let conclusion = match asked.next_step(now, deadline, Turn::Granted) {
            Step::Finish(conclusion) => conclusion,
            Step::Look if !self.patience => return role.over(),
            // It knows by now until when it looks on.
            Step::Look => return Phase::Working(Arc::new(asked), deadline),
            _ => return Phase::Working(Arc::new(task), deadline),
        };
        if let (Conclusion::Withdrawn(_), Role::Put(wish)) = (conclusion, role) {
            state.withdraw(wish);
        }
        role.over()
    }

    fn watch_call(&self, state: &mut State) {
        let is_calling = |phase: &Phase| matches!(phase, Phase::Calling(..));
        if state.phases.iter().any(is_calling) || !state.orphans.is_empty() {
            state.sin = Some(Sin::TwoCallers);
        }
        let is_over = |row: &Arc<Registration>| row.renewal.status == Status::Revoked;
        if state.table.as_ref().is_none_or(is_over) {
            state.sin = Some(Sin::CalledAfterTheEnd);
        }
    }

    /// The call that the actor waits for is answered.
    pub fn answer(&self, state: &mut State, actor: usize, reaction: Reaction) {
        let Phase::Calling(task, deadline, call) = state.phases[actor].clone() else {
            return;
        };
        let class = match reaction {
            Reaction::Done => ResponseClass::Applied,
            Reaction::DoneButLost | Reaction::Failed => FAILURE,
            Reaction::Suspended => ResponseClass::Suspended,
            Reaction::Refused | Reaction::RefusedInError => ResponseClass::Refused,
        };
        if let Some(mishap) = reaction.mishap() {
            state.mishaps.spend(mishap);
        }
        let mut task = Arc::unwrap_or_clone(task);
        let wish = task.row().map(|row| number(row));
        if let (Reaction::Done | Reaction::DoneButLost, Some(wish)) = (reaction, wish) {
            state.carry_out(call.kind, wish);
        }
        if let (false, Some(row)) = (self.rules.three_answers, task.row().cloned()) {
            task.read(Some(long_refused(&row, self.clock(state, actor))));
        }
        task.answered(
            call,
            ServiceResponse {
                class,
                code: None,
                message: String::new(),
            },
        );
        state.phases[actor] = self.working(state, actor, task, deadline);
    }

    /// A fresh row, as an actor sees it that doesn't keep the rule of versions: as if the wish hadn't changed.
    fn doctored(&self, task: &Task, fresh: Arc<Registration>) -> Arc<Registration> {
        let Some(known) = task.row().filter(|_| !self.rules.version) else {
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
        state.mishaps.spend(Mishap::Crash);
        if let Phase::Calling(task, deadline, Call { kind, .. }) = &state.phases[actor]
            && let Some(row) = task.row()
        {
            state.orphans.push(Orphan {
                kind: *kind,
                wish: number(row),
                last_moment: deadline.as_second() - 1 - ahead,
            });
        }
        state.phases[actor] = role.over();
    }
}

/// What comes next for a task whose every turn is granted.
fn next(task: &Task, now: Timestamp, deadline: Timestamp) -> Step {
    task.clone().next_step(now, deadline, Turn::Granted)
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

//! One errand to the row: whatever the [protocol](printbell_shared::registration::protocol) says that comes next.

use std::sync::Arc;

use jiff::Timestamp;
use printbell_shared::registration::Registration;
use printbell_shared::registration::claim::{Inquiry, Survey};
use printbell_shared::registration::holding::Write;
use printbell_shared::registration::protocol::{Conclusion, Errand, Step, Task, Turn};
use printbell_shared::registration::renewal::{Call, Cycle, Renewal};
use printbell_shared::registration::service_response::{Fault, ResponseClass, ServiceResponse};

use crate::actors::Luck;
use crate::cast::{Attempt, Signer, Stack, key};
use crate::mishap::{Mishap, Reaction};
use crate::rules::{Rule, Sin};
use crate::world::{State, World};

/// An errand under way, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Work {
    task: Task,
    stack: Stack,
    /// When the invocation ends, by its own clock.
    pub deadline: Timestamp,
    /// What OctoEverywhere was asked, while it hasn't answered.
    pub call: Option<(Call, Attempt)>,
    /// Whether it has done what it was asked, and hasn't said so.
    pub is_carried_out: bool,
    /// The call that comes next; `None`: what comes next is no call.
    pub next_call: Option<Call>,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Call(Call),
    Write,
    Finish(Conclusion),
    /// It looks on while somebody else is at the row; here it is gone.
    Look,
}

impl Next {
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Finish(_) | Self::Look)
    }
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    On,
    /// A table failed, and the work is broken off.
    BrokenOff,
}

impl Work {
    pub fn new(errand: Errand, stack: Stack, deadline: Timestamp, row: Option<Arc<Registration>>) -> Self {
        Self {
            task: Task::new(key().clone(), Cycle::DEFAULT, errand, row),
            stack,
            deadline,
            call: None,
            is_carried_out: false,
            next_call: None,
        }
    }

    /// What comes next, after everything that nobody else can hear of was done.
    pub fn next(&mut self, now: Timestamp) -> Next {
        let next = self.look_ahead(now);
        self.next_call = match next {
            Next::Call(call) => Some(call),
            _ => None,
        };
        next
    }

    fn look_ahead(&mut self, now: Timestamp) -> Next {
        loop {
            match self.task.clone().next_step(now, self.deadline, Turn::Granted) {
                Step::Survey(inquiry) => self.task.surveyed(survey(&inquiry)),
                Step::Publish(_) => self.task.published(),
                Step::Call(call) => return Next::Call(call),
                Step::Write(_) => return Next::Write,
                Step::Look | Step::AwaitTurn => return Next::Look,
                Step::Finish(conclusion) => return Next::Finish(conclusion),
            }
        }
    }

    /// The row as it last heard of it.
    pub fn row(&self) -> Option<&Arc<Registration>> {
        self.task.row()
    }
}

/// Its token is the row's own.
fn survey(inquiry: &Inquiry) -> Survey {
    let own = |claim: &_| (*claim, Some(key().clone()));
    Survey {
        holders: inquiry.claims.iter().map(own).collect(),
        ..Survey::default()
    }
}

impl World {
    /// Writes what comes next.
    pub fn write(&self, state: &mut State, work: &mut Work, now: Timestamp, luck: Luck) -> Course {
        if luck == Luck::Broken {
            return Course::BrokenOff;
        }
        let Step::Write(write) = work.task.next_step(now, work.deadline, Turn::Granted) else {
            return Course::On;
        };
        let is_written = self.store(state, &write);
        if is_written && luck == Luck::Good {
            work.task.stored();
            // The same, without its history.
            work.task.read(Some(Arc::clone(&state.row)));
        } else {
            work.task.overtaken(Some(self.read(state)));
        }
        Course::On
    }

    fn store(&self, state: &mut State, write: &Write) -> bool {
        let own = &write.rows[0];
        let revision = own.read.as_ref().map(|row| row.renewal.revision);
        if revision != Some(state.row.renewal.revision) {
            return false;
        }
        if let Some(new) = &own.new {
            let row = self.spoilt(&state.row, without_history(new));
            let earlier = std::mem::replace(&mut state.row, Arc::new(row));
            state.earlier_row = state.mishaps.may(Mishap::StalePage).then_some((earlier, state.now));
        }
        true
    }

    /// The row as somebody writes it who may not keep every rule.
    fn spoilt(&self, before: &Registration, mut row: Registration) -> Registration {
        if !self.keeps(Rule::Doubt) && row.endpoint.is_none() {
            row.endpoint.clone_from(&before.endpoint);
        }
        if !self.keeps(Rule::Reapplication) {
            row.renewal.reapply = None;
        }
        row
    }

    /// The row as somebody reads it who may not keep every rule.
    pub fn read(&self, state: &State) -> Arc<Registration> {
        if self.keeps(Rule::Lease) {
            return Arc::clone(&state.row);
        }
        let renewal = Renewal {
            lease: None,
            ..state.row.renewal
        };
        Arc::new(Registration {
            renewal,
            ..Registration::clone(&state.row)
        })
    }

    /// Calls OctoEverywhere.
    pub fn call(&self, state: &mut State, work: &mut Work, call: Call, signer: Signer) {
        if state.attempts().next().is_some() {
            state.sin = Some(Sin::TwoCallers);
        }
        let attempt = Attempt {
            stack: work.stack,
            signer,
            at: state.now,
        };
        work.call = Some((call, attempt));
        work.next_call = None;
    }

    /// OctoEverywhere does what it was asked, and is about to answer.
    pub fn carry_out(&self, state: &mut State, work: &mut Work) {
        if let Some((_, attempt)) = work.call {
            state.carry_out(attempt);
            work.is_carried_out = true;
        }
    }

    /// OctoEverywhere answers, or doesn't.
    pub fn answer(&self, state: &mut State, work: &mut Work, reaction: Reaction) {
        let Some((call, attempt)) = work.call.take() else {
            return;
        };
        if let Some(mishap) = reaction.mishap() {
            state.mishaps.spend(mishap);
        }
        work.is_carried_out = false;
        let temporary = |fault| ResponseClass::Temporary {
            fault,
            retry_after: None,
        };
        let response = ServiceResponse {
            class: match reaction {
                Reaction::Success => ResponseClass::Applied,
                Reaction::Silence => temporary(Fault::Silence),
                Reaction::Failure => temporary(Fault::Service),
                Reaction::Refusal => ResponseClass::Refused,
            },
            code: None,
            message: String::new(),
        };
        work.task.answered(call, Some(attempt.endpoint()), response);
    }
}

/// The row without what no rule reads: histories that differ in nothing else are one.
fn without_history(row: &Registration) -> Registration {
    Registration {
        created_at: None,
        last_error: None,
        ..row.clone()
    }
}

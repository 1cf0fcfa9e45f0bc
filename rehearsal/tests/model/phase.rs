//! What an actor is for, and where it is.

use std::sync::Arc;

use jiff::Timestamp;
use printbell_shared::registration::protocol::{Errand, Task};
use printbell_shared::registration::renewal::Call;

use crate::cast::{Key, Wanted};

/// What an actor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs again and again while this row is due.
    Worker(Key),
    /// Asks for this, one after the other.
    App(&'static [Request]),
}

/// What an app asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    Put(Key, Wanted),
    Delete(Key),
}

impl Request {
    pub fn key(self) -> Key {
        match self {
            Self::Put(key, _) | Self::Delete(key) => key,
        }
    }
}

/// One invocation under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Invocation {
    pub task: Task,
    /// When it ends, by its own clock.
    pub deadline: Timestamp,
    /// Which of an app's requests it is for.
    pub request: usize,
}

/// Where an actor is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Not running. A worker will be started by the schedule when something is due; an app may ask for the next thing at any
    /// time, having asked for so many already.
    Idle(usize),
    /// Has an errand, and will take its next step.
    Working(Arc<Invocation>),
    /// Waits for OctoEverywhere.
    Calling(Arc<Invocation>, Call),
    /// Every request was answered, or died.
    Over,
}

impl Phase {
    /// The invocation under way.
    pub fn invocation(&self) -> Option<&Invocation> {
        match self {
            Self::Idle(_) | Self::Over => None,
            Self::Working(invocation) | Self::Calling(invocation, _) => Some(invocation),
        }
    }

    /// Whether it looks on while somebody else is at its row.
    pub fn looks_on(&self) -> bool {
        matches!(self, Self::Working(invocation) if invocation.task.looks_on_until().is_some())
    }
}

impl Role {
    /// Where an actor is before its invocation with this number.
    pub fn before(self, request: usize) -> Phase {
        match self {
            Self::Worker(_) => Phase::Idle(0),
            Self::App(requests) if request < requests.len() => Phase::Idle(request),
            Self::App(_) => Phase::Over,
        }
    }

    /// Whose row the invocation with this number is about.
    pub fn key(self, request: usize) -> Key {
        match self {
            Self::Worker(key) => key,
            Self::App(requests) => requests[request].key(),
        }
    }

    /// What the app asks for in the invocation with this number.
    pub fn request(self, request: usize) -> Option<Request> {
        match self {
            Self::Worker(_) => None,
            Self::App(requests) => Some(requests[request]),
        }
    }
}

/// What an invocation for this request is to do.
pub fn errand(request: Option<Request>, put: impl FnOnce(Wanted) -> Errand) -> Errand {
    match request {
        None => Errand::Renew,
        Some(Request::Put(_, wanted)) => put(wanted),
        Some(Request::Delete(_)) => Errand::Delete,
    }
}

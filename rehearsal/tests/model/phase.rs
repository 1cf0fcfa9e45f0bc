//! What an actor is for, and where it is.

use std::sync::Arc;

use jiff::Timestamp;
use printbell_shared::registration::Registration;
use printbell_shared::registration::protocol::{Errand, Task, WishUpdate};
use printbell_shared::registration::renewal::{Call, Cycle};

use crate::table;

/// What an actor is for. A worker runs again and again, a request once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Worker,
    Put(u8),
    Delete,
}

impl Role {
    /// What there is to be after an invocation.
    pub fn over(self) -> Phase {
        match self {
            Self::Worker => Phase::Idle,
            Self::Put(_) | Self::Delete => Phase::Over,
        }
    }

    /// The errand of one invocation, which has just read this row.
    pub fn task(self, row: Option<Arc<Registration>>) -> Task {
        let errand = match self {
            Self::Worker => Errand::Renew,
            Self::Put(wish) => {
                let wish = table::wish(wish);
                Errand::Put(WishUpdate {
                    token: Some(wish.token),
                    events: wish.events,
                    metadata: wish.metadata,
                })
            }
            Self::Delete => Errand::Delete,
        };
        Task::new(table::key(), Cycle::DEFAULT, errand, row)
    }
}

/// Where an actor is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Not running. A worker will be started by the schedule when something is due; a request may come at any time.
    Idle,
    /// Has an errand, and will take its next step.
    Working(Arc<Task>, Timestamp),
    /// Waits for OctoEverywhere.
    Calling(Arc<Task>, Timestamp, Call),
    /// A request that was answered, or died.
    Over,
}

impl Phase {
    /// The errand under way, and when its invocation ends.
    pub fn task(&self) -> Option<(&Task, Timestamp)> {
        match self {
            Self::Idle | Self::Over => None,
            Self::Working(task, deadline) | Self::Calling(task, deadline, _) => Some((task, *deadline)),
        }
    }

    /// Whether it looks on while somebody else is at its row.
    pub fn looks_on(&self) -> bool {
        matches!(self, Self::Working(task, _) if task.looks_on_until().is_some())
    }
}

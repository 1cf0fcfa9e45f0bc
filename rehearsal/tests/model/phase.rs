//! Where an actor is in its protocol.

use std::sync::Arc;

use printbell_shared::renewal::{Answer, Call, EpochSeconds};

use crate::table::Row;

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
}

/// Where an actor is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Not running. A worker will be started by the schedule when something is due; a request may come at any time.
    Idle,
    /// Has read the row, and will write its lease or its change before the deadline.
    Read(Option<Arc<Row>>, EpochSeconds),
    /// Holds the lease, and will see what there is to do.
    Holding(Errand),
    /// Has published the announcement, and will write so.
    Published(Errand),
    /// Waits for OctoEverywhere.
    Calling(Errand, Call),
    /// Knows how the call ended, and will write what that means.
    Answered(Errand, Call, Answer),
    /// A write failed its condition: will read the row afresh. With a call, to settle that.
    Overtaken(Errand, Option<(Call, Answer)>),
    /// A request that was answered, or died.
    Over,
}

/// An invocation that took the lease of a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Errand {
    /// The row as it last was read or written.
    pub row: Arc<Row>,
    /// When the invocation ends.
    pub deadline: EpochSeconds,
    /// For a PUT: what it did.
    pub put: Option<Put>,
}

/// What a PUT knows of its own call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Put {
    /// The version of the wish that it wrote.
    pub version: u64,
    /// The row that it found.
    pub found: Option<Arc<Row>>,
}

impl Errand {
    pub fn with(self, row: Arc<Row>) -> Self {
        Self { row, ..self }
    }

    pub fn lease(&self) -> u64 {
        self.row.renewal.lease.map_or(0, |lease| lease.id)
    }
}

impl Phase {
    /// When the invocation ends, if there is one.
    pub fn deadline(&self) -> Option<EpochSeconds> {
        match self {
            Self::Idle | Self::Over => None,
            Self::Read(_, deadline) => Some(*deadline),
            Self::Holding(errand)
            | Self::Published(errand)
            | Self::Calling(errand, _)
            | Self::Answered(errand, ..)
            | Self::Overtaken(errand, _) => Some(errand.deadline),
        }
    }

    /// Whether the next step is a write.
    pub fn writes(&self) -> bool {
        matches!(self, Self::Read(..) | Self::Published(_) | Self::Answered(..))
    }
}

//! Who does something, and where they are.

use std::sync::Arc;

use jiff::Timestamp;
use printbell_shared::id::TenantId;
use printbell_shared::registration::sweep::{Reason, Sweep, SweepScope, SweepStatuses};

use crate::cast::{Request, Stack};
use crate::mishap::Mishap;
use crate::run::{Place, Run};
use crate::work::Work;

/// What an operator does, or an alarm, or OctoEverywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The second key is put in the first one's place.
    Rotation,
    /// The first key is to be retired.
    Retirement,
    /// Everything is to be applied again, or what is revoked, or another tenant's.
    Reapplication,
    ReapplicationOfRevoked,
    ReapplicationOfAnother,
    /// OctoEverywhere switches the webhook off.
    Outage,
    /// The alarm says that callbacks fail no more.
    Recovery,
    /// The table `State` is lost.
    Loss,
}

impl Event {
    pub fn reason(self) -> Option<Reason> {
        let scope = |tenant: Option<&str>, statuses| SweepScope {
            tenant: tenant.map(|tenant| tenant.parse::<TenantId>().unwrap()),
            statuses,
        };
        match self {
            Self::Rotation | Self::Outage | Self::Loss => None,
            Self::Retirement => Some(Reason::Retirement),
            Self::Reapplication => Some(Reason::Reapply(SweepScope::default())),
            Self::ReapplicationOfRevoked => Some(Reason::Reapply(scope(None, SweepStatuses::Revoked))),
            Self::ReapplicationOfAnother => Some(Reason::Reapply(scope(Some("other"), SweepStatuses::Wanted))),
            Self::Recovery => Some(Reason::Recovery),
        }
    }
}

/// What an actor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Begins a run of this stack whenever there is something to do; so often, if it is of the old one.
    Runs(Stack, u8),
    /// Asks for this, one after the other, of a process of this stack.
    App(Stack, &'static [Request]),
    /// What happens, one after the other.
    Events(&'static [Event]),
}

/// Where an actor is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Has begun so many times.
    Idle(u8),
    Running(u8, Arc<Run>),
    Requesting(u8, Arc<Work>),
    /// Has read the sweep to ask for one: what it will write, in place of this revision.
    Asking(u8, Box<Sweep<Place>>, u64),
}

/// Which half of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// What is due; and what an app asks for.
    Regular,
    Sweep,
}

/// How a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    Good,
    /// A write is done, and reported as failed.
    Lost,
    /// A write isn't done.
    Broken,
    /// A page shows the row as it was before.
    Stale,
}

impl Luck {
    pub fn mishap(self) -> Option<Mishap> {
        match self {
            Self::Good => None,
            Self::Lost => Some(Mishap::LostWrite),
            Self::Broken => Some(Mishap::BrokenWrite),
            Self::Stale => Some(Mishap::StalePage),
        }
    }
}

impl Phase {
    pub fn is_running(&self) -> bool {
        !matches!(self, Self::Idle(_))
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Running(_, run) => Some(run.deadline),
            Self::Requesting(_, work) => Some(work.deadline),
            Self::Idle(_) | Self::Asking(..) => None,
        }
    }
}

/// How often an actor has begun: of the new stack's runs there are as many as it takes.
pub fn counted(stack: Stack, times: u8) -> u8 {
    match stack {
        Stack::Old => times + 1,
        Stack::New => times,
    }
}

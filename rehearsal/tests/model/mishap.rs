//! What can go wrong, and how OctoEverywhere answers.

use std::fmt;

/// Something that can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mishap {
    /// Time passes while an invocation runs.
    Stall,
    /// An invocation dies, at any step.
    Crash,
    /// OctoEverywhere does what it is asked, and the answer is lost.
    LostAnswer,
    /// The table writes, and its answer is lost: the retry fails on its condition.
    LostWrite,
    /// OctoEverywhere fails.
    Failure,
    /// OctoEverywhere answers 605.
    Suspension,
    /// OctoEverywhere answers 604 in its bad hour.
    Refusal,
    /// The index, which is a little behind the table, shows a row that isn't due any more.
    StaleIndex,
    /// The topic can't be told.
    DeafTopic,
}

const ALL: [Mishap; 9] = [
    Mishap::Stall,
    Mishap::Crash,
    Mishap::LostAnswer,
    Mishap::LostWrite,
    Mishap::Failure,
    Mishap::Suspension,
    Mishap::Refusal,
    Mishap::StaleIndex,
    Mishap::DeafTopic,
];

/// How often each [`Mishap`] may still happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mishaps([u8; ALL.len()]);

impl Mishaps {
    pub fn of(mishaps: &[Mishap]) -> Self {
        let mut remaining = [0; ALL.len()];
        for mishap in mishaps {
            remaining[*mishap as usize] += 1;
        }
        Self(remaining)
    }

    pub fn may(&self, mishap: Mishap) -> bool {
        self.0[mishap as usize] > 0
    }

    pub fn spend(&mut self, mishap: Mishap) {
        self.0[mishap as usize] -= 1;
    }
}

impl fmt::Debug for Mishaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remaining = ALL.into_iter().zip(self.0).filter(|(_, remaining)| *remaining > 0);
        f.debug_map().entries(remaining).finish()
    }
}

/// How OctoEverywhere takes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    Done,
    DoneButLost,
    Failed,
    Suspended,
    Refused,
    /// In its bad hour, of something that it could do.
    RefusedInError,
}

impl Reaction {
    /// What of it is a mishap.
    pub fn mishap(self) -> Option<Mishap> {
        match self {
            Self::Done | Self::Refused => None,
            Self::DoneButLost => Some(Mishap::LostAnswer),
            Self::Failed => Some(Mishap::Failure),
            Self::Suspended => Some(Mishap::Suspension),
            Self::RefusedInError => Some(Mishap::Refusal),
        }
    }
}

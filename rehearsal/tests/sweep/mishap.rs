//! What can go wrong.

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
    /// A table writes, and its answer is lost: the retry fails on its condition.
    LostWrite,
    /// A table doesn't write, and says so.
    BrokenWrite,
    /// OctoEverywhere fails.
    Failure,
    /// OctoEverywhere refuses.
    Refusal,
    /// A page shows the row as it was before it was last written.
    StalePage,
}

const ALL: [Mishap; 8] = [
    Mishap::Stall,
    Mishap::Crash,
    Mishap::LostAnswer,
    Mishap::LostWrite,
    Mishap::BrokenWrite,
    Mishap::Failure,
    Mishap::Refusal,
    Mishap::StalePage,
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
    Success,
    Silence,
    Failure,
    Refusal,
}

impl Reaction {
    /// What may be heard of a call, carried out or not.
    pub fn of(is_carried_out: bool) -> &'static [Self] {
        match is_carried_out {
            true => &[Self::Success, Self::Silence],
            false => &[Self::Failure, Self::Silence, Self::Refusal],
        }
    }

    /// What of it is a mishap.
    pub fn mishap(self) -> Option<Mishap> {
        match self {
            Self::Success => None,
            Self::Silence => Some(Mishap::LostAnswer),
            Self::Failure => Some(Mishap::Failure),
            Self::Refusal => Some(Mishap::Refusal),
        }
    }
}

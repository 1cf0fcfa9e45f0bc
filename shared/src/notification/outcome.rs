//! How a print ended.
//!
//! OctoEverywhere's "print failed" (3) is nearly always a person's cancel: four of the plugin's platforms raise it for nothing else,
//! and the other two for both (`octoeverywhere.md`). Only the texts that come with it tell which. What isn't known for a
//! cancel is a failure: that may wake somebody for nothing, and the other mistake would let them sleep.

use crate::json;
use crate::notification::event::EventType;
use crate::notification::payload::is_filler;

/// What a person's cancel says for itself, all of it: OctoPrint and Klipper, Elegoo Centauri Carbon 2, Bambu Lab's texts and
/// their codes.
const CANCELS: [&str; 8] = [
    "cancelled",
    "canceled",
    "stopped",
    "stopping",
    "Printing was cancelled.",
    "The task was canceled.",
    "0500400E",
    "0300400C",
];
/// What is among the parts of a cancel's code, which `;` separates: PrusaLink and Elegoo.
const PARTS_OF_CANCELS: [&str; 4] = [
    "printer_state=STOPPED",
    "job_state=STOPPED",
    "PrintInfoStatus=8",
    "PrintInfoStatus=14",
];

/// How a print ended; an extension and a message attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Complete,
    /// Somebody stopped it.
    Stopped,
    /// By itself.
    Failed,
}

impl Outcome {
    /// How the print ended that this event ends, if it ends one; `cause` is what it says of why.
    pub fn of(event_type: EventType, cause: Option<Cause>) -> Option<Self> {
        match (event_type, cause) {
            (EventType::PRINT_COMPLETE, _) => Some(Self::Complete),
            (EventType::PRINT_FAILED, Some(Cause::Cancel)) => Some(Self::Stopped),
            (EventType::PRINT_FAILED, _) => Some(Self::Failed),
            _ => None,
        }
    }

    /// The attribute's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// What an `Error` or a `PlatformErrorCode` says of why a print ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A person cancelled it.
    Cancel,
    /// Anything else.
    Other,
}

impl Cause {
    /// Reads a JSON value; `None` where it says nothing.
    pub fn read(written: &str) -> Option<Self> {
        if written == "null" {
            return None;
        }
        let Some(text) = json::scalar(written) else {
            return Some(Self::Other);
        };
        let text = text.trim();
        let is = |words: &[&str], text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text));
        if is_filler(text) {
            None
        } else if is(&CANCELS, text) || text.split(';').any(|part| is(&PARTS_OF_CANCELS, part.trim())) {
            Some(Self::Cancel)
        } else {
            Some(Self::Other)
        }
    }
}

#[cfg(test)]
mod tests;

//! OctoEverywhere's event types, and what Printbell calls them.

use std::borrow::Cow;

use crate::notification::outcome::Outcome;

/// What the `type` of a notification's CloudEvents event begins with.
pub const TYPE_PREFIX: &str = "com.octoeverywhere.";

/// An `EventType` as OctoEverywhere numbers it. Values are never removed or re-arranged and new ones are added over time
/// (`octoeverywhere.md`), so every integer is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(pub i64);

/// How much a person should care; a message attribute to filter subscriptions by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing to do.
    Info,
    /// The printer or the account waits for somebody, or a moment to look has come.
    Attention,
    /// Something failed or is failing.
    Failure,
}

impl Severity {
    /// The attribute's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Attention => "attention",
            Self::Failure => "failure",
        }
    }
}

impl EventType {
    /// A print is over, and as it should be.
    pub const PRINT_COMPLETE: Self = Self(2);
    /// A print is over before it should be, by itself or because somebody stopped it.
    pub const PRINT_FAILED: Self = Self(3);
    /// A notification that the app asked for by TestWebhook.
    pub const TEST: Self = Self(16);

    /// The event's name: what follows [`TYPE_PREFIX`] in the `type`, and the `event` message attribute.
    pub fn name(self) -> Cow<'static, str> {
        let known = match self.0 {
            1 => "print.started",
            2 => "print.complete",
            3 => "print.failed",
            4 => "print.paused",
            5 => "print.resumed",
            6 => "print.progress",
            7 => "gadget.warning",
            8 => "gadget.paused",
            9 => "printer.error",
            10 => "print.first-layer-complete",
            11 => "printer.filament-change-required",
            12 => "printer.user-interaction-required",
            13 => "account.notification-limit",
            14 => "print.third-layer-complete",
            15 => "printer.bed-cooled-down",
            16 => "test",
            other => return Cow::Owned(format!("event.{other}")),
        };
        Cow::Borrowed(known)
    }

    /// How much a person should care. Who stopped a print need not be woken for it.
    pub fn severity(self, outcome: Option<Outcome>) -> Severity {
        match (self.0, outcome) {
            (3, Some(Outcome::Stopped)) => Severity::Attention,
            (3 | 7 | 8 | 9, _) => Severity::Failure,
            (4 | 11 | 12 | 13, _) => Severity::Attention,
            _ => Severity::Info,
        }
    }
}

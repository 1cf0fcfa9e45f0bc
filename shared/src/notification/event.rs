//! OctoEverywhere's event types, and what Printbell calls them.

use std::borrow::Cow;

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

    /// How much a person should care.
    pub fn severity(self) -> Severity {
        match self.0 {
            3 | 7 | 8 | 9 => Severity::Failure,
            4 | 11 | 12 | 13 => Severity::Attention,
            _ => Severity::Info,
        }
    }
}

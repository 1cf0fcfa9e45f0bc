//! The names of things: app tokens, printers, and the events that printers report.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

/// The `appApiToken` of one App Connection, which is one printer. `Debug` never shows it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppToken(String);

impl AppToken {
    /// Takes any text for a token; which tokens are good is for the simulator to say.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token itself, to send it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A token as unguessable as the real ones.
    pub(crate) fn random() -> Self {
        Self(random_hex::<32>())
    }
}

impl fmt::Debug for AppToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AppToken(…)")
    }
}

/// OctoEverywhere's name for a printer: `PrinterId` in payloads, and how the control surface addresses it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PrinterId(String);

impl PrinterId {
    /// Takes any text for an id.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn random() -> Self {
        Self(random_hex::<16>())
    }
}

impl fmt::Display for PrinterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A print's name in payloads; each play of a print has its own.
pub(crate) fn random_print_id() -> String {
    random_hex::<16>()
}

#[expect(
    clippy::expect_used,
    reason = "the operating system's randomness is there from boot on"
)]
fn random_hex<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An `EventType` of the notification payload. Values are never re-used, and new ones are added over time, so any
/// positive number is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventType(pub i32);

#[allow(
    missing_docs,
    reason = "the names say it; the numbers are the table in octoeverywhere.md"
)]
impl EventType {
    pub const PRINT_STARTED: Self = Self(1);
    pub const PRINT_COMPLETE: Self = Self(2);
    pub const PRINT_FAILED: Self = Self(3);
    pub const PRINT_PAUSED: Self = Self(4);
    pub const PRINT_RESUMED: Self = Self(5);
    pub const PRINT_PROGRESS: Self = Self(6);
    pub const GADGET_WARNING: Self = Self(7);
    pub const GADGET_PAUSED: Self = Self(8);
    pub const PRINTER_ERROR: Self = Self(9);
    pub const FIRST_LAYER_COMPLETE: Self = Self(10);
    pub const FILAMENT_CHANGE_REQUIRED: Self = Self(11);
    pub const USER_INTERACTION_REQUIRED: Self = Self(12);
    pub const NOTIFICATION_LIMIT: Self = Self(13);
    pub const THIRD_LAYER_COMPLETE: Self = Self(14);
    pub const BED_COOLED_DOWN: Self = Self(15);
    pub const TEST: Self = Self(16);
}

//! The names of things: app tokens, printers, and prints.

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

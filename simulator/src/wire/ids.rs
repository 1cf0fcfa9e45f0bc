//! The names of things: app tokens, App Connections, printers, and prints.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::splitmix::splitmix64;

/// An `appApiToken` of one App Connection, which is one printer. `Debug` never shows it.
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

/// The `id` of an App Connection, which stays while its tokens come and go.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(String);

impl ConnectionId {
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

/// A print's name: `PrintId` in payloads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrintId(String);

impl PrintId {
    /// As long as the plugin makes them.
    const LENGTH: u64 = 60;

    /// The id as text: 60 characters of A–Z and 0–9.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn random() -> Self {
        Self::numbered(u64::from_le_bytes(random_bytes()))
    }

    /// Another for another number.
    pub(crate) fn numbered(number: u64) -> Self {
        const CHARACTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let first = number.wrapping_mul(Self::LENGTH);
        let scatter = (0..Self::LENGTH).map(|at| splitmix64(first.wrapping_add(at)));
        Self(
            scatter
                .map(|scatter| char::from(CHARACTERS[(scatter % 36) as usize]))
                .collect(),
        )
    }
}

fn random_hex<const BYTES: usize>() -> String {
    random_bytes::<BYTES>()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[expect(
    clippy::expect_used,
    reason = "the operating system's randomness is there from boot on"
)]
fn random_bytes<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system gives random bytes");
    bytes
}

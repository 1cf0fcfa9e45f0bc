//! App Connections: what to issue, and what was.

use serde::{Deserialize, Serialize};

use super::ids::{AppToken, ConnectionId, PrinterId};
use crate::print::{Numbers, Platform};

/// The printer to issue, or the changes to one; what is absent is made up, or stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPrinter {
    /// The token of the App Connection; random when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<AppToken>,
    /// The printer's id; random when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer_id: Option<PrinterId>,
    /// `PrinterName` in payloads and in `info`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `SecretKey` in payloads; without one the payloads have no such key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
    /// What it runs; OctoPrint when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// How its numbers are written; whole when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Numbers>,
}

impl NewPrinter {
    /// A printer of this name, the rest made up.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::default()
        }
    }
}

/// An App Connection that can be used now.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppConnection {
    /// Its `id`: other tokens may be of the same one.
    pub connection_id: ConnectionId,
    /// A credential of this App Connection.
    pub token: AppToken,
    /// The printer behind it.
    pub printer_id: PrinterId,
}

//! What OctoEverywhere holds for a printer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event_type::EventType;
use super::history::History;
use super::ids::{ConnectionId, PrinterId};

/// A printer, its webhook, and what happened to it so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// The printer's id.
    pub printer_id: PrinterId,
    /// The App Connection's id, whichever tokens it has.
    pub connection_id: ConnectionId,
    /// The printer's name.
    pub printer_name: String,
    /// The webhook as it is now; `None` before the first Set, and after a Delete.
    pub webhook: Option<WebhookState>,
    /// What happened so far.
    pub history: History,
}

/// A webhook as OctoEverywhere holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookState {
    /// Byte for byte as it was set.
    pub url: String,
    /// `InclusiveEventTypesFilter`; empty for all.
    pub filter: Vec<EventType>,
    /// When Set was called last.
    pub set_at: Timestamp,
    /// 180 days later.
    pub expires_at: Timestamp,
    /// Whether notifications go out.
    pub standing: Standing,
    /// Failed deliveries since the last good one; the sixth disables the webhook.
    pub failures_in_a_row: u32,
}

/// Whether a webhook's notifications go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// They go out.
    Active,
    /// It wasn't set again within 180 days.
    Expired,
    /// Too many deliveries in a row failed.
    Disabled,
}

//! What goes over the control surface, both ways, in JSON with camelCase names and RFC 3339 times.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{AppToken, Delivery, EventType, Fault, History, PrinterId, Standing};

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
pub struct Issued {
    /// The credential of this App Connection.
    pub token: AppToken,
    /// The printer behind it.
    pub printer_id: PrinterId,
}

/// A printer, its webhook, and what happened to it so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// The printer's id.
    pub printer_id: PrinterId,
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

/// How busy the API was since the start or the last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// Calls so far, whatever came of them.
    pub calls: u64,
    /// Calls without an answer yet.
    pub in_flight: u32,
    /// The most there were at once.
    pub max_in_flight: u32,
    /// The most that began within one second of the real clock.
    pub busiest_second: u32,
}

/// A fault that may still strike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActiveFault {
    /// Its number, to take it back by.
    pub id: u64,
    /// As it was added; `times` is what was asked for.
    pub fault: Fault,
    /// How many calls it has struck.
    pub struck: u32,
}

/// The simulator's time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClockReading {
    /// What the simulator takes for now.
    pub now: Timestamp,
}

/// How far to move the clock.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClockAdvance {
    /// Back when negative.
    pub seconds: i64,
}

/// A notification to send: an event with a payload made up for it, or a payload as it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notify {
    /// Whose webhook gets it.
    pub printer_id: PrinterId,
    /// The event to make a payload for; not together with `payload`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<EventType>,
    /// The payload, sent as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
}

impl Notify {
    pub(crate) fn event(printer: &PrinterId, event: EventType) -> Self {
        Self {
            printer_id: printer.clone(),
            event_type: Some(event),
            payload: None,
        }
    }

    pub(crate) fn payload(printer: &PrinterId, payload: Box<RawValue>) -> Self {
        Self {
            printer_id: printer.clone(),
            event_type: None,
            payload: Some(payload),
        }
    }
}

/// How to play a print.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlayPrint {
    /// How many times faster than real: 600 plays a print of 100 minutes in 10 s. 0 is as fast as possible.
    #[serde(default)]
    pub speed: f64,
    /// `FileName` in the payloads; made up when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
}

/// A list of things.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Items<T> {
    /// The things.
    pub items: Vec<T>,
}

/// Part of the record of deliveries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliveryPage {
    /// Oldest first.
    pub items: Vec<Delivery>,
    /// What to ask for `after` next time.
    pub next: u64,
}

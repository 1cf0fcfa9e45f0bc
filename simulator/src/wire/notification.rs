//! Notifications to send.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::event_type::EventType;
use super::ids::PrinterId;
use crate::print::Plan;

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
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlayPrint {
    /// How many times faster than real: 600 plays a print of 100 minutes in 10 s. 0 is as fast as possible.
    pub speed: f64,
    /// What is printed, and how it goes.
    pub print: Plan,
    /// How many times each notification is sent, as by a plugin that doesn't learn of its success: 1 to 6. Each time the
    /// link to the picture is another.
    pub uploads: u32,
}

impl Default for PlayPrint {
    fn default() -> Self {
        Self {
            speed: 0.0,
            print: Plan::default(),
            uploads: 1,
        }
    }
}

impl PlayPrint {
    /// This print, as fast as possible.
    pub fn of(print: Plan) -> Self {
        Self {
            print,
            ..Self::default()
        }
    }
}

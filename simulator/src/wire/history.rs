//! What happened to a printer's webhook.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::registration::Standing;
use super::route::Route;

/// One call of the API with a printer's token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    /// Which one.
    pub route: Route,
    /// When it had been read, in the simulator's time.
    pub at: Timestamp,
    /// The status answered; `None` when the caller got no answer or didn't wait for it.
    pub status: Option<u16>,
    /// Whether the work was done, whatever the caller was told.
    pub applied: bool,
}

/// Figures over everything that happened to a printer's webhook since the printer was issued.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Set calls that took effect.
    pub sets: u64,
    /// Delete calls that took effect.
    pub deletes: u64,
    /// The longest time from one Set that took effect to the next; 0 before the second.
    pub longest_gap_seconds: i64,
    /// The most Set and Delete calls that were under way at once; above 1, two callers were at it together.
    pub max_calls_in_flight: u32,
    /// Whether notifications would have got lost at any time from the first Set on, a Delete aside.
    pub ever_inactive: bool,
    /// The times when the webhook was set but dead, and that a later Set ended.
    pub lapses: Vec<Lapse>,
}

/// A time when the webhook was dead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lapse {
    /// Why.
    pub cause: Standing,
    /// The expiry, or the delivery that failed once too often.
    pub from: Timestamp,
    /// The Set that ended it.
    pub until: Timestamp,
}

//! How busy the API was.

use serde::{Deserialize, Serialize};

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

//! Reading and moving the simulator's time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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

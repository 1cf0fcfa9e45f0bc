//! What a notification is about.

use serde::{Deserialize, Serialize};

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

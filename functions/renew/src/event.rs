//! What the function is invoked with.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Renew what is due: the schedule's event, and everything else that names nothing to do.
    Run,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let _event = Option::<Map<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
        Ok(Self::Run)
    }
}

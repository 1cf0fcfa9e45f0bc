//! What goes over the control surface, both ways, in JSON with camelCase names and RFC 3339 times: plain data.

pub(crate) mod clock;
pub(crate) mod connection;
pub(crate) mod delivery;
pub(crate) mod event_type;
pub(crate) mod fault;
pub(crate) mod history;
pub(crate) mod ids;
pub(crate) mod notification;
pub(crate) mod portal;
pub(crate) mod quotes;
pub(crate) mod registration;
pub(crate) mod route;
pub(crate) mod traffic;

use serde::{Deserialize, Serialize};

/// A list of things.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Items<T> {
    /// The things.
    pub items: Vec<T>,
}

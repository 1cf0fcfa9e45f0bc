//! What the App APIs' answers say back.

use serde::{Deserialize, Serialize};

/// What every answer quotes of its call, errors included. Nothing at first; whether the service does is not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Quotes {
    /// The URL that the call sets, or else the one that was set.
    pub webhook_url: bool,
    /// The token that the call came with.
    pub app_token: bool,
}

//! The App APIs that the simulator answers.

use http::Method;
use serde::{Deserialize, Serialize};

/// One of OctoEverywhere's App APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Route {
    /// `POST SetNotificationWebhook`
    Set,
    /// `POST DeleteNotificationWebhook`
    Delete,
    /// `GET TestWebhook`
    Test,
    /// `GET info`
    Info,
}

impl Route {
    pub(crate) const ALL: [Self; 4] = [Self::Set, Self::Delete, Self::Test, Self::Info];

    /// Where it is served.
    pub fn path(self) -> &'static str {
        match self {
            Self::Set => "/api/appconnection/SetNotificationWebhook",
            Self::Delete => "/api/appconnection/DeleteNotificationWebhook",
            Self::Test => "/api/appconnection/TestWebhook",
            Self::Info => "/api/appconnection/info",
        }
    }

    /// The one method that it takes.
    pub fn method(self) -> Method {
        match self {
            Self::Set | Self::Delete => Method::POST,
            Self::Test | Self::Info => Method::GET,
        }
    }

    pub(crate) fn changes_the_webhook(self) -> bool {
        matches!(self, Self::Set | Self::Delete)
    }
}

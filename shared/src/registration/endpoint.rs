//! What a webhook calls, and under which key: what was set at OctoEverywhere, and what the stack says that it should be.

use std::collections::BTreeSet;

use super::Registration;
use super::renewal::Status;
use crate::callback::key::VersionId;

/// What the URL of a webhook is made of, the registration's own parts apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// What it begins with: the stack's `PublicUrl`, or its door.
    pub url: String,
    /// The version of the callback secret that signed its token: the whole id, by which a label that is lost can be set again.
    pub key: VersionId,
}

/// What the stack says of every endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Standard {
    /// What each begins with.
    pub url: String,
    /// The versions of the secret that a webhook may bear: those that count, and aren't about to be retired.
    pub keys: BTreeSet<VersionId>,
}

impl Standard {
    /// Whether a webhook with this endpoint may stay as it is.
    pub fn admits(&self, endpoint: &Endpoint) -> bool {
        self.url == endpoint.url && self.keys.contains(&endpoint.key)
    }
}

impl Registration {
    /// Whether callbacks may come under one of these keys, and aren't to be refused.
    pub fn may_bear(&self, keys: &BTreeSet<VersionId>) -> bool {
        let is_wanted = matches!(
            self.renewal.status,
            Status::Active | Status::Pending | Status::Suspended
        );
        let bears = match &self.endpoint {
            Some(endpoint) => keys.contains(&endpoint.key),
            // It isn't known, unless it was never set.
            None => !keys.is_empty() && self.renewal.expires_at().is_some(),
        };
        // Whoever holds it may be calling, or have died while they did.
        let is_held = !keys.is_empty() && self.renewal.lease.is_some();
        is_wanted && (bears || is_held)
    }
}

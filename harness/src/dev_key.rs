//! The key that signs callback tokens in local stacks: published, so that the samples in `events/` carry tokens that
//! verify in anybody's (docs/decisions/0023).

use crate::fixtures::SigningKey;

/// The key. Its secret's UTF-8 bytes are what HMAC takes, as with the one that AWS generates at a deployment; tokens name
/// it `localdev`.
pub const KEY: SigningKey = SigningKey {
    version_id: "localdev-0000-4000-8000-000000000000",
    secret: "printbell-local-development-key.published.so-it-protects-nothing",
};

//! The key that signs callback tokens in local stacks: published, so that the samples in `events/` carry tokens that
//! verify in anybody's (docs/decisions/0023).

/// The key. Its UTF-8 bytes are what HMAC takes, as with the one that AWS generates at a deployment.
pub const KEY: &str = "printbell-local-development-key.published.so-it-protects-nothing";

/// The version of the secret that holds it. Tokens name a version by its first 8 characters: `localdev`.
pub const VERSION_ID: &str = "localdev-0000-4000-8000-000000000000";

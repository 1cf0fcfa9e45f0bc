//! `docs/schemas` as a judge: whether a message is one that they describe.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

/// The schema of what OctoEverywhere tells.
pub const NOTIFICATION: &str = "docs/schemas/notification.json";
/// The schema of what a registration tells of itself.
pub const REGISTRATION: &str = "docs/schemas/registration.json";

static SCHEMAS: LazyLock<[Validator; 2]> =
    LazyLock::new(|| [NOTIFICATION, REGISTRATION].map(|file| crate::validator(&crate::json(file))));

/// The schema that a message is to keep, by its `type`.
pub fn schema_of(message: &Value) -> &'static str {
    let kind = message["type"].as_str().unwrap_or_default();
    match kind.starts_with("dev.printbell.") {
        true => REGISTRATION,
        false => NOTIFICATION,
    }
}

/// Fails when the message isn't as its schema says.
pub fn assert_described(message: &Value) {
    let file = schema_of(message);
    let [notification, registration] = &*SCHEMAS;
    let validator = if file == REGISTRATION {
        registration
    } else {
        notification
    };
    let objections = crate::objections(validator, message);
    assert!(objections.is_empty(), "{file}: {objections}\n{message}");
}

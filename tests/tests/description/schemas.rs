//! `docs/schemas`: the messages as machines read them, made of the names and limits that the rules have.

use printbell_harness::document;
use printbell_shared::id::MAX_LENGTH;
use printbell_shared::metadata::{MAX_PAIRS, RESERVED_NAMES};
use printbell_shared::notification::event::{EventType, TYPE_PREFIX};
use printbell_shared::notification::outcome::Outcome;
use printbell_shared::registration::renewal::News;
use printbell_tests::messages::{NOTIFICATION, REGISTRATION};
use serde_json::{Map, Value, json};

/// The event types that have a name.
const NAMED: std::ops::RangeInclusive<i64> = 1..=16;

/// What no message is without.
const REQUIRED: [&str; 9] = [
    "specversion",
    "id",
    "source",
    "type",
    "time",
    "datacontenttype",
    "tenantid",
    "printerref",
    "data",
];

/// The members that every message has, beside its own and the registration's metadata.
fn event(title: &str, description: &str, own: Value) -> Value {
    let id = json!({
        "type": "string", "minLength": 1, "maxLength": MAX_LENGTH, "pattern": "^[A-Za-z0-9._~-]+$", "not": {"enum": [".", ".."]},
    });
    let mut properties = json!({
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "pattern": "^[0-9a-f]{32}$", "description": "The same for each repeat."},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "tenantid": id,
        "printerref": id,
    });
    let members = properties.as_object_mut().unwrap();
    members.extend(own.as_object().cloned().unwrap());
    // What the code reserves, no metadata can be called.
    assert!(members.keys().all(|name| RESERVED_NAMES.contains(&name.as_str())));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": format!("{description} A CloudEvents 1.0 event in JSON. Its other attributes are the registration's metadata, at most {MAX_PAIRS}; more may be added."),
        "type": "object",
        "properties": properties,
        "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
        "additionalProperties": {"type": "string"},
        "required": REQUIRED,
    })
}

fn notification() -> Value {
    let names = NAMED.map(|number| format!("{TYPE_PREFIX}{}", EventType(number).name()));
    let escaped = TYPE_PREFIX.replace('.', r"\.");
    let [complete, stopped, failed] = [Outcome::Complete, Outcome::Stopped, Outcome::Failed].map(Outcome::as_str);
    let ended = |number: i64, outcomes: &[&str]| {
        json!({
            "if": {"properties": {"type": {"const": format!("{TYPE_PREFIX}{}", EventType(number).name())}}},
            "then": {"properties": {"outcome": {"enum": outcomes}}, "required": ["outcome"]},
        })
    };
    let mut schema = event(
        "Notification",
        "What OctoEverywhere tells of a printer.",
        json!({
            "source": {
                "type": "string", "format": "uri", "pattern": r"^https://octoeverywhere\.com/printers/[A-Za-z0-9._~%-]*$",
                "description": "The printer, by OctoEverywhere's id.",
            },
            "type": {"type": "string", "anyOf": [
                {"enum": names.collect::<Vec<_>>()},
                {"pattern": format!("^{escaped}event\\.(-?[0-9]+|unknown)$"), "description": "One that has no name yet, by its number."},
            ]},
            "subject": {"type": "string", "minLength": 1, "description": "The print, by OctoEverywhere's id; absent outside of one."},
            "outcome": {"enum": [complete, stopped, failed], "description": "How a print ended; on the event that ends it."},
            "data": {"type": "object", "description": "OctoEverywhere's payload as it was sent, less its SecretKey."},
        }),
    );
    let ends = [2, 3].map(|number| format!("{TYPE_PREFIX}{}", EventType(number).name()));
    schema["allOf"] = json!([
        ended(2, &[complete]),
        ended(3, &[stopped, failed]),
        {"if": {"required": ["outcome"]}, "then": {"properties": {"type": {"enum": ends}}}},
    ]);
    schema
}

fn registration() -> Value {
    let news = News::ALL.map(News::as_str);
    let time = json!({"type": ["string", "null"], "format": "date-time"});
    let mut data = Map::new();
    for (name, schema) in [
        ("tenantId", json!({"type": "string"})),
        ("printerRef", json!({"type": "string"})),
        ("status", json!({"enum": news, "description": "What became of it."})),
        ("renewedAt", time.clone()),
        ("expiresAt", time),
        (
            "lastError",
            json!({"type": ["string", "null"], "description": "Why, in OctoEverywhere's own words."}),
        ),
    ] {
        data.insert(name.to_owned(), schema);
    }
    let names: Vec<_> = data.keys().cloned().collect();
    event(
        "RegistrationEvent",
        "What a registration tells of itself.",
        json!({
            "source": {"type": "string", "format": "uri-reference", "pattern": "^/registrations/[A-Za-z0-9._~-]+/[A-Za-z0-9._~-]+$"},
            "type": {"enum": news.map(|news| format!("dev.printbell.registration.{news}"))},
            "data": {"type": "object", "properties": data, "required": names},
        }),
    )
}

#[test]
fn the_schemas_are_made_of_the_code() {
    for (file, schema) in [(NOTIFICATION, notification()), (REGISTRATION, registration())] {
        document::check(file, &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
    }
}

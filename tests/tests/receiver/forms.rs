//! The forms in which a request can arrive.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use printbell_harness::http_event::Door;
use serde_json::{Value, json};

/// An event of a door, with the body as text or in base64.
pub fn event(door: Door, query: &str, body: &str, base64: bool) -> Value {
    let mut event = door.callback(query, body);
    event["isBase64Encoded"] = base64.into();
    event
}

/// What `cargo lambda watch` makes of a request: members without a value are null, the time is in seconds.
fn cargo_lambda(query: &str, body: &str, base64: bool) -> Value {
    let empty = body.is_empty();
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/octoeverywhere/webhook",
        "rawQueryString": if query.is_empty() { Value::Null } else { query.into() },
        "cookies": null, "headers": {"content-type": "application/json"}, "queryStringParameters": {},
        "requestContext": {
            "routeKey": "$default", "accountId": null, "stage": "$default", "requestId": "1", "apiId": null,
            "authentication": null, "domainName": "localhost", "domainPrefix": "webhook",
            "time": "24/Nov/2026:10:00:00 +0000", "timeEpoch": 1_795_514_400,
            "http": {"method": "POST", "path": "/octoeverywhere/webhook", "protocol": "http", "sourceIp": "127.0.0.1",
                "userAgent": "cargo-lambda"},
        },
        "body": if empty { Value::Null } else { body.into() },
        "isBase64Encoded": base64 && !empty,
    })
}

/// All forms in which a request can arrive.
pub fn forms(query: &str, body: &[u8]) -> Vec<String> {
    let mut events = Vec::new();
    let mut push = |form: &dyn Fn(&str, bool) -> Value| {
        if let Ok(text) = std::str::from_utf8(body) {
            events.push(form(text, false));
        }
        events.push(form(&STANDARD.encode(body), true));
    };
    for door in Door::ALL {
        push(&|body, base64| event(door, query, body, base64));
    }
    push(&|body, base64| cargo_lambda(query, body, base64));
    events.iter().map(Value::to_string).collect()
}

//! The forms in which a request can arrive.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use printbell_harness::http_event;
use serde_json::{Value, json};

/// An HTTP API's event, with the body as text or in base64.
pub fn api_gateway(query: &str, body: &str, base64: bool) -> Value {
    let mut event = http_event::callback(query, body);
    event["isBase64Encoded"] = base64.into();
    event
}

/// A function URL's event.
fn function_url(query: &str, body: &str, base64: bool) -> Value {
    let mut event = api_gateway(query, body, base64);
    event["routeKey"] = "$default".into();
    event["requestContext"]["routeKey"] = "$default".into();
    event["requestContext"]["accountId"] = "anonymous".into();
    event["requestContext"]["domainName"] = "a1b2c3d4e5.lambda-url.eu-central-1.on.aws".into();
    let members = event.as_object_mut().unwrap();
    members.remove("pathParameters");
    members.insert(
        "queryStringParameters".into(),
        json!({"callbackToken": "of a map, that nobody should read"}),
    );
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
    for form in [api_gateway, function_url, cargo_lambda] {
        if let Ok(text) = std::str::from_utf8(body) {
            events.push(form(query, text, false));
        }
        events.push(form(query, &STANDARD.encode(body), true));
    }
    events.iter().map(Value::to_string).collect()
}

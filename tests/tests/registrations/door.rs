//! What comes in through the door: events as API Gateway makes them, and as nobody should.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use printbell_harness::http_event;
use printbell_harness::runtime_api::HttpResponse;
use serde_json::{Value, json};

use crate::world::{TOKEN, World};

const PUT: &str = "PUT /registrations/{tenantId}/{printerRef}";

impl World {
    /// What register answers to an event as it is written here; it must answer.
    async fn answer(&self, event: &str) -> HttpResponse {
        let call = self.register.call_within(Duration::from_secs(29), event.to_owned());
        let answer = call.await.http();
        answer.unwrap_or_else(|error| panic!("{event}: {error:#}\n{}", self.register.output()))
    }
}

/// A PUT that is right.
fn put() -> Value {
    let body = json!({"appToken": TOKEN}).to_string();
    http_event::request(PUT, "/registrations/t/p1", "", Some(&body))
}

/// The fields that a problem names.
fn fields(answer: &HttpResponse) -> Vec<String> {
    let problem = World::body(answer);
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    errors
        .iter()
        .map(|error| error["field"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_route_is_the_one_that_api_gateway_chose_whatever_the_path_is() {
    for path in [
        // A domain whose mapping is called like the first part of the path.
        "/registrations/registrations/t/p1",
        "/v1/registrations/t/p1",
        "/registrations/registrations/renew/test",
        "/registrations",
        "/?/%2F/#",
        "",
    ] {
        let world = World::new().await;
        let mut event = put();
        event["rawPath"] = path.into();
        event["requestContext"]["http"]["path"] = path.into();
        let answer = world.answer(&event.to_string()).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.body);
        assert!(world.row("p1").is_some(), "{path}");
    }
}

#[tokio::test]
async fn a_path_s_parameters_are_taken_as_they_come_and_never_decoded_again() {
    let world = World::new().await;
    let rows = |world: &World| ["p?1", "p%3F1", "p1", "..", "."].map(|printer| world.row(printer));
    // What API Gateway hands over for `p%3F1`, `p%253F1`, `p%25701`, `p%2F1`, `%2E%2E` and the like.
    for printer in [
        "\"p?1\"",
        "\"p%3F1\"",
        "\"p%701\"",
        "\"p/1\"",
        "\"..\"",
        "\".\"",
        "\"%2E%2E\"",
        "\"\"",
        "\"p 1\"",
        "\"\\ud800\"",
        "\"p\\u0000\"",
        "\"\u{FFFE}\"",
        "null",
        "7",
        "true",
        "[\"p1\"]",
        "{\"S\":\"p1\"}",
    ] {
        let event = put().to_string().replace("\"p1\"", printer);
        let answer = world.answer(&event).await;
        assert_eq!(answer.status, 400, "{printer}: {}", answer.body);
        assert_eq!(fields(&answer), ["printerRef"], "{printer}: {}", answer.body);
    }
    for parameters in [
        json!({}),
        json!(null),
        json!([]),
        json!("t/p1"),
        json!({"proxy": "t/p1"}),
    ] {
        let mut event = put();
        event["pathParameters"] = parameters;
        let answer = world.answer(&event.to_string()).await;
        assert_eq!(
            (answer.status, fields(&answer)),
            (400, vec!["tenantId".into(), "printerRef".into()])
        );
    }
    assert_eq!(rows(&world), [const { None }; 5]);
    assert!(world.octoeverywhere.calls().is_empty());
}

#[tokio::test]
async fn an_event_of_any_shape_gets_an_answer() {
    let world = World::new().await;
    for event in [
        "null",
        "true",
        "7",
        "\"text\"",
        "[]",
        "{}",
        r#"{"key1":"value1"}"#,
        r#"{"Records":[]}"#,
    ] {
        assert_eq!(world.answer(event).await.status, 404, "{event}");
    }
    let good = put();
    let members: Vec<_> = good.as_object().unwrap().keys().collect();
    for member in &members {
        for odd in [
            "null",
            "true",
            "-7",
            "1e999",
            r#""""#,
            r#""\ud800""#,
            "[]",
            r#"[{"a":"b"}]"#,
            "{}",
            r#"{"http":7}"#,
        ] {
            let mut event = good.clone();
            event[member.as_str()] = "the odd one".into();
            let event = event.to_string().replace(r#""the odd one""#, odd);
            let answer = world.answer(&event).await;
            assert!(
                (200..500).contains(&answer.status),
                "{event}: {} {}",
                answer.status,
                answer.body
            );
        }
    }
    assert!(world.register.is_running());
}

#[tokio::test]
async fn a_token_has_up_to_8_kib_and_a_long_one_travels_in_the_body() {
    for (length, is_in_body) in [(4_096, false), (4_097, true), (8_192, true)] {
        let world = World::new().await;
        let token = "x".repeat(length);
        let answer = world.put("p1", json!({"appToken": token})).await;
        assert_eq!(answer.status, 201, "{length}: {}", answer.body);
        assert_eq!(world.post("p1", "test").await.status, 200);
        assert_eq!(world.delete("p1").await.status, 204);
        let calls = world.octoeverywhere.calls();
        let calls: Vec<_> = calls
            .iter()
            .map(|call| {
                (
                    call.api.as_str(),
                    call.app_token == token,
                    call.body["AppToken"] == token,
                )
            })
            .collect();
        assert_eq!(
            calls,
            [
                ("SetNotificationWebhook", true, is_in_body),
                ("TestWebhook", true, false),
                ("DeleteNotificationWebhook", true, is_in_body),
            ],
            "{length}"
        );
    }
    let world = World::new().await;
    let answer = world.put("p1", json!({"appToken": "x".repeat(8_193)})).await;
    assert_eq!((answer.status, fields(&answer)), (400, vec!["/appToken".to_owned()]));
}

#[tokio::test]
async fn a_token_that_is_too_long_for_now_is_kept() {
    for status in [413, 431] {
        let world = World::new().await;
        world.everyone_gets(status);
        let answer = world.put("p1", json!({"appToken": TOKEN})).await;
        let shown = World::body(&answer);
        assert_eq!(
            (answer.status, &shown["lastError"]["code"]),
            (202, &json!(status)),
            "{shown}"
        );
        assert!(world.row("p1").is_some());
    }
}

#[tokio::test]
async fn a_forged_next_is_the_caller_s_fault() {
    let world = World::new().await;
    world.put("p1", json!({"appToken": TOKEN})).await;
    let encoded = |key: &str| URL_SAFE_NO_PAD.encode(key);
    let long = |length: usize| "x".repeat(length);
    for next in [
        "".to_owned(),
        "x".to_owned(),
        "%FF".to_owned(),
        encoded(r#"["other","p1"]"#),
        encoded(r#"["T","p1"]"#),
        encoded(r#"["","p1"]"#),
        encoded(r#"["t",""]"#),
        encoded(r#"["t","\ud800"]"#),
        encoded(r#"["t",7]"#),
        encoded(r#"["t","p1","p2"]"#),
        encoded(r#"{"hash":"t","range":"p1"}"#),
        encoded(&format!(r#"["t","{}"]"#, long(1_025))),
        format!("{}=", encoded(r#"["t","p1"]"#)),
    ] {
        let answer = world.list(&format!("next={next}")).await;
        assert_eq!(
            (answer.status, fields(&answer)),
            (400, vec!["next".to_owned()]),
            "{next}: {}",
            answer.body
        );
    }
    for next in [encoded(r#"["t","p0"]"#), encoded(r#"["t","by hand\u0000"]"#)] {
        assert_eq!(world.list(&format!("next={next}")).await.status, 200, "{next}");
    }
}

#[tokio::test]
async fn what_was_meant_is_suggested() {
    let world = World::new().await;
    let answer = world
        .put("p1", json!({"apptoken": TOKEN, "eventTypes": ["print.failed"]}))
        .await;
    assert_eq!(
        World::body(&answer)["errors"],
        json!([
            {"field": "/apptoken", "rule": "is not a field that there is; did you mean appToken?"},
            {"field": "/eventTypes/0", "rule": "must be an integer from 1 to 65535; did you mean 3?"},
        ])
    );
    let mut event = put();
    event["headers"]["AppToken"] = TOKEN.into();
    event["body"] = "{}".into();
    let answer = world.answer(&event.to_string()).await;
    assert_eq!(
        (answer.status, fields(&answer)),
        (400, vec!["the header apptoken".to_owned()])
    );
    let answer = world.list("status=activ&limt=5").await;
    let rules: Vec<_> = World::body(&answer)["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["rule"].as_str().unwrap().rsplit("; ").next().unwrap().to_owned())
        .collect();
    assert_eq!(rules, ["did you mean active?", "did you mean limit?"]);
    assert!(world.octoeverywhere.calls().is_empty());
}

#[tokio::test]
async fn a_row_by_hand_under_an_id_that_is_none_is_shown_as_unreadable() {
    let world = World::new().await;
    world.put("p1", json!({"appToken": TOKEN})).await;
    world.write_row("..", json!({"appToken": "another-token"}));
    let list = World::body(&world.list("").await);
    let items: Vec<_> = list["items"].as_array().unwrap().iter().collect();
    let shown = |item: &Value| (item["printerRef"].clone(), item["status"].clone());
    assert_eq!(
        items.iter().map(|item| shown(item)).collect::<Vec<_>>(),
        [(json!(".."), json!("unreadable")), (json!("p1"), json!("active"))]
    );
    let reason = items[0]["lastError"]["message"].as_str().unwrap();
    assert!(reason.contains("neither `.` nor `..`"), "{reason}");
}

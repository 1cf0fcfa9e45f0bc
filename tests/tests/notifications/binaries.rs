//! The same at the functions' binaries: the id that is answered is the one that comes out of the topic, sooner or later.

use std::collections::BTreeSet;

use printbell_harness::fixtures::{DEAD_LETTER_QUEUE, KEY};
use printbell_harness::runtime_api::{Function, Launch};
use printbell_harness::stub_aws::{Behaviour, Service, StubAws};
use printbell_harness::{http_event, queue_event};
use serde_json::Value;

const CANCEL: &str = r#"{"PrinterId":"x","PrintId":"y","EventType":3,"DurationSec":60,"Error":"cancelled"}"#;
const IDLE_ERROR: &str = r#"{"EventType":9,"DurationSec":"0.0","Error":"Heater fault"}"#;

async fn aws() -> StubAws {
    let aws = StubAws::start().await.unwrap();
    aws.secrets(|secrets| secrets.rotate(&KEY));
    aws
}

async fn start(function: &str, aws: &StubAws) -> Function {
    Launch::deployed(function, &[]).unwrap().aws(aws).start().await.unwrap()
}

/// Sends a callback; answers with the event's id.
async fn send(webhook: &Function, event: &Value) -> String {
    let answer = webhook.call(event.to_string()).await.http().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    id(&answer.body)
}

fn id(json: &str) -> String {
    let event: Value = serde_json::from_str(json).unwrap();
    event["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_doesn_t_identify_itself_goes_by_the_api_s_request() {
    let aws = aws().await;
    let webhook = start("webhook", &aws).await;
    let callback = |request_id: &str| {
        let mut event = http_event::callback(&KEY.query(), IDLE_ERROR);
        event["requestContext"]["requestId"] = request_id.into();
        event
    };
    // SHA-256 of `abc123 00 p42 00 {…} 00 JKJaXmPLvHcESHA=`, as in `shared/src/notification/identity/tests.rs`.
    let expected = "dfa967a28ab987d7a982195de7bb11ba";
    assert_eq!(send(&webhook, &callback("JKJaXmPLvHcESHA=")).await, expected);
    assert_eq!(send(&webhook, &callback("JKJaXmPLvHcESHA=")).await, expected);
    // A week later
    assert_ne!(send(&webhook, &callback("JKJaXn1pPHcESXA=")).await, expected);

    // Without the API's, each invocation has an id of its own.
    let mut by_hand = callback("");
    by_hand["requestContext"].as_object_mut().unwrap().remove("requestId");
    let mut ids = BTreeSet::from([send(&webhook, &by_hand).await, send(&webhook, &by_hand).await]);
    ids.insert(send(&webhook, &callback("")).await);
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn what_waited_comes_out_under_the_id_that_was_answered() {
    for broken in [Service::Sns, Service::SecretsManager] {
        for body in [CANCEL, IDLE_ERROR, "{}", r#"{"EventType":16}"#] {
            let then = aws().await;
            then.set(broken, Behaviour::Status500);
            let answered = send(
                &start("webhook", &then).await,
                &http_event::callback(&KEY.query(), body),
            )
            .await;
            let waiting = then.queued();
            assert_eq!(waiting.len(), 1);
            assert!(waiting[0].attributes.len() <= 10);

            let now = aws().await;
            let redrive = start("redrive", &now).await;
            redrive
                .call(queue_event::batch(&waiting, 1).to_string())
                .await
                .json()
                .unwrap();
            let published = now.published();
            assert_eq!(published.len(), 1, "{body}");
            assert_eq!(id(&published[0].text), answered, "{body}");
            let attribute = |name: &str| published[0].attributes.get(name).map(|(_, value)| value.as_str());
            let (outcome, severity) = match body {
                CANCEL => (Some("stopped"), "attention"),
                IDLE_ERROR => (None, "failure"),
                _ => (None, "info"),
            };
            assert_eq!(
                (attribute("outcome"), attribute("severity")),
                (outcome, Some(severity)),
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn what_can_t_be_published_goes_by_the_request_too() {
    let aws = aws().await;
    let webhook = start("webhook", &aws).await;
    let callback = http_event::callback(&KEY.query(), "[1, 2]");
    let answered = send(&webhook, &callback).await;
    assert_eq!(send(&webhook, &callback).await, answered);
    assert_ne!(
        send(&webhook, &http_event::callback(&KEY.query(), "[1, 2]")).await,
        answered
    );
    let (published, set_aside) = aws.drain();
    assert!(published.is_empty() && set_aside.iter().all(|letter| letter.queue == DEAD_LETTER_QUEUE));
}

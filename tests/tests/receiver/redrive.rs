//! Redrive at the binary: what comes back, when, and what doesn't.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use printbell_harness::fixtures::{DEAD_LETTER_QUEUE, FALLBACK_QUEUE, KEY, SECOND_KEY};
use printbell_harness::queue_event;
use printbell_harness::stub_aws::{Behaviour, QueueMessage, Service, ServiceCall, StubAws};
use serde_json::Value;

use crate::stage::{aws, launch, receiver, rotate, send};

async fn redrive(aws: &StubAws, waiting: &[QueueMessage], receives: u32) -> Vec<Value> {
    let function = launch("redrive", aws).start().await.unwrap();
    let event = queue_event::batch(waiting, receives);
    let answer = function.call(event.to_string()).await.json().unwrap();
    answer["batchItemFailures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failed| failed["itemIdentifier"].clone())
        .collect()
}

/// What the receiver queues for a callback while this service is broken.
async fn queued_while(broken: Service, query: &str, body: &str) -> Vec<QueueMessage> {
    let aws = aws().await;
    aws.set(broken, Behaviour::Status500);
    let function = receiver(&aws).await;
    assert_eq!(send(&function, query, body).await.status, 200);
    aws.queued()
}

#[tokio::test]
async fn while_sns_fails_messages_come_back_after_growing_pauses() {
    let waiting = queued_while(Service::Sns, &KEY.query(), "{}").await;
    let aws = aws().await;
    aws.set(Service::Sns, Behaviour::Status500);
    for (receives, between) in [(1, 4..=6), (4, 32..=48), (200, 480..=720)] {
        assert_eq!(redrive(&aws, &waiting, receives).await, ["0"]);
        let put_off = |call: &ServiceCall| call.action == "ChangeMessageVisibility";
        let call = aws.calls().into_iter().rfind(put_off).unwrap();
        let request: Value = serde_json::from_slice(&call.body).unwrap();
        assert_eq!(request["QueueUrl"], FALLBACK_QUEUE);
        assert_eq!(request["ReceiptHandle"], "receipt of 0");
        let seconds = request["VisibilityTimeout"].as_i64().unwrap();
        assert!(between.contains(&seconds), "after {receives} receives: {seconds} s");
    }
    assert!(aws.published().is_empty() && aws.queued().is_empty());
}

#[tokio::test]
async fn what_came_while_there_were_no_keys_is_authenticated() {
    let good = queued_while(Service::SecretsManager, &KEY.query(), r#"{"EventType":2}"#).await;
    let forged = KEY.query().replace("p42", "p43");
    let forged = queued_while(Service::SecretsManager, &forged, r#"{"EventType":2}"#).await;
    let no_object = queued_while(Service::SecretsManager, &KEY.query(), "[]").await;
    let waiting = [good, forged, no_object].concat();
    assert_eq!(waiting.len(), 3);

    let aws = aws().await;
    aws.set(Service::SecretsManager, Behaviour::Status500);
    assert_eq!(redrive(&aws, &waiting, 1).await, ["0", "1", "2"], "nobody can tell yet");
    aws.set(Service::SecretsManager, Behaviour::Ok);
    assert!(redrive(&aws, &waiting, 2).await.is_empty());
    let (published, set_aside) = aws.drain();
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].attributes["event"].1, "print.complete");
    assert_eq!(
        published[0].attributes["eventType"],
        ("Number".to_owned(), "2".to_owned())
    );
    assert!(!published[0].attributes.contains_key("reason"));
    assert_eq!(set_aside.len(), 1);
    assert_eq!(set_aside[0].queue, DEAD_LETTER_QUEUE);
}

/// What a queue message keeps of a body, and how long that was if it isn't all.
fn kept(message: &QueueMessage) -> (Vec<u8>, Option<u64>) {
    let letter: Value = serde_json::from_str(&message.body).unwrap();
    let bytes = match &letter["body"] {
        Value::String(text) => text.clone().into_bytes(),
        base64 => STANDARD.decode(base64["base64"].as_str().unwrap()).unwrap(),
    };
    (bytes, letter["bodyLength"].as_u64())
}

#[tokio::test]
async fn what_is_too_long_to_be_published_is_kept() {
    const KIB: usize = 1024;
    for (length, expected) in [
        (128 * KIB + 1, 128 * KIB + 1),
        (700 * KIB, 700 * KIB),
        (700 * KIB + 1, 128 * KIB),
        (4096 * KIB, 128 * KIB),
    ] {
        let body = format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
        let expected = (
            body.as_bytes()[..expected].to_vec(),
            (expected < length).then_some(length as u64),
        );
        let aws = aws().await;
        let function = receiver(&aws).await;
        assert_eq!(send(&function, &KEY.query(), &body).await.status, 200);
        let (_, at_once) = aws.drain();
        let unverified = queued_while(Service::SecretsManager, &KEY.query(), &body).await;
        assert_eq!(unverified[0].queue, FALLBACK_QUEUE);
        assert!(kept(&unverified[0]) == expected, "{length}");
        assert!(redrive(&aws, &unverified, 1).await.is_empty());
        let (published, authenticated) = aws.drain();
        assert!(redrive(&aws, &authenticated, 1).await.is_empty());
        let (published_later, again) = aws.drain();
        assert!(published.is_empty() && published_later.is_empty());
        for letters in [at_once, authenticated, again] {
            let [letter] = letters.as_slice() else {
                panic!("{length}: {} letters", letters.len())
            };
            assert_eq!(letter.queue, DEAD_LETTER_QUEUE);
            let reason = format!("the body has {length} bytes, and at most 131072 are published");
            assert_eq!(letter.attributes["reason"], ("String".to_owned(), reason));
            assert!(kept(letter) == expected, "{length}");
        }
    }
}

#[tokio::test]
async fn what_was_signed_under_a_key_retired_since_waits_for_a_person() {
    let waiting = queued_while(Service::SecretsManager, &KEY.query(), r#"{"EventType":2}"#).await;
    let aws = aws().await;
    let counting = aws.secrets(|secrets| secrets.clone());
    aws.secrets(|secrets| {
        rotate(secrets, &SECOND_KEY);
        secrets.retire(&KEY);
    });
    assert!(redrive(&aws, &waiting, 1).await.is_empty());
    let (published, set_aside) = aws.drain();
    assert!(published.is_empty());
    assert_eq!(set_aside.len(), 1);
    assert_eq!(set_aside[0].queue, DEAD_LETTER_QUEUE);
    assert_eq!(set_aside[0].body, waiting[0].body);
    let reason = &set_aside[0].attributes["reason"].1;
    assert!(reason.contains(KEY.key_id()), "{reason}");
    // Somebody makes the key count again, and redrives the dead-letter queue.
    aws.secrets(|secrets| *secrets = counting);
    assert!(redrive(&aws, &set_aside, 1).await.is_empty());
    assert_eq!(aws.drain().0.len(), 1);
}

#[tokio::test]
async fn a_redrive_of_the_dead_letter_queue_doesn_t_go_in_circles() {
    let aws = aws().await;
    let function = receiver(&aws).await;
    assert_eq!(send(&function, &KEY.query(), "not JSON").await.status, 200);
    let (_, quarantined) = aws.drain();
    assert_eq!(quarantined[0].queue, DEAD_LETTER_QUEUE);
    let stray = QueueMessage {
        queue: FALLBACK_QUEUE.to_owned(),
        body: "put here by hand".to_owned(),
        attributes: Default::default(),
        delay_seconds: None,
    };
    // As what was set aside before there was an attribute for the reason.
    let mut older = quarantined.clone();
    older[0].attributes.remove("reason");
    let mut waiting = [quarantined, older, vec![stray]].concat();
    for _ in 0..3 {
        assert!(
            redrive(&aws, &waiting, 1).await.is_empty(),
            "done with: they are in the dead-letter queue"
        );
        let (published, again) = aws.drain();
        assert!(published.is_empty());
        assert!(again.iter().all(|message| message.queue == DEAD_LETTER_QUEUE));
        assert!(again.iter().all(|message| !message.attributes["reason"].1.is_empty()));
        let bodies =
            |messages: &[QueueMessage]| messages.iter().map(|message| message.body.clone()).collect::<Vec<_>>();
        assert_eq!(bodies(&again), bodies(&waiting));
        waiting = again;
    }
}

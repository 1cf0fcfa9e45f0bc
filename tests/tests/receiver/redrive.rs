//! Redrive at the binary: what comes back, when, and what doesn't.

use printbell_harness::fixtures::{DEAD_LETTER_QUEUE, FALLBACK_QUEUE, KEY};
use printbell_harness::queue_event;
use printbell_harness::stub_aws::{Behaviour, QueueMessage, Service, ServiceCall, StubAws};
use serde_json::Value;

use crate::stage::{aws, launch, receiver, send};

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
    assert_eq!(set_aside.len(), 1);
    assert_eq!(set_aside[0].queue, DEAD_LETTER_QUEUE);
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
    let mut waiting = [quarantined, vec![stray]].concat();
    for _ in 0..3 {
        assert!(
            redrive(&aws, &waiting, 1).await.is_empty(),
            "done with: they are in the dead-letter queue"
        );
        let (published, again) = aws.drain();
        assert!(published.is_empty());
        assert!(again.iter().all(|message| message.queue == DEAD_LETTER_QUEUE));
        let bodies =
            |messages: &[QueueMessage]| messages.iter().map(|message| message.body.clone()).collect::<Vec<_>>();
        assert_eq!(bodies(&again), bodies(&waiting));
        waiting = again;
    }
}

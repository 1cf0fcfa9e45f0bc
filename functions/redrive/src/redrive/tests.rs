use std::cell::RefCell;

use lambda_runtime::Context;
use printbell_adapters::key_ring::{KeyRing, Version};
use printbell_shared::callback;
use printbell_shared::callback::key::CallbackKey;
use printbell_shared::callback::keys::Listing;
use printbell_shared::id::RegistrationKey;
use printbell_shared::metadata::Metadata;
use printbell_shared::notification::message::{Arrival, Attribute};
use printbell_shared::notification::sink::SendError;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::*;

/// AWS, as far as redrive sees it.
#[derive(Default)]
struct Aws {
    failing: Vec<Sink>,
    no_keys: bool,
    panics_over: Option<Sink>,
    delivered: RefCell<Vec<(Sink, Letter)>>,
    put_off: RefCell<Vec<(String, Duration)>>,
}

impl KeySource for &Aws {
    async fn list(&self) -> Result<Listing, KeysUnavailable> {
        if self.no_keys {
            return Err(KeysUnavailable::Unreachable("down".into()));
        }
        let versions = [("thekey00", &["AWSCURRENT"][..])];
        Ok(Listing::new(versions).unwrap())
    }

    async fn key(&self, _: Version<'_>) -> Result<Option<CallbackKey>, KeysUnavailable> {
        Ok(Some(key()))
    }
}

impl Sinks for &Aws {
    async fn attempt(&self, sink: Sink, letter: &Letter) -> Result<(), SendError> {
        assert_ne!(self.panics_over, Some(sink), "a bug");
        if self.failing.contains(&sink) {
            return Err(SendError::Temporary("down".into()));
        }
        self.delivered.borrow_mut().push((sink, letter.clone()));
        Ok(())
    }
}

impl Waiting for &Aws {
    async fn put_off(&self, receipt_handle: &str, pause: Duration) -> Result<(), String> {
        self.put_off.borrow_mut().push((receipt_handle.to_owned(), pause));
        Ok(())
    }
}

fn key() -> CallbackKey {
    CallbackKey::new("thekey00", &SecretString::from("a key for these tests"))
}

fn registration() -> RegistrationKey {
    RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    }
}

fn callback(body: &[u8]) -> Callback {
    let url = callback::url("https://example.com", &registration(), &Metadata::default(), &key());
    let (_, query) = url.expose_secret().split_once('?').unwrap();
    let arrival = Arrival {
        received: "2026-11-24T10:00:00.5Z".parse().unwrap(),
        request_id: "8f5e".to_owned(),
    };
    Callback {
        query: query.as_bytes().to_vec(),
        body: body.to_vec().into(),
        arrival,
    }
}

fn authentic(body: &[u8]) -> Letter {
    let metadata = Metadata::default();
    let registration = registration();
    Letter::authentic(Origin { registration, metadata }, callback(body))
}

/// The record that Lambda makes of a letter that waited.
fn record(letter: &Letter, id: &str) -> serde_json::Value {
    let (body, attributes) = letter.to_queue();
    let attribute = |a: &Attribute| {
        (
            a.name.to_string(),
            json!({"stringValue": a.value, "dataType": a.data_type}),
        )
    };
    json!({
        "messageId": id,
        "receiptHandle": format!("receipt of {id}"),
        "body": body,
        "attributes": {"ApproximateReceiveCount": "3"},
        "messageAttributes": attributes.iter().map(attribute).collect::<serde_json::Map<_, _>>(),
    })
}

async fn work_off(aws: &Aws, letters: &[Letter]) -> Vec<String> {
    let records = letters
        .iter()
        .enumerate()
        .map(|(n, letter)| record(letter, &n.to_string()));
    work_off_event(aws, json!({"Records": records.collect::<Vec<_>>()})).await
}

async fn work_off_event(aws: &Aws, event: serde_json::Value) -> Vec<String> {
    let redrive = Redrive::new(KeyRing::new(aws), Publisher::new(aws), aws, Clock::default());
    // As it comes: from a text.
    let batch = serde_json::from_str(&event.to_string()).unwrap();
    let answer = redrive
        .work_off(LambdaEvent::new(batch, Context::default()))
        .await
        .unwrap();
    answer
        .batch_item_failures
        .into_iter()
        .map(|failed| failed.item_identifier)
        .collect()
}

#[tokio::test]
async fn what_waited_is_published_as_it_was() {
    let aws = Aws::default();
    let letter = authentic(br#"{"EventType":1,"PrinterId":"x","n":1.10}"#);
    assert!(work_off(&aws, std::slice::from_ref(&letter)).await.is_empty());
    let delivered = aws.delivered.take();
    let [(Sink::Topic, Letter::Notification(published))] = delivered.as_slice() else {
        panic!("{delivered:?}")
    };
    let Letter::Notification(mut message) = letter else {
        panic!()
    };
    message.attributes.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(*published, message);
}

#[tokio::test]
async fn an_unverified_callback_is_published_with_the_id_and_time_of_its_arrival() {
    let aws = Aws::default();
    let body = br#"{"EventType":16}"#;
    assert!(work_off(&aws, &[Letter::Unverified(callback(body))]).await.is_empty());
    assert_eq!(aws.delivered.take(), [(Sink::Topic, authentic(body))]);
}

#[tokio::test]
async fn a_forged_one_is_dropped() {
    let aws = Aws::default();
    let mut forged = callback(b"{}");
    forged.query = String::from_utf8(forged.query)
        .unwrap()
        .replace("p42", "p43")
        .into_bytes();
    let mut nothing = callback(b"{}");
    nothing.query.clear();
    let letters = [forged, nothing].map(Letter::Unverified);
    assert!(work_off(&aws, &letters).await.is_empty());
    assert_eq!(aws.delivered.take(), []);
}

#[tokio::test]
async fn what_a_key_signed_that_doesn_t_count_is_for_a_person() {
    let aws = Aws::default();
    let mut unknown = callback(b"{}");
    unknown.query = String::from_utf8(unknown.query)
        .unwrap()
        .replace("thekey00", "another0")
        .into_bytes();
    assert!(work_off(&aws, &[Letter::Unverified(unknown.clone())]).await.is_empty());
    let delivered = aws.delivered.take();
    let [(Sink::DeadLetterQueue, Letter::Unverifiable { callback, reason })] = delivered.as_slice() else {
        panic!("{delivered:?}")
    };
    assert_eq!(*callback, unknown);
    assert!(reason.contains("key another0"), "{reason}");
}

#[tokio::test]
async fn while_there_are_no_keys_it_waits_on() {
    let aws = Aws {
        no_keys: true,
        ..Aws::default()
    };
    let letters = [Letter::Unverified(callback(b"{}")), authentic(b"{}")];
    assert_eq!(work_off(&aws, &letters).await, ["0"]);
    assert_eq!(aws.delivered.take().len(), 1, "what is finished needs no keys");
    let [(arrival, pause)] = &aws.put_off.take()[..] else {
        panic!()
    };
    assert_eq!(arrival, "receipt of 0");
    assert!((16..=24).contains(&pause.as_secs()), "{pause:?}");
}

#[tokio::test]
async fn what_needs_a_person_goes_back_to_the_dead_letter_queue_at_once() {
    let aws = Aws::default();
    let unreadable = Letter::from_queue("hello".to_owned(), Vec::new());
    let letters = [authentic(b"[]"), unreadable, Letter::Unverified(callback(b"null"))];
    assert!(work_off(&aws, &letters).await.is_empty());
    let sinks: Vec<_> = aws.delivered.take().iter().map(|(sink, _)| *sink).collect();
    assert_eq!(sinks, [Sink::DeadLetterQueue; 3]);
}

#[tokio::test]
async fn what_could_not_be_read_is_published_once_it_can() {
    let aws = Aws::default();
    let now_readable = Letter::Quarantined {
        origin: Origin {
            registration: registration(),
            metadata: Metadata::default(),
        },
        callback: callback(b"{}"),
        reason: "an older version could not read it".to_owned(),
    };
    assert!(work_off(&aws, &[now_readable]).await.is_empty());
    assert_eq!(aws.delivered.take(), [(Sink::Topic, authentic(b"{}"))]);
}

#[tokio::test]
async fn one_failure_brings_back_one_message() {
    let aws = Aws {
        failing: vec![Sink::DeadLetterQueue],
        ..Aws::default()
    };
    let letters = [authentic(b"{}"), authentic(b"[]"), authentic(br#"{"a":1}"#)];
    assert_eq!(work_off(&aws, &letters).await, ["1"]);
    assert_eq!(aws.delivered.take().len(), 2);
}

#[tokio::test]
async fn a_panic_brings_back_one_message() {
    let aws = Aws {
        panics_over: Some(Sink::DeadLetterQueue),
        ..Aws::default()
    };
    let letters = [authentic(b"{}"), authentic(b"[]")];
    assert_eq!(work_off(&aws, &letters).await, ["1"]);
    assert_eq!(aws.delivered.take().len(), 1);
}

#[tokio::test]
async fn an_odd_record_costs_only_itself() {
    let aws = Aws::default();
    let good = record(&authentic(b"{}"), "good");
    let mut unreadable = record(&authentic(b"{}"), "odd");
    unreadable["body"] = json!(null);
    let event = json!({"Records": [7, null, unreadable, good]});
    assert_eq!(work_off_event(&aws, event).await, [""; 0]);
    let sinks: Vec<_> = aws.delivered.take().iter().map(|(sink, _)| *sink).collect();
    assert_eq!(
        sinks,
        [
            Sink::DeadLetterQueue,
            Sink::DeadLetterQueue,
            Sink::DeadLetterQueue,
            Sink::Topic
        ]
    );
}

#[tokio::test]
async fn what_can_not_be_named_brings_back_the_batch_rather_than_be_lost() {
    let aws = Aws {
        failing: vec![Sink::DeadLetterQueue],
        ..Aws::default()
    };
    let event = json!({"Records": [record(&authentic(b"{}"), "0"), {"body": "by hand"}]});
    assert_eq!(work_off_event(&aws, event).await, [""]);
}

#[tokio::test]
async fn of_an_event_that_is_no_batch_nothing_is_deleted() {
    for event in [json!({"key1": "value1"}), json!({"Records": 7}), json!([])] {
        assert_eq!(work_off_event(&Aws::default(), event).await, [""]);
    }
}

//! `events/messages`: one message of each type, as it is published, made by the code; and what others make of them and of many more.

use std::collections::BTreeMap;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use printbell_harness::runtime_api::Launch;
use printbell_harness::stub_aws::{StubAws, TopicMessage};
use printbell_harness::{dev_key, document, http_event, workspace};
use printbell_shared::callback::query::Query;
use printbell_shared::metadata::Metadata;
use printbell_shared::notification::event::{EventType, TYPE_PREFIX};
use printbell_shared::notification::message::{Arrival, Attribute, Message, Origin};
use printbell_shared::registration::renewal::{EpochSeconds, News, Renewal, StatusChange};
use printbell_shared::registration::wish::Wish;
use printbell_shared::registration::{LastError, Registration};
use printbell_tests::judges::verdict;
use printbell_tests::messages::{NOTIFICATION, REGISTRATION, assert_described, schema_of};
use serde_json::{Value, json};

/// Where the examples are.
const FOLDER: &str = "events/messages";

/// The samples in `events/webhook` that are published, and say something of their own.
const SAMPLES: [&str; 19] = [
    "account.notification-limit",
    "event-type-missing",
    "event.99",
    "gadget.paused",
    "gadget.warning",
    "print.complete",
    "print.failed",
    "print.failed-by-cancel",
    "print.first-layer-complete",
    "print.paused",
    "print.progress",
    "print.resumed",
    "print.started",
    "print.third-layer-complete",
    "printer.bed-cooled-down",
    "printer.error",
    "printer.filament-change-required",
    "printer.user-interaction-required",
    "test",
];

fn sample(name: &str) -> Value {
    printbell_tests::json(&format!("events/webhook/{name}.json"))
}

/// The message that a sample becomes.
fn published(name: &str) -> Message {
    let event = sample(name);
    let query = Query::read(event["rawQueryString"].as_str().unwrap().as_bytes());
    let origin = Origin {
        registration: query.claim.unwrap().registration,
        metadata: query.metadata,
    };
    let context = &event["requestContext"];
    let arrival = Arrival {
        received: Timestamp::from_millisecond(context["timeEpoch"].as_i64().unwrap()).unwrap(),
        request_id: context["requestId"].as_str().unwrap().to_owned(),
    };
    let body = event["body"].as_str().unwrap();
    let body = match event["isBase64Encoded"] == true {
        true => BASE64.decode(body).unwrap(),
        false => body.as_bytes().to_vec(),
    };
    Message::for_callback(&origin, &body, &arrival).unwrap()
}

/// What a registration tells when this becomes of it.
fn told(news: News) -> Message {
    let at = EpochSeconds(1_795_608_000);
    let renewed = EpochSeconds(1_795_514_400);
    let (renewed_at, error) = match news {
        News::Active => (Some(at), None),
        News::Suspended => (
            Some(renewed),
            Some((605, "OctoEverywhere answered 605: not a supporter")),
        ),
        News::Lapsed => (
            Some(EpochSeconds(1_780_000_000)),
            Some((503, "OctoEverywhere answered 503")),
        ),
        News::Revoked => (
            Some(renewed),
            Some((604, "OctoEverywhere answered 604: unknown AppToken")),
        ),
        News::Replaced => (Some(renewed), None),
        News::Refused => (Some(renewed), Some((400, "OctoEverywhere answered 400"))),
    };
    let mut metadata = Metadata::default();
    metadata.insert("room", "lab").unwrap();
    let key = printbell_shared::id::RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    };
    let row = Registration {
        wish: Wish {
            metadata,
            ..Wish::default()
        },
        renewal: Renewal {
            renewed_at,
            ..Renewal::default()
        },
        last_error: error.map(|(code, message)| LastError {
            at,
            code: Some(code),
            message: message.to_owned(),
        }),
        ..Registration::empty(&key)
    };
    Message::for_status_change(&row, &StatusChange { news, at, due: at })
}

/// Every example: its name, and the message.
fn examples() -> Vec<(String, Message)> {
    let samples = SAMPLES.map(|name| (name.replace("event-type-missing", "event.unknown"), published(name)));
    let news = News::ALL.map(|news| (format!("registration.{}", news.as_str()), told(news)));
    samples.into_iter().chain(news).collect()
}

/// A message's attributes, as SNS shows them.
fn shown(attributes: &[Attribute]) -> Value {
    let attributes = attributes.iter();
    let shown = attributes.map(|it| (it.name.to_string(), json!({"Type": it.data_type, "Value": it.value})));
    Value::Object(shown.collect())
}

#[test]
fn the_examples_are_made_of_the_code() {
    let mut attributes = BTreeMap::new();
    let mut kinds = BTreeMap::new();
    for (name, message) in examples() {
        let event: Value = serde_json::from_str(&message.body).unwrap();
        assert_described(&event);
        document::check(&format!("{FOLDER}/{name}.json"), &format!("{}\n", message.body));
        kinds.insert(event["type"].as_str().unwrap().to_owned(), name.clone());
        attributes.insert(name, shown(&message.attributes));
    }
    for number in 1..=16 {
        let kind = format!("{TYPE_PREFIX}{}", EventType(number).name());
        assert!(kinds.contains_key(&kind), "no example of {kind}");
    }
    document::check(
        &format!("{FOLDER}/attributes.json"),
        &(serde_json::to_string_pretty(&attributes).unwrap() + "\n"),
    );
    let files = std::fs::read_dir(workspace::root().join(FOLDER)).unwrap().count();
    assert_eq!(
        files,
        attributes.len() + 1,
        "{FOLDER} has an example that nothing makes"
    );
    println!(
        "{} messages of {} types are as {NOTIFICATION} and {REGISTRATION} say",
        attributes.len(),
        kinds.len()
    );
}

/// Texts that a payload or the metadata may hold.
const ODD: [&str; 12] = [
    "",
    "None",
    "lab",
    " ",
    "ä ö/%2F?&=#",
    "\u{85}\u{2028}\u{2029}",
    "\u{FFFE}\u{FFFF}",
    "\u{1F600}\u{10FFFF}",
    "\"\\",
    "<a&b>",
    "0",
    "null",
];

/// What the binary publishes for its samples, and then for callbacks of every number with odd texts in them.
async fn messages_of_the_binary() -> Vec<TopicMessage> {
    let aws = StubAws::start().await.unwrap();
    aws.secrets(|secrets| secrets.rotate(&dev_key::KEY));
    let webhook = Launch::deployed("webhook", &[])
        .unwrap()
        .aws(&aws)
        .start()
        .await
        .unwrap();
    let mut events: Vec<_> = SAMPLES.map(sample).into();
    for number in (-1_i64..=20).chain([65_536, 10_000_000_000]) {
        for text in ODD {
            let payload = json!({
                "EventType": number, "PrinterId": text, "PrintId": text, "Error": text, "DurationSec": text, "SecretKey": "x", text: text,
            });
            let room = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
            let query = dev_key::KEY.query().replace("room=lab", &format!("room={room}"));
            events.push(http_event::callback(&query, &payload.to_string()));
        }
    }
    for event in &events {
        let answer = webhook.call(event.to_string()).await.http().unwrap();
        assert_eq!(answer.status, 200, "{event}: {}", answer.body);
    }
    let published = aws.published();
    assert_eq!(published.len(), events.len(), "not everything was published");
    published
}

#[tokio::test]
async fn the_binary_publishes_what_the_examples_show_and_others_can_read_it() {
    let published = messages_of_the_binary().await;
    let without_time = |text: &str| {
        let mut event: Value = serde_json::from_str(text).unwrap();
        event["time"].take();
        event
    };
    let value = |(_, value): &(String, String)| value.clone();
    let mut lines = Vec::new();
    for (message, (name, example)) in published.iter().zip(examples()).take(SAMPLES.len()) {
        assert_eq!(without_time(&message.text), without_time(&example.body), "{name}");
        let shown: BTreeMap<_, _> = example
            .attributes
            .iter()
            .map(|it| (it.name.to_string(), it.value.clone()))
            .collect();
        let real: BTreeMap<_, _> = message
            .attributes
            .iter()
            .map(|(name, it)| (name.clone(), value(it)))
            .collect();
        assert_eq!(real, shown, "{name}");
    }
    for message in &published {
        assert_described(&serde_json::from_str(&message.text).unwrap());
        let attributes: BTreeMap<_, _> = message.attributes.iter().map(|(name, it)| (name, value(it))).collect();
        lines.push(json!({"message": message.text, "attributes": attributes}));
    }
    for (_, message) in examples() {
        let attributes: BTreeMap<_, _> = message.attributes.iter().map(|it| (&it.name, &it.value)).collect();
        lines.push(json!({"message": message.body, "attributes": attributes}));
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for line in &lines {
        writeln!(file, "{line}").unwrap();
    }
    file.flush().unwrap();
    let script = workspace::root().join("tests/judges/cloud_events.py");
    print!("{}", verdict("python", [script.as_os_str(), file.path().as_os_str()]));
}

#[test]
fn others_find_the_schemas_sound_and_the_examples_valid() {
    verdict("check-jsonschema", ["--check-metaschema", NOTIFICATION, REGISTRATION]);
    let files = examples().into_iter().map(|(name, message)| {
        let schema = schema_of(&serde_json::from_str(&message.body).unwrap());
        (schema, format!("{FOLDER}/{name}.json"))
    });
    let mut by_schema: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (schema, file) in files {
        by_schema.entry(schema).or_default().push(file);
    }
    for (schema, files) in by_schema {
        let arguments = ["--schemafile", schema].map(str::to_owned);
        verdict("check-jsonschema", arguments.iter().chain(&files));
        println!("check-jsonschema finds {} examples as {schema} says", files.len());
    }
}

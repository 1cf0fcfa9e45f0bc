//! Every file in `events/` goes to its function's binary, and what the functions behind the API answer is in
//! `events/answers`, whole: so the samples document the API.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use insta::internals::{Content, ContentPath};
use jiff::Timestamp;
use printbell_harness::dev_key;
use printbell_harness::fixtures::PUBLIC_URL;
use printbell_harness::runtime_api::{Function, HttpResponse, Launch};
use printbell_harness::stub_aws::StubAws;
use printbell_harness::stub_octoeverywhere::StubOctoEverywhere;
use printbell_harness::workspace;
use printbell_tests::{messages, openapi};
use serde::Serialize;
use serde_json::{Value, json};

/// The sample events of a function, by name.
fn samples(function: &str) -> Vec<(String, String)> {
    let folder: PathBuf = workspace::root().join("events").join(function);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut samples: Vec<_> = files
        .map(|file| {
            let path = file.unwrap().path();
            assert_eq!(path.extension().unwrap(), "json", "{}", path.display());
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    samples.sort();
    samples
}

fn sample(function: &str, name: &str) -> String {
    let mut samples = samples(function).into_iter();
    let sample = samples.find(|(other, _)| other == name);
    sample.unwrap_or_else(|| panic!("no sample {name}")).1
}

struct World {
    aws: StubAws,
    octoeverywhere: StubOctoEverywhere,
}

impl World {
    async fn new() -> Self {
        let aws = StubAws::start().await.unwrap();
        aws.secrets(|secrets| secrets.rotate(&dev_key::KEY));
        Self {
            aws,
            octoeverywhere: StubOctoEverywhere::start().await.unwrap(),
        }
    }

    async fn launch(&self, function: &str) -> Function {
        let parameters = [
            ("OctoEverywhereUrl", &*self.octoeverywhere.url()),
            ("PublicUrl", PUBLIC_URL),
        ];
        let launch = Launch::deployed(function, &parameters).unwrap().aws(&self.aws);
        launch.start().await.unwrap()
    }
}

/// What an API's caller is answered.
#[derive(Serialize)]
struct Answer {
    status: u16,
    headers: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
}

/// Compares an answer with the one that is kept, but for times and ids, which differ from run to run; and with the description of the
/// API, where that has the operation. (A function URL lets other requests in.)
fn assert_answer(function: &str, name: &str, event: &str, response: &HttpResponse) {
    let line = serde_json::from_str::<Value>(event).unwrap();
    let (route, http) = (&line["routeKey"], &line["requestContext"]["http"]);
    let route = match route.as_str().unwrap() {
        "$default" => format!(
            "{} {}",
            http["method"].as_str().unwrap(),
            http["path"].as_str().unwrap()
        ),
        route => route.to_owned(),
    };
    let is_misdirected = matches!(response.status, 404 | 405) && route != line["routeKey"];
    assert!(openapi::describes(&route) != is_misdirected, "{name}: {route}");
    if !is_misdirected {
        openapi::assert_described(&route, response);
    }
    let answer = Answer {
        status: response.status,
        headers: response.raw["headers"].clone(),
        body: (!response.body.is_empty()).then(|| serde_json::from_str(&response.body).unwrap()),
    };
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(answers(function));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for time in ["createdAt", "renewedAt", "expiresAt", "nextAttemptAt"] {
        settings.add_redaction(&format!(".**.{time}"), insta::dynamic_redaction(a_time));
    }
    settings.add_redaction(".body.id", insta::dynamic_redaction(an_id));
    settings.bind(|| insta::assert_json_snapshot!(name, answer));
}

fn a_time(value: Content, _: ContentPath<'_>) -> &'static str {
    value.as_str().unwrap().parse::<Timestamp>().unwrap();
    "[time]"
}

fn an_id(value: Content, _: ContentPath<'_>) -> &'static str {
    let id = value.as_str().unwrap();
    let is_hex = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    assert!(is_hex && id.len() == 32, "{id}");
    "[32 hex digits]"
}

/// The folder of what a function answers to its samples.
fn answers(function: &str) -> PathBuf {
    workspace::root().join("events/answers").join(function)
}

/// No answer is kept that nobody gives any more.
fn assert_no_other_answers<'a>(function: &str, names: impl IntoIterator<Item = &'a str>) {
    let files = std::fs::read_dir(answers(function)).unwrap();
    let files: BTreeSet<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected = names.into_iter().map(|name| format!("{name}.snap")).collect();
    assert_eq!(files, expected);
}

#[tokio::test]
async fn every_callback_sample_is_answered_as_it_is_named() {
    let world = World::new().await;
    let webhook = world.launch("webhook").await;
    let samples = samples("webhook");
    for (name, event) in &samples {
        world.aws.drain();
        let response = webhook.call(event.clone()).await.http().unwrap();
        assert_answer("webhook", name, event, &response);
        let (published, queued) = world.aws.drain();
        let event = match name.as_str() {
            "bad-token" | "not-json" | "function-url-other-path" | "function-url-other-method" => None,
            "function-url" => Some("print.started"),
            "base64-body" => Some("print.started"),
            "odd-numbers" => Some("print.progress"),
            "event-type-missing" => Some("event.unknown"),
            "print.failed-by-cancel" => Some("print.failed"),
            event => Some(event),
        };
        let outcome = match name.as_str() {
            "print.complete" => Some("complete"),
            "print.failed" => Some("failed"),
            "print.failed-by-cancel" => Some("stopped"),
            _ => None,
        };
        let events = published
            .iter()
            .map(|message| serde_json::from_str::<Value>(&message.text).unwrap());
        let events: Vec<_> = events.inspect(messages::assert_described).collect();
        let shown: Vec<_> = events
            .iter()
            .map(|event| json!([event["type"], event["outcome"]]))
            .collect();
        let expected = event.map(|event| json!([format!("com.octoeverywhere.{event}"), outcome]));
        assert_eq!(shown, expected.into_iter().collect::<Vec<_>>(), "{name}");
        assert_eq!(queued.len(), usize::from(name == "not-json"), "{name}");
    }
    assert_no_other_answers("webhook", samples.iter().map(|(name, _)| name.as_str()));
}

#[tokio::test]
async fn every_registration_sample_is_answered_as_it_is_named() {
    let world = World::new().await;
    let register = world.launch("register").await;
    // Each sample, and what its answer is called, in an order that is a registration's life.
    let order = [
        ("get", "get-absent"),
        ("put-invalid", "put-invalid"),
        ("put-update", "put-update-absent"),
        ("put", "put"),
        ("put", "put-again"),
        ("put-update", "put-update"),
        ("get", "get"),
        ("list", "list"),
        ("list-tenant", "list-tenant"),
        ("test", "test"),
        ("renew", "renew"),
        ("delete", "delete"),
        ("delete", "delete-absent"),
    ];
    for (name, answer) in order {
        let event = sample("register", name);
        let call = register.call_within(Duration::from_secs(29), event.clone());
        assert_answer("register", answer, &event, &call.await.http().unwrap());
    }
    for (name, _) in samples("register") {
        assert!(order.iter().any(|(tried, _)| *tried == name), "{name} is not tried");
    }
    assert_no_other_answers("register", order.map(|(_, answer)| answer));
}

#[tokio::test]
async fn every_redrive_sample_ends_where_it_belongs() {
    let world = World::new().await;
    let redrive = world.launch("redrive").await;
    for (name, event) in samples("redrive") {
        world.aws.drain();
        let answer = redrive.call(event).await.json().unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}), "{name}");
        let (published, queued) = world.aws.drain();
        let expected = match name.as_str() {
            "notification" | "unverified" => (1, 0),
            "unverified-bad-token" => (0, 0),
            "unreadable" => (0, 1),
            other => panic!("nobody says what is expected of {other}"),
        };
        assert_eq!((published.len(), queued.len()), expected, "{name}");
    }
}

#[tokio::test]
async fn every_renew_sample_is_taken() {
    let world = World::new().await;
    let renew = world.launch("renew").await;
    for (name, event) in samples("renew") {
        let call = renew.call_within(Duration::from_secs(60), event);
        call.await.json().unwrap_or_else(|error| panic!("{name}: {error:#}"));
    }
}

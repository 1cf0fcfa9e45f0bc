//! Every file in `events/` goes to its function's binary.

use std::path::PathBuf;
use std::time::Duration;

use printbell_harness::dev_key;
use printbell_harness::fixtures::PUBLIC_URL;
use printbell_harness::runtime_api::{Function, Launch};
use printbell_harness::stub_aws::StubAws;
use printbell_harness::stub_octoeverywhere::StubOctoEverywhere;
use printbell_harness::workspace;
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

#[tokio::test]
async fn every_callback_sample_is_answered_as_it_is_named() {
    let world = World::new().await;
    let webhook = world.launch("webhook").await;
    for (name, event) in samples("webhook") {
        world.aws.drain();
        let answer = webhook.call(event).await.http().unwrap();
        let (published, queued) = world.aws.drain();
        let status = if name == "bad-token" { 401 } else { 200 };
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
        let event = match name.as_str() {
            "bad-token" | "not-json" => None,
            "base64-body" => Some("print.started"),
            "odd-numbers" => Some("print.progress"),
            "event-type-missing" => Some("event.unknown"),
            event => Some(event),
        };
        let types: Vec<_> = published
            .iter()
            .map(|message| serde_json::from_str::<Value>(&message.text).unwrap()["type"].clone())
            .collect();
        let expected: Vec<_> = event
            .map(|event| json!(format!("com.octoeverywhere.{event}")))
            .into_iter()
            .collect();
        assert_eq!(types, expected, "{name}");
        assert_eq!(queued.len(), usize::from(name == "not-json"), "{name}");
    }
}

#[tokio::test]
async fn every_registration_sample_is_answered_as_it_is_named() {
    let world = World::new().await;
    let register = world.launch("register").await;
    let order = [
        ("get", 404),
        ("put-invalid", 400),
        ("put-update", 400),
        ("put", 201),
        ("put", 200),
        ("put-update", 200),
        ("get", 200),
        ("list", 200),
        ("list-tenant", 200),
        ("test", 200),
        ("renew", 200),
        ("delete", 204),
        ("delete", 204),
    ];
    for (name, status) in order {
        let call = register.call_within(Duration::from_secs(29), sample("register", name));
        let answer = call.await.http().unwrap();
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
    }
    for (name, _) in samples("register") {
        assert!(order.iter().any(|(tried, _)| *tried == name), "{name} is not tried");
    }
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

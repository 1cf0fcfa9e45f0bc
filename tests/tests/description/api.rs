//! The API under schemathesis: it makes requests of `docs/openapi.json`, good ones and bad ones, sends them to the binaries by an HTTP
//! API of the tests' own, and holds every answer against the description.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use printbell_harness::api_front::ApiFront;
use printbell_harness::fixtures::{KEY, PUBLIC_URL, REGISTRATIONS, registration};
use printbell_harness::runtime_api::Launch;
use printbell_harness::stub_aws::{Behaviour, Service, StubAws, item};
use printbell_harness::stub_octoeverywhere::{AppBehaviour, StubOctoEverywhere};
use printbell_harness::template::Template;
use printbell_harness::workspace;
use printbell_tests::judges::judge;
use printbell_tests::openapi::FILE;
use serde_json::{Value, json};

/// How long it may take on a machine that has much else to do. What ends it is the number of examples.
const LIMIT: Duration = Duration::from_secs(270);

/// The least requests of a route that are enough to say something.
const FEWEST: u64 = 20;

/// What a request meets at OctoEverywhere, by its number.
const WEATHER: [AppBehaviour; 10] = [
    AppBehaviour::Status(200),
    AppBehaviour::Status(200),
    AppBehaviour::Status(200),
    AppBehaviour::Status(500),
    AppBehaviour::Status(200),
    AppBehaviour::Status(200),
    AppBehaviour::Status(605),
    AppBehaviour::Status(200),
    AppBehaviour::Status(604),
    AppBehaviour::RetryAfter(60),
];

/// One request in so many meets a DynamoDB that fails.
const STORMS: u64 = 97;

/// How often somebody makes a row unreadable again that a PUT has repaired: with one request in so many.
const VANDALS: u64 = 5;

fn unreadable() -> Value {
    let mut row = registration("abc123", "p43", "token-of-p43");
    row["eventTypes"] = "all of them".into();
    row
}

/// Rows of every status, which `tests/judges/schemathesis.toml` names.
fn rows() -> Vec<Value> {
    let with = |printer: &str, changes: Value| {
        let mut row = registration("abc123", printer, &format!("token-of-{printer}"));
        let members = row.as_object_mut().unwrap();
        members.extend(changes.as_object().cloned().unwrap());
        members.retain(|_, value| !value.is_null());
        row
    };
    vec![
        with("p42", json!({})),
        unreadable(),
        with("replaced", json!({"status": "replaced", "appToken": null})),
        with("revoked", json!({"status": "revoked"})),
        with("suspended", json!({"status": "suspended"})),
        with("lapsed", json!({"renewedAt": 1_500_000_000})),
        json!({"tenantId": "abc123", "printerRef": "by.hand", "appToken": "token-by-hand"}),
        registration("other", "p42", "token-of-other"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_against_the_api() {
    let aws = Arc::new(StubAws::start().await.unwrap());
    aws.secrets(|secrets| secrets.rotate(&KEY));
    aws.table(REGISTRATIONS, |table| {
        rows().iter().for_each(|row| table.put(item(row)))
    });
    let octoeverywhere = Arc::new(StubOctoEverywhere::start().await.unwrap());
    let parameters = [("OctoEverywhereUrl", &*octoeverywhere.url()), ("PublicUrl", PUBLIC_URL)];
    let mut functions = BTreeMap::new();
    for name in ["register", "webhook"] {
        let launch = Launch::deployed(name, &parameters).unwrap().aws(&aws);
        functions.insert(name, Arc::new(launch.start().await.unwrap()));
    }
    let template = Template::read().unwrap();
    let integrations = template.routes().unwrap().into_iter().map(|route| {
        let name = if route.contains("/registrations") {
            "register"
        } else {
            "webhook"
        };
        (route.to_owned(), Arc::clone(&functions[name]))
    });
    let weather = {
        let (aws, octoeverywhere) = (Arc::clone(&aws), Arc::clone(&octoeverywhere));
        move |number: u64| {
            let sky = usize::try_from(number).unwrap() % WEATHER.len();
            octoeverywhere.set_behaviour(WEATHER[sky]);
            if number.is_multiple_of(VANDALS) {
                aws.table(REGISTRATIONS, |table| table.put(item(&unreadable())));
            }
            let storm = if number % STORMS == STORMS - 1 {
                Behaviour::Status500
            } else {
                Behaviour::Ok
            };
            aws.set(Service::DynamoDb, storm);
        }
    };
    let front = ApiFront::start(integrations.collect(), weather).await.unwrap();

    let scratch = tempfile::tempdir().unwrap();
    let judges = workspace::root().join("tests/judges");
    let mut schemathesis = judge("schemathesis");
    schemathesis
        .current_dir(scratch.path())
        .env("PYTHONPATH", &judges)
        .env("HYPOTHESIS_STORAGE_DIRECTORY", scratch.path())
        .env("CALLBACK_KEY", format!("{}.{}", KEY.key_id(), KEY.secret))
        .arg("--config-file")
        .arg(judges.join("schemathesis.toml"))
        .arg("run")
        .arg(workspace::root().join(FILE))
        .args(["--url", &format!("http://{}", front.address())]);
    let began = Instant::now();
    let mut schemathesis = tokio::process::Command::from(schemathesis);
    let output = tokio::time::timeout(LIMIT, schemathesis.kill_on_drop(true).output());
    let output = output.await.expect("it takes too long").unwrap();
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{complained}{:?}", front.tally());

    let mut by_route: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for ((route, status), count) in front.tally() {
        by_route.entry(route).or_default().insert(status, count);
    }
    let all: u64 = by_route.values().flat_map(BTreeMap::values).sum();
    println!(
        "{all} requests of schemathesis' to {} operations in {:.0?}",
        by_route.len(),
        began.elapsed()
    );
    for (route, statuses) in &by_route {
        let count: u64 = statuses.values().sum();
        println!("  {count:>5} {route}: {statuses:?}");
        let has = |class: u16| statuses.keys().any(|status| status / 100 == class);
        assert!(count >= FEWEST && has(2) && has(4), "{route} was hardly tried");
    }
    assert_eq!(
        by_route.len(),
        template.routes().unwrap().len(),
        "an operation was not tried"
    );
    for function in functions.values() {
        assert!(function.is_running(), "{}", function.output());
    }
}

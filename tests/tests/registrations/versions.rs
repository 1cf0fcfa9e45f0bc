//! Rows of every version: each version keeps what its binaries wrote in `events/rows/{version}`, and every later one works on that.
//!
//! `PRINTBELL_WRITE_ROWS=1 cargo nextest run -p printbell-tests --test registrations versions` writes them anew, for a version that
//! `CHANGELOG.md` has no date for yet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use printbell_harness::fixtures::{DEAD_LETTER_QUEUE, FALLBACK_QUEUE, KEY, REGISTRATIONS, SECOND_KEY, STATE};
use printbell_harness::stub_aws::{Behaviour, Item, QueueMessage, Service, StubAws, plain};
use printbell_harness::stub_octoeverywhere::AppBehaviour;
use printbell_harness::{http_event, queue_event, workspace};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::world::{DAY, TOKEN, World, launch};

/// When the samples begin, so that they are the same whenever they are written: 2026-12-01.
const BEGINNING: i64 = 1_796_083_200;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A row as a function left it.
#[derive(Serialize, Deserialize)]
struct RowSample {
    /// What it shows.
    name: String,
    /// Seconds since the epoch, by the functions' clock.
    at: i64,
    /// The status that the API shows.
    shown: String,
    row: Item,
}

/// A message of the fallback queue or of the dead-letter queue, as a function sent it.
#[derive(Serialize, Deserialize)]
struct LetterSample {
    name: String,
    body: String,
    /// Data type and value.
    attributes: BTreeMap<String, (String, String)>,
}

/// What one version wrote.
#[derive(Serialize, Deserialize)]
struct Samples {
    registrations: Vec<RowSample>,
    state: Vec<Item>,
    fallback_queue: Vec<LetterSample>,
    dead_letters: Vec<LetterSample>,
}

impl Samples {
    fn of(version: &str) -> Self {
        let read = |name: &str| {
            let path = folder(version).join(name);
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            serde_json::from_str::<Value>(&text).unwrap()
        };
        let files = FILES.map(|(field, file)| (field.to_owned(), read(file)));
        serde_json::from_value(Map::from_iter(files).into()).unwrap()
    }

    fn write(&self, version: &str) {
        std::fs::create_dir_all(folder(version)).unwrap();
        let samples = serde_json::to_value(self).unwrap();
        for (field, file) in FILES {
            let text = serde_json::to_string_pretty(&samples[field]).unwrap() + "\n";
            std::fs::write(folder(version).join(file), text).unwrap();
        }
    }

    /// What they look like, without what is another one each time: numbers, and texts that aren't words of ours.
    fn shape(&self) -> Value {
        let rows = self.registrations.iter().map(|sample| {
            let shape = json!({"shown": sample.shown, "row": shape(&sample.row)});
            (format!("registration: {}", sample.name), shape)
        });
        let state = self.state.iter().map(|item| {
            let id = plain(item)["id"].as_str().unwrap().to_owned();
            (format!("state: {}", kind_of(&id)), shape(item))
        });
        let letters = self.fallback_queue.iter().chain(&self.dead_letters).map(|letter| {
            let body: Value = serde_json::from_str(&letter.body).unwrap();
            let names: BTreeSet<_> = letter.attributes.keys().collect();
            let members: BTreeSet<_> = body.as_object().unwrap().keys().collect();
            (format!("letter: {}", letter.name), json!([names, members]))
        });
        rows.chain(state).chain(letters).collect::<Map<_, _>>().into()
    }
}

/// Where each part of the samples is.
const FILES: [(&str, &str); 4] = [
    ("registrations", "registrations.json"),
    ("state", "state.json"),
    ("fallback_queue", "fallback-queue.json"),
    ("dead_letters", "dead-letters.json"),
];

fn folder(version: &str) -> PathBuf {
    workspace::root().join("events/rows").join(version)
}

/// `token/{hash}` is one of many.
fn kind_of(id: &str) -> &str {
    id.split('/').next().unwrap()
}

/// Attributes whose texts are words that every version has to know.
const WORDS: [&str; 4] = ["status", "previousStatus", "clearing", "place"];

fn shape(item: &Item) -> Value {
    let attributes = item.iter().map(|(name, value)| (name.clone(), shape_of(name, value)));
    attributes.collect::<Map<_, _>>().into()
}

fn shape_of(name: &str, attribute: &Value) -> Value {
    let (kind, value) = attribute.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), value) {
        ("S", word) if WORDS.contains(&name) => word.clone(),
        // What is in it goes by the ids of keys and the tenant's names.
        ("M", _) if name == "versions" || name == "metadata" => kind.as_str().into(),
        ("M", Value::Object(map)) => shape(map),
        ("L", Value::Array(list)) => list.iter().map(|one| shape_of("", one)).collect(),
        _ => kind.as_str().into(),
    }
}

/// Which versions there are samples of.
fn versions() -> Vec<String> {
    let entries = std::fs::read_dir(workspace::root().join("events/rows")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Whether the changelog has a date for a version.
fn is_released(version: &str) -> bool {
    let changes = std::fs::read_to_string(workspace::root().join("CHANGELOG.md")).unwrap();
    let heading = format!("## [{version}] - ");
    let mut dates = changes.lines().filter_map(|line| line.strip_prefix(&*heading));
    dates.next().is_some_and(|date| date != "Unreleased")
}

const PUT: &str = "PUT /registrations/{tenantId}/{printerRef}";

fn token(name: &str) -> String {
    format!("{TOKEN}-{name}")
}

/// Every token in a row, wherever it is.
fn tokens(row: &Value) -> BTreeSet<String> {
    match row {
        Value::Object(map) => {
            let own = map.get("appToken").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(map.values().flat_map(tokens)).collect()
        }
        Value::Array(list) => list.iter().flat_map(tokens).collect(),
        _ => BTreeSet::new(),
    }
}

impl World {
    /// A world whose clock stands there.
    async fn at(time: i64) -> Self {
        let mut world = Self::new().await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        world.advance(time - i64::try_from(now.as_secs()).unwrap()).await;
        world
    }

    async fn sample(&self, name: &str, printer: &str) -> RowSample {
        let row = self
            .aws
            .table(REGISTRATIONS, |table| table.get(["t", printer]).cloned());
        let shown = Self::body(&self.get(printer).await);
        RowSample {
            name: name.to_owned(),
            at: self.now(),
            shown: shown["status"].as_str().unwrap().to_owned(),
            row: row.unwrap_or_else(|| panic!("no row for {name}")),
        }
    }

    fn answer_for(&self, name: &str, status: u16) {
        self.octoeverywhere
            .set_behaviour_for(&token(name), AppBehaviour::Status(status));
    }

    async fn register_one(&self, printer: &str) {
        let body = json!({"appToken": token(printer), "eventTypes": [1, 3], "metadata": {"room": "lab"}});
        assert_eq!(self.put(printer, body).await.status, 201, "{printer}");
    }

    /// A call that has little time to wait for another one's lease.
    async fn call_briefly(&self, route: &str, printer: &str, body: Value) -> u16 {
        let path = format!("/registrations/t/{printer}");
        let event = http_event::request(route, &path, "", Some(&body.to_string())).to_string();
        let call = self.register.call_within(Duration::from_secs(14), event).await;
        call.http().unwrap().status
    }

    /// Has a function die in the middle of its call for this printer.
    async fn die_during_the_call(&self, name: &str, event: &str, printer: &str) {
        self.make_due(printer, 0);
        self.octoeverywhere.reset();
        self.octoeverywhere
            .set_behaviour_for(&token(printer), AppBehaviour::Hang);
        let launch = launch(&self.aws, &self.octoeverywhere, name, self.ahead());
        let function = launch.start().await.unwrap();
        let killed = async {
            while self.octoeverywhere.load().calls == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            function.kill().await;
        };
        tokio::join!(function.call_within(Duration::from_secs(29), event.to_owned()), killed);
        self.answer_for(printer, 200);
    }
}

/// Rows of every status and shape, made by register and renew.
async fn rows() -> (Vec<RowSample>, Vec<Item>) {
    let mut samples = Vec::new();
    let mut world = World::at(BEGINNING).await;
    for printer in [
        "active",
        "changed",
        "suspended",
        "refused",
        "unanswered",
        "deleting",
        "leased",
        "taken",
        "taken-leased",
        "renamed",
    ] {
        world.register_one(printer).await;
    }
    let completion = format!(
        "https://app.example/?success=true&id=ac-1&appApiToken={}",
        token("known")
    );
    assert_eq!(
        world.put("known", json!({"completionUrl": completion})).await.status,
        201
    );
    samples.push(world.sample("active, of a known App Connection", "known").await);
    world.run().await;
    samples.push(world.sample("active", "active").await);

    world
        .octoeverywhere
        .set_behaviour_for(&token("unanswered"), AppBehaviour::LostAnswer);
    assert_eq!(world.put("unanswered", json!({"eventTypes": [7]})).await.status, 202);
    samples.push(world.sample("set, and nobody was told", "unanswered").await);
    world.answer_for("unanswered", 200);

    world.everyone_gets(500);
    assert_eq!(
        world.put("pending", json!({"appToken": token("pending")})).await.status,
        202
    );
    samples.push(world.sample("pending: never applied", "pending").await);
    assert_eq!(world.put("changed", json!({"eventTypes": [7]})).await.status, 202);
    samples.push(
        world
            .sample("changed, and not applied: with what was before", "changed")
            .await,
    );
    assert_eq!(world.delete("deleting").await.status, 202);
    samples.push(world.sample("deleting", "deleting").await);
    assert_eq!(
        world.put("taker", json!({"appToken": token("taken")})).await.status,
        202
    );
    samples.push(world.sample("taker: its token was another's", "taker").await);
    samples.push(world.sample("replaced", "taken").await);
    world.everyone_gets(200);
    world.register_one("twice").await;
    world.answer_for("renamed", 500);
    assert_eq!(
        world.put("twice", json!({"appToken": token("renamed")})).await.status,
        202
    );
    samples.push(world.sample("taker with a token of its own before", "twice").await);
    world.register_one("reconnected").await;
    world.answer_for("reconnected", 500);
    let again = world.put("reconnected", json!({"appToken": token("again")})).await;
    assert!([200, 202].contains(&again.status), "{}", again.body);
    samples.push(
        world
            .sample("reconnected: the old token is still to be cleared", "reconnected")
            .await,
    );

    world.answer_for("suspended", 605);
    world.make_due("suspended", 0);
    world.aws.set(Service::Sns, Behaviour::Status500);
    world.run().await;
    samples.push(world.sample("suspended, and nobody could be told", "suspended").await);
    world.aws.set(Service::Sns, Behaviour::Ok);
    world.make_due("suspended", 0);
    world.run().await;
    samples.push(world.sample("suspended", "suspended").await);

    world.answer_for("refused", 604);
    world.make_due("refused", 0);
    world.run().await;
    samples.push(world.sample("refused once", "refused").await);
    // Else it may be called for, or not, when the next two die.
    world.make_due("refused", world.now() + DAY / 2);

    world.die_during_the_call("renew", "{}", "leased").await;
    samples.push(world.sample("leased, by one who died", "leased").await);
    let state = world
        .aws
        .table(STATE, |table| table.items().cloned().collect::<Vec<_>>());
    world.advance(10 * 60).await;
    world.die_during_the_call("renew", "{}", "taken-leased").await;
    let taken = json!({"appToken": token("taken-leased")});
    assert_eq!(world.call_briefly(PUT, "taker-later", taken).await, 202);
    samples.push(world.sample("taker, while another calls still", "taker-later").await);
    samples.push(world.sample("replaced, while it is called for", "taken-leased").await);

    for _ in 0..4 {
        world.advance(DAY).await;
        world.run().await;
    }
    samples.push(world.sample("revoked", "refused").await);
    world.everyone_gets(500);
    world.answer_for("active", 500);
    for _ in 0..3 {
        world.advance(61 * DAY).await;
        world.run().await;
    }
    samples.push(world.sample("lapsed", "active").await);
    samples.push(swept_while_leased().await);
    (samples, state)
}

/// A row that a sweep came to while somebody else, who has died since, was calling for it.
async fn swept_while_leased() -> RowSample {
    let world = World::at(BEGINNING).await;
    world.register_one("swept").await;
    let body = json!({"eventTypes": [7]}).to_string();
    let event = http_event::request(PUT, "/registrations/t/swept", "", Some(&body)).to_string();
    world.die_during_the_call("register", &event, "swept").await;
    for event in [r#"{"reapply":{}}"#, "{}"] {
        let call = world.renew.call_within(Duration::from_secs(60), event).await;
        call.json().unwrap();
    }
    world.sample("leased, and to be renewed once more", "swept").await
}

/// One item of each kind: claims are many.
fn one_of_each(state: Vec<Item>) -> Vec<Item> {
    let mut kinds = BTreeMap::new();
    for item in state {
        let id = plain(&item)["id"].as_str().unwrap().to_owned();
        kinds.entry(kind_of(&id).to_owned()).or_insert(item);
    }
    kinds.into_values().collect()
}

/// What waits in each queue, made by the receiver and redrive.
async fn letters() -> (Vec<LetterSample>, Vec<LetterSample>) {
    let mut letters = (Vec::new(), Vec::new());
    let retired = SECOND_KEY.query();
    let cases = [
        (
            "a notification",
            Some(Service::Sns),
            KEY.query(),
            r#"{"EventType":2,"PrintId":"b1946ac9","DurationSec":60}"#,
        ),
        (
            "unverified",
            Some(Service::SecretsManager),
            KEY.query(),
            r#"{"EventType":2}"#,
        ),
        ("unverified, no text", Some(Service::SecretsManager), KEY.query(), "[1]"),
        ("no object", None, KEY.query(), "[1]"),
        (
            "unverified, under a key retired since",
            Some(Service::SecretsManager),
            retired,
            "{}",
        ),
    ];
    for (name, broken, query, body) in cases {
        let aws = keyed().await;
        if let Some(service) = broken {
            aws.set(service, Behaviour::Status500);
        }
        let receiver = function(&aws, "webhook").await;
        let call = receiver.call(http_event::callback(&query, body).to_string()).await;
        assert_eq!(call.http().unwrap().status, 200, "{name}");
        let (_, queued) = aws.drain();
        let [letter] = queued.as_slice() else {
            panic!("{name}: {queued:?}")
        };
        if letter.queue == FALLBACK_QUEUE && !name.ends_with("since") {
            letters.0.push(sample_of(name, letter));
            continue;
        }
        let set_aside = if letter.queue == DEAD_LETTER_QUEUE {
            letter.clone()
        } else {
            aws.set(Service::SecretsManager, Behaviour::Ok);
            redriven(&aws, letter).await.1.remove(0)
        };
        assert_eq!(set_aside.queue, DEAD_LETTER_QUEUE, "{name}");
        letters.1.push(sample_of(name, &set_aside));
    }
    letters
}

fn sample_of(name: &str, message: &QueueMessage) -> LetterSample {
    LetterSample {
        name: name.to_owned(),
        body: message.body.clone(),
        attributes: message.attributes.clone(),
    }
}

async fn keyed() -> StubAws {
    let aws = StubAws::start().await.unwrap();
    aws.secrets(|secrets| {
        secrets.rotate(&KEY);
        secrets.label(&KEY);
    });
    aws
}

async fn function(aws: &StubAws, name: &str) -> printbell_harness::runtime_api::Function {
    let launch = printbell_harness::runtime_api::Launch::deployed(name, &[]).unwrap();
    launch.aws(aws).start().await.unwrap()
}

/// What redrive makes of a letter: the ids of the events that it published, and what it set aside.
async fn redriven(aws: &StubAws, letter: &QueueMessage) -> (Vec<Value>, Vec<QueueMessage>) {
    let redrive = function(aws, "redrive").await;
    let event = queue_event::batch([letter], 1).to_string();
    let answer = redrive.call(event).await.json().unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]), "{}", redrive.output());
    let (published, set_aside) = aws.drain();
    let ids = published.iter().map(|message| {
        let event: Value = serde_json::from_str(&message.text).unwrap();
        event["id"].clone()
    });
    (ids.collect(), set_aside)
}

#[tokio::test]
async fn what_this_version_writes_is_what_its_samples_show() {
    let (registrations, state) = rows().await;
    let (fallback_queue, dead_letters) = letters().await;
    let samples = Samples {
        registrations,
        state: one_of_each(state),
        fallback_queue,
        dead_letters,
    };
    if std::env::var_os("PRINTBELL_WRITE_ROWS").is_some() {
        assert!(
            !is_released(VERSION),
            "{VERSION} is released, and its samples stay: raise the version in Cargo.toml first"
        );
        samples.write(VERSION);
    }
    let kept = Samples::of(VERSION).shape();
    let help = if is_released(VERSION) {
        "raise the version in Cargo.toml, and write samples of that one"
    } else {
        "PRINTBELL_WRITE_ROWS=1 writes them anew"
    };
    assert_eq!(
        samples.shape(),
        kept,
        "the binaries write something else than events/rows/{VERSION} shows: {help}"
    );
}

/// What register and renew may write, as `adapters/src/registrations/item.rs` lists it.
#[test]
fn the_samples_show_every_attribute() {
    let source = std::fs::read_to_string(workspace::root().join("adapters/src/registrations/item/tests.rs")).unwrap();
    let (_, removed) = source.split_once(r##"insta::assert_snapshot!(removed, @"##).unwrap();
    let (removed, _) = removed.split_once("\");").unwrap();
    let names = removed
        .trim_start_matches('"')
        .split(", ")
        .map(|name| name.trim_start_matches('#'));
    let samples = Samples::of(VERSION);
    let shown: BTreeSet<_> = samples
        .registrations
        .iter()
        .flat_map(|sample| sample.row.keys())
        .collect();
    let missing: Vec<_> = names.filter(|name| !shown.contains(&(*name).to_owned())).collect();
    assert_eq!(missing, [""; 0]);
}

/// A released version's samples are what its binaries wrote, and no later ones can make them again.
#[test]
fn samples_of_released_versions_stay_as_they_are() {
    let digests = std::fs::read_to_string(workspace::root().join("CHANGELOG.md")).unwrap();
    for version in versions().iter().filter(|version| is_released(version)) {
        let mut hash = Sha256::new();
        for (_, file) in FILES {
            hash.update(std::fs::read(folder(version).join(file)).unwrap());
        }
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let line = format!("Samples of its rows: sha256 {digest}");
        assert!(digests.contains(&line), "CHANGELOG.md doesn't say of {version}: {line}");
    }
}

/// Lets everything that is due be done, for as long as a lease, a refusal or a pause may take.
async fn settle(world: &mut World) {
    for _ in 0..3 {
        world.advance(8 * DAY).await;
        world.run().await;
    }
}

#[tokio::test]
async fn rows_of_every_version_are_renewed_by_this_one() {
    for version in versions() {
        for sample in Samples::of(&version).registrations {
            let what = format!("{version}: {}", sample.name);
            let mut world = World::at(sample.at).await;
            // What a later version may add stays where it is.
            let mut row = sample.row.clone();
            row.insert("fromLater".to_owned(), json!({"M": {"token": {"S": "kept"}}}));
            world.aws.table(REGISTRATIONS, |table| table.put(row));
            let before = plain(&sample.row);
            let printer = before["printerRef"].as_str().unwrap();
            let shown = World::body(&world.get(printer).await);
            assert_eq!(shown["status"], sample.shown.as_str(), "{what}: {shown}");

            settle(&mut world).await;
            let was_called = |token: &str, api: &str| {
                let calls = world.octoeverywhere.calls();
                calls.iter().any(|call| call.app_token == token && call.api == api)
            };
            let Some(after) = world.row(printer) else {
                assert_eq!(sample.shown, "deleting", "{what}: the row is gone");
                for token in tokens(&before) {
                    assert!(was_called(&token, "DeleteNotificationWebhook"), "{what}");
                }
                continue;
            };
            assert_eq!(after["fromLater"], json!({"token": "kept"}), "{what}");
            let expected = if sample.shown == "replaced" {
                "replaced"
            } else {
                "active"
            };
            assert_eq!(after["status"], expected, "{what}: {after}");
            assert_eq!(after.get("appToken"), before.get("appToken"), "{what}");
            for token in tokens(&before) {
                let is_kept = tokens(&after).contains(&token);
                assert!(
                    is_kept || was_called(&token, "DeleteNotificationWebhook"),
                    "{what}: a token is lost"
                );
            }
            if let Some(token) = after["appToken"].as_str() {
                assert!(world.octoeverywhere.webhook(token).is_some(), "{what}: nobody set it");
            }
        }
    }
}

#[tokio::test]
async fn a_row_that_says_what_this_version_does_not_know_is_left_alone() {
    let samples = Samples::of(VERSION).registrations;
    let mut world = World::at(samples.iter().map(|sample| sample.at).max().unwrap()).await;
    for sample in samples {
        let mut row = sample.row;
        row.insert("status".to_owned(), json!({"S": "frozen"}));
        world.aws.table(REGISTRATIONS, |table| table.put(row));
    }
    let rows = |world: &World| {
        world
            .aws
            .table(REGISTRATIONS, |table| table.items().cloned().collect::<Vec<_>>())
    };
    let before = rows(&world);
    settle(&mut world).await;
    assert_eq!(rows(&world), before);
    assert_eq!(world.octoeverywhere.load().calls, 0);
}

#[tokio::test]
async fn state_of_every_version_is_understood_by_this_one() {
    for version in versions() {
        let samples = Samples::of(&version);
        let at = samples.registrations.iter().map(|sample| sample.at).max().unwrap();
        let world = World::at(at).await;
        world.aws.table(STATE, |table| {
            for item in samples.state {
                table.put(item);
            }
        });
        let body = json!({"appToken": token("new")});
        assert_eq!(world.put("new", body).await.status, 201, "{version}");
        world.make_due("new", 0);
        let report = world.run().await;
        assert_eq!(report["renewed"], 1, "{version}: {report}");
        let output = world.renew.output() + &world.register.output();
        assert!(
            !output.contains("can't be read") && !output.contains("ERROR"),
            "{version}: {output}"
        );
    }
}

#[tokio::test]
async fn letters_of_every_version_are_brought_on_by_this_one() {
    for version in versions() {
        let samples = Samples::of(&version);
        let all = [
            (samples.fallback_queue, FALLBACK_QUEUE),
            (samples.dead_letters, DEAD_LETTER_QUEUE),
        ];
        for (letters, queue) in all {
            for letter in letters {
                let message = QueueMessage {
                    queue: FALLBACK_QUEUE.to_owned(),
                    body: letter.body,
                    attributes: letter.attributes,
                    delay_seconds: None,
                };
                let (published, set_aside) = redriven(&keyed().await, &message).await;
                // What was set aside once is set aside again; what waited is published, unless it turns out to be no object.
                let is_published = queue == FALLBACK_QUEUE && letter.name != "unverified, no text";
                let expected = if is_published { (1, 0) } else { (0, 1) };
                let what = format!("{version}: {}", letter.name);
                assert_eq!((published.len(), set_aside.len()), expected, "{what}");
                if letter.name == "a notification" {
                    let event: Value = serde_json::from_str(&message.body).unwrap();
                    assert_eq!(published, [event["id"].clone()], "{what}");
                }
            }
        }
    }
}

/// There are samples of each version that the changelog names.
#[test]
fn every_version_has_its_samples() {
    let changes = std::fs::read_to_string(workspace::root().join("CHANGELOG.md")).unwrap();
    let named = changes
        .lines()
        .filter_map(|line| line.strip_prefix("## [")?.split_once(']'));
    let named: BTreeSet<_> = named.map(|(version, _)| version.to_owned()).collect();
    assert_eq!(named, versions().into_iter().collect());
    assert!(Path::new(&folder(VERSION)).exists());
}

//! The fault matrix: whatever is broken, an authentic notification is answered in time, and it is where it should be.

use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt as _;
use printbell_harness::fixtures::{FALLBACK_QUEUE, KEY, TOPIC};
use printbell_harness::runtime_api::HttpResponse;
use printbell_harness::stub_aws::{Behaviour, QueueMessage, Service};
use printbell_harness::{http_event, queue_event};
use serde_json::json;

use crate::stage::{aws, call, event, id, launch, receiver};

const SNS: [(&str, Behaviour); 7] = [
    ("ok", Behaviour::Ok),
    ("500", Behaviour::Status500),
    ("throttled", Behaviour::Throttled),
    ("refused", Behaviour::Refused),
    ("hangs", Behaviour::Hang),
    ("slow", Behaviour::Slow(Duration::from_millis(400))),
    ("lost answer", Behaviour::LostAnswer),
];
const SQS: [(&str, Behaviour); 3] = [
    ("ok", Behaviour::Ok),
    ("500", Behaviour::Status500),
    ("hangs", Behaviour::Hang),
];
const KEYS: [(&str, Behaviour); 3] = [
    ("ok", Behaviour::Ok),
    ("down", Behaviour::Hang),
    ("slow", Behaviour::Slow(Duration::from_millis(400))),
];

/// The sender gives ten seconds, of which Printbell takes eight; the rest of this is the machine's.
const LIMIT: Duration = Duration::from_millis(8500);
/// In an outage of SNS, the second request knows of it.
const SECOND_LIMIT: Duration = Duration::from_millis(1500);

/// How many cells run at a time. Most of the time they wait.
const AT_ONCE: usize = 24;

type Fault = (&'static str, Behaviour);

/// What came of one cell: one notification to a function that has to be started first, and another one if that was taken.
struct Cell {
    sns: Fault,
    sqs: Fault,
    keys: Fault,
    calls: Vec<(HttpResponse, Duration)>,
    published: usize,
    queued: Vec<QueueMessage>,
}

async fn run(sns: Fault, sqs: Fault, keys: Fault) -> Cell {
    let aws = aws().await;
    aws.set(Service::Sns, sns.1);
    aws.set(Service::Sqs, sqs.1);
    aws.set(Service::SecretsManager, keys.1);
    let mut calls = Vec::new();
    // The first callback reaches the API while there is no process yet: the sender waits for the cold start too.
    let (mut arrived, mut began) = (SystemTime::now(), Instant::now());
    let function = receiver(&aws).await;
    for n in 1..=2 {
        let body = format!(r#"{{"EventType":6,"PrinterId":"x","Progress":{n}}}"#);
        let mut event = http_event::callback(&KEY.query(), &body);
        let since_1970 = arrived.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        event["requestContext"]["timeEpoch"] = u64::try_from(since_1970.as_millis()).unwrap().into();
        calls.push((call(&function, &event).await, began.elapsed()));
        if calls[0].0.status != 200 {
            break;
        }
        (arrived, began) = (SystemTime::now(), Instant::now());
    }
    let (published, queued) = aws.drain();
    assert!(published.iter().all(|message| message.topic == TOPIC));
    assert!(queued.iter().all(|message| message.queue == FALLBACK_QUEUE));
    // What was published or queued is what was sent, under the id that was answered.
    let finished = queued.iter().filter(|message| kind(message) == "notification");
    let texts = published.iter().map(|message| &message.text);
    for event in texts
        .chain(finished.map(|message| &message.body))
        .map(|text| event(text))
    {
        let n = event["data"]["Progress"].as_u64().unwrap();
        assert_eq!(event["data"], json!({"EventType": 6, "PrinterId": "x", "Progress": n}));
        let (answer, _) = &calls[usize::try_from(n).unwrap() - 1];
        assert!(answer.status != 200 || id(answer) == event["id"]);
    }
    Cell {
        sns,
        sqs,
        keys,
        calls,
        published: published.len(),
        queued,
    }
}

fn kind(queued: &QueueMessage) -> &str {
    &queued.attributes["printbell"].1
}

impl Cell {
    /// What must be true of it.
    fn check(&self) -> Result<(), String> {
        let has_keys = self.keys.0 != "down";
        let sns_works = matches!(self.sns.0, "ok" | "slow");
        let sqs_works = self.sqs.0 == "ok";
        let status = if (sns_works && has_keys) || sqs_works { 200 } else { 503 };
        let kinds: Vec<_> = self.queued.iter().map(kind).collect();
        let expected_kinds = match (has_keys, sns_works, sqs_works) {
            (_, _, false) | (true, true, _) => vec![],
            (true, false, true) => vec!["notification"; 2],
            (false, _, true) => vec!["unverified"; 2],
        };
        let published_well = match (has_keys, self.sns.0) {
            (true, "ok" | "slow") => self.published == 2,
            // Both attempts arrived. The second notification went past SNS.
            (true, "lost answer") if sqs_works => self.published == 2,
            (true, "lost answer") => self.published > 2,
            _ => self.published == 0,
        };
        let in_time = match self.calls.as_slice() {
            [(_, first), (_, second)] => *first < LIMIT && *second < SECOND_LIMIT,
            [(_, only)] => *only < LIMIT,
            _ => false,
        };
        let checks = [
            ("status", self.calls.iter().all(|(answer, _)| answer.status == status)),
            ("time", in_time),
            ("queue", kinds == expected_kinds),
            ("topic", published_well),
            ("ids", status == 503 || self.ids().all(|id| id.len() == 32)),
        ];
        let failed: Vec<_> = checks
            .iter()
            .filter(|(_, holds)| !holds)
            .map(|(name, _)| *name)
            .collect();
        if failed.is_empty() {
            Ok(())
        } else {
            Err(format!("{self}: {}", failed.join(", ")))
        }
    }

    fn ids(&self) -> impl Iterator<Item = String> {
        self.calls.iter().map(|(answer, _)| id(answer))
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let places = match (self.published, self.queued.first().map(kind)) {
            (0, None) => "nowhere".to_owned(),
            (n, None) => format!("{n} in the topic"),
            (0, Some(kind)) => format!("{} in the queue ({kind})", self.queued.len()),
            (n, Some(_)) => format!("{n} in the topic, {} in the queue", self.queued.len()),
        };
        let took = self.calls.iter().map(|(_, took)| format!("{:>5}", took.as_millis()));
        let took = took.collect::<Vec<_>>().join(", ");
        let (Cell { sns, sqs, keys, .. }, status) = (self, self.calls[0].0.status);
        write!(
            f,
            "{:<11}  {:<5}  {:<4}  {status}  {took:<12} ms  {places}",
            sns.0, sqs.0, keys.0
        )
    }
}

#[tokio::test]
async fn every_notification_is_answered_in_time_and_is_where_it_should_be() {
    let cells = SNS
        .into_iter()
        .flat_map(|sns| SQS.map(|sqs| KEYS.map(|keys| run(sns, sqs, keys))));
    let cells: Vec<Cell> = futures::stream::iter(cells.flatten()).buffered(AT_ONCE).collect().await;
    let mut table =
        String::from("SNS          SQS    keys  answers to the first (with its cold start) and the second\n");
    for cell in &cells {
        let _ = writeln!(table, "{cell}"); // a String takes every write
    }
    println!("{table}");
    let wrong: Vec<_> = cells.iter().filter_map(|cell| cell.check().err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let waited: Vec<_> = cells.iter().flat_map(|cell| &cell.queued).collect();
    let ids = cells.iter().filter(|cell| !cell.queued.is_empty()).flat_map(Cell::ids);
    everything_that_waited_is_published_later(&waited, ids.collect()).await;
}

/// The second half of the way: redrive, once all is well again.
async fn everything_that_waited_is_published_later(waited: &[&QueueMessage], mut ids: Vec<String>) {
    let aws = aws().await;
    let redrive = launch("redrive", &aws).start().await.unwrap();
    for batch in waited.chunks(10) {
        let event = queue_event::batch(batch.iter().copied(), 1);
        let answer = redrive.call(event.to_string()).await;
        assert_eq!(answer.json().unwrap(), json!({"batchItemFailures": []}));
    }
    let id = |text: &str| event(text)["id"].as_str().unwrap_or_default().to_owned();
    let mut published: Vec<_> = aws.published().iter().map(|message| id(&message.text)).collect();
    published.sort();
    ids.sort();
    assert_eq!(published, ids);
    println!(
        "{} that waited were published by redrive, under their ids",
        published.len()
    );
}

//! The fault matrix: whatever is broken or slow, an authentic notification is answered in time, and it is where it should be.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt as _;
use printbell_harness::fixtures::{FALLBACK_QUEUE, KEY, SECOND_KEY, TOPIC};
use printbell_harness::http_event::Door;
use printbell_harness::queue_event;
use printbell_harness::runtime_api::HttpResponse;
use printbell_harness::stub_aws::{Behaviour, QueueMessage, Service};
use serde_json::json;

use crate::stage::{aws, call, event, id, launch, receiver};

/// What SNS and SQS do, and after how many milliseconds they answer, if at all.
const FAULTS: [(&str, Behaviour, Option<u64>); 8] = [
    ("0.5 s", Behaviour::Slow(Duration::from_millis(500)), Some(500)),
    ("1.5 s", Behaviour::Slow(Duration::from_millis(1500)), Some(1500)),
    ("3 s", Behaviour::Slow(Duration::from_millis(3000)), Some(3000)),
    ("5.5 s", Behaviour::Slow(Duration::from_millis(5500)), Some(5500)),
    ("500", Behaviour::Status500, None),
    ("refused", Behaviour::Refused, None),
    ("hang", Behaviour::Hang, None),
    ("lost", Behaviour::LostAnswer, None),
];

/// How it is with the keys: whether the process has the one that counts when the callback comes, and what Secrets Manager does
/// then. *Cut short*: since a rotation that one is the previous one, and it alone can't be read.
const KEYS: [(&str, Behaviour); 3] = [
    ("warm", Behaviour::Ok),
    ("hanging", Behaviour::Hang),
    ("cut short", Behaviour::Ok),
];

/// How long ago the callback reached the door when the process gets it, in seconds.
const LATE: [u64; 2] = [0, 2];

/// The sender gives ten seconds, of which Printbell takes eight; the rest of this is the machine's.
const LIMIT: Duration = Duration::from_millis(8700);

/// How many cells run at a time. Most of the time they wait.
const AT_ONCE: usize = 48;

type Fault = (&'static str, Behaviour, Option<u64>);

/// By which door a cell's callback comes. Both get the same code, so each has every second cell of each row and each column, and
/// the other ones in the next grid; twice as many cells would take twice as long.
fn door(n: usize) -> Door {
    let (grid, row, column) = (
        n / FAULTS.len().pow(2),
        n / FAULTS.len() % FAULTS.len(),
        n % FAULTS.len(),
    );
    Door::ALL[(grid + row + column) % 2]
}

/// What came of one cell: one notification to a process that is there already.
struct Cell {
    door: Door,
    sns: Fault,
    sqs: Fault,
    keys: (&'static str, Behaviour),
    late: u64,
    response: HttpResponse,
    took: Duration,
    published: usize,
    queued: Vec<QueueMessage>,
}

async fn run(sns: Fault, sqs: Fault, keys: (&'static str, Behaviour), late: u64, n: usize) -> Cell {
    let aws = aws().await;
    aws.set(Service::SecretsManager, keys.1);
    if keys.0 == "cut short" {
        aws.secrets(|secrets| {
            secrets.rotate(&SECOND_KEY);
            secrets.set(&KEY, Behaviour::Hang);
        });
    }
    let function = receiver(&aws).await;
    aws.set(Service::Sns, sns.1);
    aws.set(Service::Sqs, sqs.1);
    let arrived = SystemTime::now() - Duration::from_secs(late);
    let since_1970 = arrived.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let body = format!(r#"{{"EventType":6,"PrinterId":"x","PrintId":"p-{n}","DurationSec":60.5,"Progress":40.0}}"#);
    let mut event = door(n).callback(&KEY.query(), &body);
    event["requestContext"]["timeEpoch"] = u64::try_from(since_1970.as_millis()).unwrap().into();
    let began = Instant::now();
    let response = call(&function, &event).await;
    let took = began.elapsed() + Duration::from_secs(late);
    let (published, queued) = aws.drain();
    assert!(published.iter().all(|message| message.topic == TOPIC));
    assert!(
        queued
            .iter()
            .all(|message| message.queue == FALLBACK_QUEUE || kind(message) == "unverified")
    );
    // What was published or queued is what was sent, under the id that was answered.
    let finished = queued.iter().filter(|message| kind(message) == "notification");
    let texts = published.iter().map(|message| &message.text);
    for text in texts.chain(finished.map(|message| &message.body)) {
        assert!(text.contains(&format!(r#""data":{body}"#)), "{text}");
        assert!(response.status != 200 || text.contains(&id(&response)), "{text}");
    }
    Cell {
        door: door(n),
        sns,
        sqs,
        keys,
        late,
        response,
        took,
        published: published.len(),
        queued,
    }
}

fn kind(queued: &QueueMessage) -> &str {
    &queued.attributes["printbell"].1
}

impl Cell {
    fn has_keys(&self) -> bool {
        self.keys.0 == "warm"
    }

    /// How soon the topic or a queue answers at the soonest, in milliseconds from when they may be tried.
    fn soonest(&self) -> Option<u64> {
        let (_, _, topic) = self.sns;
        let (_, _, queue) = self.sqs;
        topic.filter(|_| self.has_keys()).into_iter().chain(queue).min()
    }

    /// Nobody answers at all, and so nothing can be called durable.
    fn is_hopeless(&self) -> bool {
        self.soonest().is_none()
    }

    /// What must be true of it.
    fn check(&self) -> Result<(), String> {
        // A way that answers within 6 s in a process that has its keys, within 4 s in any case, is enough.
        let enough = if self.has_keys() && self.late == 0 {
            6_000
        } else {
            4_000
        };
        let must_succeed = self.soonest().is_some_and(|soonest| soonest <= enough);
        let copies = self.published + self.queued.len();
        let status = self.response.status;
        let checks = [
            (
                "status",
                match (must_succeed, self.is_hopeless()) {
                    (true, _) => status == 200,
                    (_, true) => status == 503,
                    (false, false) => matches!(status, 200 | 503),
                },
            ),
            ("time", self.took < LIMIT),
            ("durable", status != 200 || copies > 0),
            (
                "one copy while SNS is quick",
                self.sns.0 != "0.5 s" || !self.has_keys() || (self.published, self.queued.len()) == (1, 0),
            ),
            (
                "never published without keys",
                self.has_keys()
                    || (self.published == 0 && self.queued.iter().all(|queued| kind(queued) == "unverified")),
            ),
            ("id", status != 200 || id(&self.response).len() == 32),
        ];
        let failed: Vec<_> = checks
            .iter()
            .filter(|(_, holds)| !holds)
            .map(|(name, _)| *name)
            .collect();
        match failed.as_slice() {
            [] => Ok(()),
            failed => Err(format!(
                "{:?}, SNS {}, SQS {}, {self}: {}",
                self.door,
                self.sns.0,
                self.sqs.0,
                failed.join(", ")
            )),
        }
    }
}

/// `200 2.5s t1 q1`: the status, from arrival to answer, copies in the topic and in queues.
impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.took.as_secs_f64();
        write!(f, "{} {seconds:.1}s", self.response.status)?;
        for (name, copies) in [("t", self.published), ("q", self.queued.len())] {
            if copies > 0 {
                write!(f, " {name}{copies}")?;
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn every_notification_is_answered_in_time_and_is_where_it_should_be() {
    let mut settings = Vec::new();
    for keys in KEYS {
        for late in LATE {
            for sns in FAULTS {
                settings.extend(FAULTS.map(|sqs| (sns, sqs, keys, late)));
            }
        }
    }
    let cells = (0..)
        .zip(settings)
        .map(|(n, (sns, sqs, keys, late))| run(sns, sqs, keys, late, n));
    let cells: Vec<Cell> = futures::stream::iter(cells).buffered(AT_ONCE).collect().await;
    let mut table = String::from(
        "status, from arrival to answer, copies in the topic (t) and in queues (q); across: SQS, down: SNS\n",
    );
    for grid in cells.chunks(FAULTS.len() * FAULTS.len()) {
        // A String takes every write.
        let _ = writeln!(table, "\nkeys {}, {} s late", grid[0].keys.0, grid[0].late);
        let columns = FAULTS.map(|(name, ..)| format!("{name:<16}"));
        let _ = writeln!(table, "{:<9}{}", "", columns.concat().trim_end());
        for row in grid.chunks(FAULTS.len()) {
            let columns: String = row.iter().map(|cell| format!("{:<16}", cell.to_string())).collect();
            let _ = writeln!(table, "{:<9}{}", row[0].sns.0, columns.trim_end());
        }
    }
    println!("{table}\n{} cells", cells.len());
    let wrong: Vec<_> = cells.iter().filter_map(|cell| cell.check().err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let waiting: Vec<_> = cells.iter().flat_map(|cell| &cell.queued).collect();
    let is_waiting = |cell: &&Cell| cell.response.status == 200 && cell.published == 0;
    let ids = cells.iter().filter(is_waiting).map(|cell| id(&cell.response));
    everything_that_waited_is_published_later(&waiting, ids.collect()).await;
}

/// The second half of the way: redrive, once all is well again.
async fn everything_that_waited_is_published_later(waited: &[&QueueMessage], ids: Vec<String>) {
    let aws = aws().await;
    let redrive = launch("redrive", &aws).start().await.unwrap();
    for batch in waited.chunks(10) {
        let event = queue_event::batch(batch.iter().copied(), 1);
        let answer = redrive.call(event.to_string()).await;
        assert_eq!(answer.json().unwrap(), json!({"batchItemFailures": []}));
    }
    let id = |text: &str| event(text)["id"].as_str().unwrap_or_default().to_owned();
    let published: BTreeSet<_> = aws.published().iter().map(|message| id(&message.text)).collect();
    let missing: Vec<_> = ids.iter().filter(|id| !published.contains(*id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    println!(
        "{} that waited were published by redrive, under {} ids",
        waited.len(),
        published.len()
    );
}

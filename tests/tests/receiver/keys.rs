//! Secrets Manager in every state, at a start and in a process that has its key: who is let in, who is refused, who waits.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use printbell_harness::fixtures::{FALLBACK_QUEUE, KEY, SECOND_KEY, SigningKey, THIRD_KEY};
use printbell_harness::runtime_api::Function;
use printbell_harness::stub_aws::{Behaviour, Service, StubAws};
use serde_json::Value;

use crate::stage::{aws, receiver, rotate, send};

/// Begins like [`SECOND_KEY`], which AWS's own ids hardly ever do.
const TWIN_KEY: SigningKey = SigningKey {
    version_id: "1f1e2d3c-0000-4000-8000-00000000000f",
    secret: "the second secret's twin",
};

/// What is wrong: with every call, or with reading one of the two versions that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Service(Behaviour),
    Labelled(Behaviour),
}

const FAULTS: [Fault; 12] = [
    Fault::None,
    Fault::Service(Behaviour::Slow(Duration::from_millis(150))),
    Fault::Service(Behaviour::Status500),
    Fault::Service(Behaviour::Throttled),
    Fault::Service(Behaviour::Denied),
    Fault::Service(Behaviour::Refused),
    Fault::Service(Behaviour::LostAnswer),
    Fault::Service(Behaviour::Hang),
    Fault::Labelled(Behaviour::Status500),
    Fault::Labelled(Behaviour::Denied),
    Fault::Labelled(Behaviour::LostAnswer),
    Fault::Labelled(Behaviour::Hang),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// The fault was there before the process.
    Cold,
    /// The process has read the current version.
    Warm,
}

/// What became of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Topic,
    Queue,
    Refused,
}

/// The tokens that are sent, each to a process of its own.
fn tokens() -> [(&'static str, String); 6] {
    [
        ("current", SECOND_KEY.query()),
        ("labelled", KEY.query()),
        ("retired", THIRD_KEY.query()),
        ("made up", KEY.query().replace(KEY.key_id(), "madeup00")),
        ("another's", SECOND_KEY.query().replace("p42", "p43")),
        ("malformed", KEY.query().replace(KEY.key_id(), "short")),
    ]
}

fn expected(fault: Fault, start: Start, token: &str) -> Place {
    let is_whole = match fault {
        Fault::None | Fault::Service(Behaviour::Slow(_)) => true,
        Fault::Service(_) | Fault::Labelled(_) => false,
    };
    let has_current = start == Start::Warm || !matches!(fault, Fault::Service(_)) || is_whole;
    match token {
        "malformed" => Place::Refused,
        "current" if has_current => Place::Topic,
        "labelled" if is_whole => Place::Topic,
        "current" | "labelled" => Place::Queue,
        _ if is_whole => Place::Refused,
        _ => Place::Queue,
    }
}

struct Cell {
    fault: Fault,
    start: Start,
    token: &'static str,
    place: Option<Place>,
    status: u16,
    took: Duration,
}

fn place(aws: &StubAws) -> Option<Place> {
    let (published, queued) = aws.drain();
    match (published.len(), queued.as_slice()) {
        (1, []) => Some(Place::Topic),
        (0, [message]) if message.queue == FALLBACK_QUEUE && message.attributes["printbell"].1 == "unverified" => {
            Some(Place::Queue)
        }
        (0, []) => Some(Place::Refused),
        _ => None,
    }
}

async fn run(fault: Fault, start: Start, (token, query): (&'static str, String)) -> Cell {
    let aws = StubAws::start().await.unwrap();
    for key in [THIRD_KEY, KEY, SECOND_KEY] {
        aws.secrets(|secrets| rotate(secrets, &key));
    }
    aws.secrets(|secrets| secrets.retire(&THIRD_KEY));
    let break_it = || match fault {
        Fault::None => {}
        Fault::Service(behaviour) => aws.set(Service::SecretsManager, behaviour),
        Fault::Labelled(behaviour) => aws.secrets(|secrets| secrets.set(&KEY, behaviour)),
    };
    if start == Start::Cold {
        break_it();
    }
    let function = receiver(&aws).await;
    break_it();
    let began = Instant::now();
    let status = send(&function, &query, r#"{"EventType":1}"#).await.status;
    let took = began.elapsed();
    Cell {
        fault,
        start,
        token,
        place: place(&aws),
        status,
        took,
    }
}

impl Cell {
    fn is_right(&self) -> bool {
        let expected = expected(self.fault, self.start, self.token);
        let status = if expected == Place::Refused { 401 } else { 200 };
        // Reading keys has a second.
        self.place == Some(expected) && self.status == status && self.took < Duration::from_millis(1500)
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_the_keys_nobody_is_refused_who_may_be_good() {
    let cells = FAULTS.into_iter().flat_map(|fault| {
        [Start::Cold, Start::Warm]
            .into_iter()
            .flat_map(move |start| tokens().map(|token| run(fault, start, token)))
    });
    let cells: Vec<Cell> = futures::stream::iter(cells).buffered(12).collect().await;
    let (mut table, mut wrong) = (String::new(), 0);
    for cell in &cells {
        let mark = if cell.is_right() { ' ' } else { '!' };
        wrong += usize::from(!cell.is_right());
        let (fault, start, ms) = (format!("{:?}", cell.fault), cell.start, cell.took.as_millis());
        let place = format!("{:?}", cell.place);
        let _ = writeln!(
            table,
            "{mark} {fault:<24} {start:?} {:<10} {} {place:<14} {ms:>5} ms",
            cell.token, cell.status
        ); // a String takes every write
    }
    println!("{table}");
    assert_eq!(wrong, 0);
}

#[tokio::test]
async fn versions_that_begin_the_same_are_both_accepted() {
    for [labelled, current] in [[SECOND_KEY, TWIN_KEY], [TWIN_KEY, SECOND_KEY]] {
        let aws = StubAws::start().await.unwrap();
        aws.secrets(|secrets| {
            rotate(secrets, &labelled);
            secrets.rotate(&current);
        });
        let function = receiver(&aws).await;
        for key in [current, labelled, current] {
            assert_eq!(send(&function, &key.query(), "{}").await.status, 200);
            assert_eq!(place(&aws), Some(Place::Topic));
        }
        let another_s = TWIN_KEY.query().replace("p42", "p43");
        assert_eq!(send(&function, &another_s, "{}").await.status, 401);
    }
}

/// The metric's lines in a function's log.
fn unknown_keys(function: &Function) -> Vec<u64> {
    let output = function.output();
    let lines = output
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Printbell")
        .filter_map(|line| line["unknownKeys"].as_u64())
        .collect()
}

#[tokio::test]
async fn tokens_under_keys_that_don_t_count_are_a_metric_and_a_flood_is_no_flood_of_lines() {
    let aws = aws().await;
    let function = receiver(&aws).await;
    // What is no such token: something else than a token, and a signature that isn't the key's.
    let malformed = KEY.query().replace(KEY.key_id(), "short");
    assert_eq!(send(&function, &malformed, "{}").await.status, 401);
    assert_eq!(
        send(&function, &KEY.query().replace("p42", "p43"), "{}").await.status,
        401
    );
    assert_eq!(send(&function, &KEY.query(), "{}").await.status, 200);
    assert_eq!(unknown_keys(&function), [0; 0]);
    let began = Instant::now();
    for n in 0..100 {
        let query = KEY.query().replace(KEY.key_id(), &format!("fake{n:04}"));
        assert_eq!(send(&function, &query, "{}").await.status, 401);
    }
    let lines = unknown_keys(&function);
    assert_eq!(lines.first(), Some(&1), "the first is told at once");
    let most = 1 + began.elapsed().as_secs() / 5;
    assert!(lines.len() as u64 <= most, "{lines:?}");
}

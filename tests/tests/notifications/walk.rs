//! A thousand prints of each platform, as the simulator tells them, each notification sent twice: the second time with a
//! new link and in another request. The ids are equal where the contract says, and nowhere else; each print ends as it did.

use std::collections::HashSet;

use printbell_shared::id::RegistrationKey;
use printbell_shared::metadata::Metadata;
use printbell_shared::notification::message::{Arrival, Message, Origin};
use printbell_simulator::print::{End, Face, Plan, Platform, Print};
use printbell_simulator::{EventType, PrinterId};
use serde::Deserialize;

const PRINTS: u64 = 1_000;

/// What is to be seen in a message.
#[derive(Deserialize)]
struct Event {
    id: String,
    subject: Option<String>,
    outcome: Option<String>,
}

/// How many notifications went which way: a walk that meets only one kind proves nothing.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    identified: usize,
    unidentified: usize,
    complete: usize,
    stopped: usize,
    failed: usize,
}

fn message(body: &str, request_id: &str) -> Message {
    let registration = RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    };
    let metadata = Metadata::default();
    let arrival = Arrival {
        received: "2026-11-24T10:00:00Z".parse().unwrap(),
        request_id: request_id.to_owned(),
    };
    Message::for_callback(&Origin { registration, metadata }, body.as_bytes(), &arrival).unwrap()
}

/// What tells whether the contract has a repeat of a notification keep its id.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    print_id: Option<String>,
    duration_sec: Seconds,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

impl Data {
    /// The contract's words once more, as few as possible; the simulator makes no test of a print.
    fn identifies_itself(&self) -> bool {
        let seconds = match &self.duration_sec {
            Seconds::Number(number) => *number,
            Seconds::Text(text) => text.parse().unwrap(),
        };
        self.print_id.is_some() && seconds > 0.0
    }
}

/// What the contract calls this notification of a print that ends so: its outcome and its severity.
fn expected(event: EventType, end: End) -> (Option<&'static str>, &'static str) {
    match (event.0, end) {
        (2, _) => (Some("complete"), "info"),
        (3, End::Cancel) => (Some("stopped"), "attention"),
        (3, End::Failure) => (Some("failed"), "failure"),
        (3, End::Complete | End::Silence) => panic!("a print that doesn't end so was told to have failed"),
        (7..=9, _) => (None, "failure"),
        (4 | 11..=13, _) => (None, "attention"),
        _ => (None, "info"),
    }
}

/// A print like many; a timelapse parks for each layer, and forty times are enough.
fn plan(platform: Platform, number: u64) -> Plan {
    let plan = Plan::varied(platform, number);
    let layers = if plan.timelapse {
        plan.layers.min(40)
    } else {
        plan.layers
    };
    Plan { layers, ..plan }
}

fn walk(platform: Platform) -> Tally {
    let face = Face::named(PrinterId::new("p1"), "Workshop printer");
    let (mut tally, mut ids) = (Tally::default(), HashSet::new());
    for number in 0..PRINTS {
        let plan = plan(platform, number);
        let end = plan.end;
        let print = Print::numbered(number, plan).unwrap();
        for scene in print.scenes(&face) {
            let body = print.body(&face, &scene, 1);
            let (first, second) = (
                message(&body, "request 1"),
                message(&print.body(&face, &scene, 2), "request 2"),
            );
            assert_ne!(first.body, second.body, "the second has a new link");
            let data: Data = serde_json::from_str(&body).unwrap();
            let event: Event = serde_json::from_str(&first.body).unwrap();
            assert_eq!(event.id, first.id);
            assert_eq!(event.subject, data.print_id);
            if data.identifies_itself() {
                assert_eq!(first.id, second.id, "{body}");
                tally.identified += 1;
            } else {
                assert_ne!(first.id, second.id, "{body}");
                assert!(ids.insert(second.id));
                tally.unidentified += 1;
            }
            assert!(ids.insert(first.id), "the id of another notification: {body}");

            let (outcome, severity) = expected(scene.event, end);
            let attribute = |name: &str| {
                let found = first.attributes.iter().find(|attribute| attribute.name == name);
                found.map(|attribute| attribute.value.as_str())
            };
            assert_eq!(event.outcome.as_deref(), outcome, "{body}");
            assert_eq!(attribute("outcome"), outcome, "{body}");
            assert_eq!(attribute("severity"), Some(severity), "{body}");
            match outcome {
                Some("complete") => tally.complete += 1,
                Some("stopped") => tally.stopped += 1,
                Some(_) => tally.failed += 1,
                None => {}
            }
        }
    }
    tally
}

/// `fails` says whether this platform ever calls a failure "print failed".
fn check(platform: Platform, fails: bool) {
    let tally = walk(platform);
    println!("{platform:?}: {tally:?}");
    assert!(tally.identified > 10_000 && tally.unidentified > 100, "{tally:?}");
    assert!(tally.complete > 100 && tally.stopped > 100, "{tally:?}");
    assert_eq!(tally.failed > 100, fails, "{tally:?}");
    assert_eq!(tally.failed > 0, fails, "{tally:?}");
}

#[test]
fn a_thousand_prints_of_octoprint() {
    check(Platform::OctoPrint, true);
}

#[test]
fn a_thousand_prints_of_klipper() {
    check(Platform::Klipper, false);
}

#[test]
fn a_thousand_prints_of_bambu_lab() {
    check(Platform::Bambu, true);
}

#[test]
fn a_thousand_prints_of_elegoo() {
    check(Platform::Elegoo, false);
}

#[test]
fn a_thousand_prints_of_elegoo_centauri_carbon_2() {
    check(Platform::ElegooCc2, false);
}

#[test]
fn a_thousand_prints_of_prusalink() {
    check(Platform::PrusaLink, false);
}

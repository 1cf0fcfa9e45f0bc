//! The events that the documents show, in a table and as JSON, are what the code makes.

use printbell_harness::workspace;
use printbell_shared::id::RegistrationKey;
use printbell_shared::metadata::Metadata;
use printbell_shared::notification::message::{Arrival, Message, Origin};
use printbell_shared::registration::Registration;
use printbell_shared::registration::renewal::{EpochSeconds, News, StatusChange};
use serde_json::Value;

use crate::links::documents;

/// The columns `eventType`, `event`, `severity` and `outcome` of a row; empty where there is none.
type Row = [String; 4];

/// Texts that come with a failure: one that is none, and one for each outcome.
const ERRORS: [&str; 2] = ["The nozzle is clogged.", "cancelled"];

/// A number that has no name, and what the table has in its place.
const NAMELESS: (i64, &str) = (1000, "N");

fn key() -> RegistrationKey {
    RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    }
}

fn row(message: &Message, number: Option<String>) -> Row {
    let attribute = |name: &str| {
        let mut attributes = message.attributes.iter();
        attributes
            .find(|attribute| attribute.name == name)
            .map(|attribute| attribute.value.clone())
    };
    let number = number.or(attribute("eventType")).unwrap_or_else(|| "none".to_owned());
    let [event, severity, outcome] = ["event", "severity", "outcome"].map(|name| attribute(name).unwrap_or_default());
    [number, event, severity, outcome]
}

fn callback(body: &str) -> Message {
    callback_with(Metadata::default(), body, "2026-11-24T12:00:00Z")
}

fn callback_with(metadata: Metadata, body: &str, received: &str) -> Message {
    let origin = Origin {
        registration: key(),
        metadata,
    };
    let arrival = Arrival {
        received: received.parse().unwrap(),
        request_id: "1".to_owned(),
    };
    Message::for_callback(&origin, body.as_bytes(), &arrival).unwrap()
}

/// What the code makes of every number, of what has none, and of a registration's news.
fn expected() -> Vec<Row> {
    let (nameless, n) = NAMELESS;
    let mut rows = Vec::new();
    for number in -1..nameless {
        for error in ERRORS {
            let row = row(
                &callback(&format!(r#"{{"EventType":{number},"Error":"{error}"}}"#)),
                None,
            );
            if row[1] != format!("event.{number}") && !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    let other = row(
        &callback(&format!(r#"{{"EventType":{nameless}}}"#)),
        Some(format!("any other, {n}")),
    );
    rows.push(other.map(|cell| cell.replace(&nameless.to_string(), n)));
    rows.push(row(&callback("{}"), None));
    rows.extend(News::ALL.map(|news| {
        let at = EpochSeconds(1_795_514_400);
        row(
            &Message::for_status_change(&Registration::empty(&key()), &StatusChange { news, at, due: at }),
            None,
        )
    }));
    rows
}

/// The rows of the document's table.
fn documented() -> Vec<Row> {
    let text = std::fs::read_to_string(workspace::root().join("docs/subscribing.md")).unwrap();
    let (_, table) = text
        .split_once("\n| `eventType` | `event` | `severity` | `outcome` |")
        .unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let mut cells = line
            .split('|')
            .skip(1)
            .map(|cell| cell.trim().trim_matches('`').to_owned());
        std::array::from_fn(|_| cells.next().unwrap())
    };
    rows.map(row).collect()
}

#[test]
fn the_table_of_events_is_what_the_code_does() {
    let rows = documented();
    assert_eq!(rows, expected());
    println!("{} events in the table", rows.len());
}

/// What an event has of itself; all else is the app's metadata.
const MEMBERS: [&str; 11] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "tenantid",
    "printerref",
    "outcome",
    "data",
];

#[test]
fn the_events_that_the_documents_show_are_what_the_code_makes() {
    let mut shown = 0;
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        let blocks = text
            .split("\n```json\n")
            .skip(1)
            .filter_map(|rest| rest.split_once("\n```"));
        for (block, _) in blocks.filter(|(block, _)| block.contains("\"specversion\"")) {
            let mut event: Value = serde_json::from_str(block).unwrap();
            let mut metadata = Metadata::default();
            for (name, value) in event.as_object().unwrap() {
                if !MEMBERS.contains(&name.as_str()) {
                    metadata.insert(name, value.as_str().unwrap()).unwrap();
                }
            }
            let made = callback_with(metadata, &event["data"].to_string(), event["time"].as_str().unwrap());
            let made: Value = serde_json::from_str(&made.body).unwrap();
            event["id"] = made["id"].clone(); // shortened there
            assert_eq!(event, made, "{}", document.display());
            shown += 1;
        }
    }
    println!("{shown} events shown as JSON");
    assert!(shown > 0);
}

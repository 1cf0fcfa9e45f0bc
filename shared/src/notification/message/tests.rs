use super::*;
use serde_json::Value;
use serde_json::value::RawValue;

fn origin(metadata: &[(&str, &str)]) -> Origin {
    let registration = RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    };
    let mut pairs = Metadata::default();
    for (name, value) in metadata {
        pairs.insert(name, value).unwrap();
    }
    Origin {
        registration,
        metadata: pairs,
    }
}

fn arrival(request_id: &str) -> Arrival {
    Arrival {
        received: "2026-11-24T10:00:00.123456789Z".parse().unwrap(),
        request_id: request_id.to_owned(),
    }
}

fn message(body: &str) -> Message {
    Message::for_callback(&origin(&[("room", "lab")]), body.as_bytes(), &arrival("1")).unwrap()
}

fn shown(message: &Message) -> String {
    let mut text = format!("{}\n", message.body);
    for Attribute { name, data_type, value } in &message.attributes {
        text.push_str(&format!("{name} ({data_type}): {value}\n"));
    }
    text
}

#[test]
fn a_whole_notification() {
    let body = r#"{"PrinterId": "Pr/1 ü", "PrintId": "Pt1", "EventType": 6, "PrinterName": "Bärbel",
        "SecretKey": "s3cret", "Progress": 40.0, "TimeRemainingSec": -1, "NewKey": [1e2, null]}"#;
    insta::assert_snapshot!(shown(&message(body)));
}

#[test]
fn a_notification_of_which_nothing_is_known() {
    insta::assert_snapshot!(shown(&message(r#"{"EventType":"soon","PrinterId":"","PrintId":null}"#)));
}

#[test]
fn an_event_type_of_the_future() {
    insta::assert_snapshot!(shown(&message(r#"{"EventType":77,"PrinterId":12}"#)));
}

#[test]
fn every_event_has_its_name_and_severity() {
    let table: Vec<_> = (0..=17)
        .map(|n| shown(&message(&format!(r#"{{"EventType":{n}}}"#))))
        .map(|text| text.lines().skip(3).collect::<Vec<_>>().join(" "))
        .collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn a_print_that_somebody_stopped_and_one_that_failed() {
    let ended = |error: &str| format!(r#"{{"PrintId":"Pt1","EventType":3,"DurationSec":60,"Error":"{error}"}}"#);
    insta::assert_snapshot!(shown(&message(&ended("cancelled"))) + &shown(&message(&ended("The nozzle is clogged."))));
}

#[test]
fn a_message_has_the_id_that_its_request_gives_it() {
    let id = |body: &str, request| {
        Message::for_callback(&origin(&[]), body.as_bytes(), &arrival(request))
            .unwrap()
            .id
    };
    let progress = r#"{"PrintId":"Pt1","DurationSec":60,"EventType":6}"#;
    assert_eq!(id(progress, "1"), id(progress, "2"));
    assert_ne!(id("{}", "1"), id("{}", "2"));
}

#[test]
fn the_event_type_is_an_attribute_where_sns_can_match_it() {
    for (written, expected) in [
        ("1000000000", Some("1000000000")),
        ("-1000000000", Some("-1000000000")),
        ("\"1e9\"", Some("1000000000")),
        ("0", Some("0")),
        ("1000000001", None),
        ("-1000000001", None),
        ("9223372036854775807", None),
        ("1e300", None),
    ] {
        let message = message(&format!(r#"{{"EventType":{written}}}"#));
        let attribute = message.attributes.iter().find(|a| a.name == "eventType");
        assert_eq!(attribute.map(|a| a.value.as_str()), expected, "{written}");
    }
}

#[test]
fn what_stands_for_nothing_is_left_out() {
    for nothing in ["null", r#""""#, r#""None""#] {
        let message = message(&format!(
            r#"{{"PrinterId":{nothing},"PrintId":{nothing},"EventType":{nothing}}}"#
        ));
        let event: Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!((event.get("subject"), event.get("outcome")), (None, None), "{nothing}");
        let names: Vec<_> = message.attributes.iter().map(|a| &*a.name).collect();
        assert_eq!(names, ["tenantId", "printerRef", "event", "severity"], "{nothing}");
    }
}

#[test]
fn there_is_room_for_three_attributes_more() {
    // Ten is what raw delivery to SQS bears; a queue message has `printbell` and may have `reason`.
    let message = message(r#"{"PrinterId":"Pr1","EventType":3}"#);
    assert_eq!(message.attributes.len(), 7);
    assert!(message.attributes.iter().all(|a| !a.value.is_empty()));
}

#[test]
fn only_characters_that_xml_allows() {
    let origin = origin(&[("note", "a\u{FFFE}\"b")]);
    let body = "{\"\u{FFFF}\":\"\u{FFFE}\\uffff \\u0000 \u{1FFFE}\"}";
    let message = Message::for_callback(&origin, body.as_bytes(), &arrival("1")).unwrap();
    assert!(!message.body.contains(['\u{FFFE}', '\u{FFFF}']));
    let event: Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(event["data"], serde_json::from_str::<Value>(body).unwrap());
    assert_eq!(event["note"], "a\u{FFFE}\"b");
}

#[test]
fn a_body_of_128_kib_fits_with_the_longest_of_everything() {
    let id = "x".repeat(256);
    let registration = RegistrationKey {
        tenant: "t".repeat(64).parse().unwrap(),
        printer: "p".repeat(64).parse().unwrap(),
    };
    let mut metadata = Metadata::default();
    metadata.insert("a", &"\"".repeat(511)).unwrap();
    let origin = Origin { registration, metadata };
    let start = format!(r#"{{"PrinterId":"{id}","PrintId":"{id}","EventType":-9007199254740991,"a":""#);
    let body = format!(
        "{start}{}\"}}",
        "\\".repeat((crate::notification::payload::MAX_LENGTH - start.len() - 2) / 2 * 2)
    );
    let message = Message::for_callback(&origin, body.as_bytes(), &arrival("1")).unwrap();
    assert!(message.size() < body.len() + 4096, "{}", message.size());
}

#[test]
fn what_escapes_make_too_large_is_not_publishable() {
    let body = format!("{{\"a\":\"{}\"}}", "\u{FFFE}".repeat(43_600));
    let refusal = Message::for_callback(&origin(&[]), body.as_bytes(), &arrival("1")).map(|message| message.size());
    assert!(
        matches!(refusal, Err(Unpublishable::TooLarge(261_600..263_000))),
        "{refusal:?}"
    );
}

#[test]
fn the_data_is_the_payload_to_the_digit() {
    #[derive(serde::Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }
    let body = r#"{"z":1.10,"a":12345678901234567890123,"SecretKey":"x","m":{"b": 1e-7}}"#;
    let message = message(body);
    let event: Event<'_> = serde_json::from_str(&message.body).unwrap();
    assert_eq!(
        event.data.get(),
        r#"{"z":1.10,"a":12345678901234567890123,"m":{"b": 1e-7}}"#
    );
}

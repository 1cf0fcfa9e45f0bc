use proptest::prelude::*;

use super::*;
use crate::id::RegistrationKey;
use crate::metadata::Metadata;

fn origin() -> Origin {
    let registration = RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    };
    let mut metadata = Metadata::default();
    metadata.insert("room", "lab \u{FFFE}").unwrap();
    Origin { registration, metadata }
}

fn callback(query: &[u8], body: &[u8]) -> Callback {
    let arrival = Arrival {
        received: "2026-11-24T10:00:00.123456789Z".parse().unwrap(),
        request_id: "8f5e".to_owned(),
    };
    Callback {
        query: query.to_vec(),
        body: body.to_vec().into(),
        arrival,
    }
}

fn waits(letter: &Letter) -> (String, Vec<Attribute>) {
    let (body, attributes) = letter.to_queue();
    (body.into_owned(), attributes)
}

fn survives(letter: &Letter) {
    let (body, attributes) = waits(letter);
    let size = body.len()
        + attributes
            .iter()
            .map(|a| a.name.len() + a.value.len() + 6)
            .sum::<usize>();
    assert!(
        size <= 1024 * 1024 && !body.is_empty() && attributes.len() <= 10,
        "{size}"
    );
    assert!(!body.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{7F}'..)));
    assert!(!body.contains(['\u{FFFE}', '\u{FFFF}']));
    assert!(Letter::from_queue(body, attributes) == *letter);
}

#[test]
fn a_finished_notification_waits_as_it_is() {
    let letter = Letter::authentic(origin(), callback(b"", br#"{"EventType":1,"PrinterId":"x"}"#));
    let (body, attributes) = waits(&letter);
    let Letter::Notification(message) = &letter else {
        panic!("{letter:?}")
    };
    assert_eq!(body, message.body);
    assert_eq!(
        attributes.split_last(),
        Some((&Attribute::string("printbell", "notification"), &message.attributes[..]))
    );
    survives(&letter);
}

#[test]
fn what_cant_be_authenticated_any_more_says_why_and_may_be_tried_again() {
    let callback = callback(b"tenantId=a&callbackToken=x", b"{}");
    let (body, attributes) = waits(&Letter::Unverifiable {
        callback: callback.clone(),
        reason: "why".to_owned(),
    });
    let unverified = Letter::Unverified(callback);
    assert_eq!(body, waits(&unverified).0);
    let expected = [
        Attribute::string("printbell", "unverified"),
        Attribute::string("reason", "why"),
    ];
    assert_eq!(attributes, expected);
    assert!(Letter::from_queue(body, attributes) == unverified);
}

#[test]
fn the_quarantine_says_why_and_shows_what() {
    let letter = Letter::authentic(origin(), callback(b"callbackToken=s3cret", b"[1, 2]"));
    insta::assert_snapshot!(waits(&letter).0);
    survives(&Letter::from_queue(waits(&letter).0, waits(&letter).1));
}

/// The attributes that say what a queue message is, and why.
fn explanation(attributes: &[Attribute]) -> [Option<&str>; 2] {
    ["printbell", "reason"].map(|name| {
        let attribute = attributes.iter().find(|attribute| attribute.name == name)?;
        (attribute.data_type == "String").then_some(attribute.value.as_str())
    })
}

#[test]
fn all_but_notifications_say_why_they_are_none() {
    let table = [
        (
            Letter::authentic(origin(), callback(b"", b"[1, 2]")),
            ["quarantined", "the body is JSON, but not an object"],
        ),
        (
            Letter::Unverified(callback(b"", b"[1, 2]")),
            [
                "unverified",
                "it came while the callback keys could not be read; once it is redriven, its token is checked",
            ],
        ),
        (
            Letter::from_queue("hello".to_owned(), vec![Attribute::string("reason", "an old one")]),
            [
                "unreadable",
                "the attribute `printbell` doesn't say what this message is",
            ],
        ),
    ];
    for (letter, expected) in table {
        assert_eq!(explanation(&waits(&letter).1), expected.map(Some));
    }
    let finished = Letter::authentic(origin(), callback(b"", b"{}"));
    assert_eq!(explanation(&waits(&finished).1), [Some("notification"), None]);
}

#[test]
fn what_waits_is_read_with_a_reason_and_without() {
    for letter in [
        Letter::authentic(origin(), callback(b"", b"[1, 2]")),
        Letter::authentic(origin(), callback(b"", b"{}")),
        Letter::Unverified(callback(b"tenantId=a", b"{}")),
    ] {
        let (body, mut attributes) = waits(&letter);
        attributes.retain(|attribute| attribute.name != "reason");
        assert!(Letter::from_queue(body.clone(), attributes.clone()) == letter);
        attributes.push(Attribute::string("reason", "somebody's own"));
        assert!(Letter::from_queue(body, attributes) == letter);
    }
}

#[test]
fn a_body_that_is_too_long_to_be_published_is_kept_as_far_as_it_can_be() {
    const KIB: usize = 1024;
    let json = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8)).into_bytes();
    for (body, kept) in [
        (json(128 * KIB + 1), 128 * KIB + 1),
        (vec![0xFF; 700 * KIB], 700 * KIB),
        (json(700 * KIB + 1), 128 * KIB),
        (vec![b' '; 6 * KIB * KIB], 128 * KIB),
    ] {
        let came = callback(b"", &body);
        assert!(came.body.bytes() == &body[..kept] && came.body.length() == body.len());
        let letter = Letter::authentic(origin(), came.clone());
        let (json, attributes) = waits(&letter);
        let reason = format!("the body has {} bytes, and at most 131072 are published", body.len());
        assert_eq!(explanation(&attributes), [Some("quarantined"), Some(&reason)]);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let length = (kept < body.len()).then_some(body.len());
        assert_eq!(json["bodyLength"].as_u64(), length.map(|length| length as u64));
        for letter in [letter, Letter::Unverified(came)] {
            survives(&letter);
        }
    }
}

#[test]
fn the_beginning_of_a_body_is_not_taken_for_the_body() {
    // The beginning alone would be a notification.
    let mut body = b"{}".to_vec();
    body.resize(800 * 1024, b' ');
    let (json, attributes) = waits(&Letter::Unverified(callback(b"", &body)));
    let Letter::Unverified(again) = Letter::from_queue(json, attributes) else {
        panic!("it was unverified");
    };
    assert!(matches!(Letter::authentic(origin(), again), Letter::Quarantined { .. }));
}

#[test]
fn an_unverified_callback_is_kept_whole() {
    let letter = Letter::Unverified(callback(
        b"tenantId=a&printerRef=b&callbackToken=c.d",
        b"{\"EventType\":1}",
    ));
    insta::assert_snapshot!(waits(&letter).0);
    survives(&letter);
}

#[test]
fn what_waits_keeps_the_id_that_it_was_answered_with() {
    let bodies: [&[u8]; 5] = [
        br#"{"PrintId":"b1946ac9","DurationSec":60,"EventType":6,"SnapshotUrl":"s"}"#,
        br#"{"EventType":9,"DurationSec":"0.0"}"#,
        br#"{"PrintId":"b1946ac9","DurationSec":60,"EventType":16}"#,
        b"{}",
        b"[]",
    ];
    let query = format!(
        "tenantId=abc123&printerRef=p42&callbackToken=01234567.{}",
        "A".repeat(43)
    );
    for body in bodies {
        let unverified = Letter::Unverified(callback(query.as_bytes(), body));
        let again = Letter::from_queue(waits(&unverified).0, waits(&unverified).1);
        assert_eq!(again.id(), unverified.id());
        let Letter::Unverified(callback) = again else { panic!() };
        let authentic = Letter::authentic(origin(), callback.clone());
        assert_eq!(authentic.id(), unverified.id());
        let quarantined = Letter::Quarantined {
            origin: origin(),
            callback,
            reason: "because".into(),
        };
        let again = Letter::from_queue(waits(&quarantined).0, waits(&quarantined).1);
        assert_eq!(again.id(), authentic.id());
        assert_eq!(authentic.id().len(), 32);
    }
}

#[test]
fn what_is_no_letter_goes_back_with_the_reason() {
    let table = [
        (None, "hello"),
        (Some("postcard"), "{}"),
        (Some("notification"), "{}"),
        (Some("unverified"), "{}"),
        (Some("quarantined"), r#"{"reason":1}"#),
    ];
    let mut shown = String::new();
    for (kind, body) in table {
        let mut attributes: Vec<_> = (0..10).map(|_| Attribute::string("other", "x")).collect();
        attributes.extend(kind.map(|kind| Attribute::string("printbell", kind)));
        let letter = Letter::from_queue(body.to_owned(), attributes);
        let (body, attributes) = waits(&letter);
        assert!(attributes.len() <= 10);
        let again = Letter::from_queue(body.clone(), attributes.clone());
        assert!(matches!(again, Letter::Unreadable { .. }));
        shown.push_str(&format!("{body}: {}\n", attributes[attributes.len() - 1].value));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn neither_query_nor_body_is_ever_printed() {
    let callback = callback(b"callbackToken=s3cret", b"{\"SecretKey\":\"s3cret\"");
    for letter in [
        Letter::Unverified(callback.clone()),
        Letter::authentic(origin(), callback),
    ] {
        assert!(!format!("{letter:?}").contains("s3cret"));
    }
}

proptest! {
    #[test]
    fn any_bytes_come_back_as_they_were(
        query in prop::collection::vec(any::<u8>(), 0..200),
        body in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), ".*".prop_map(String::into_bytes)],
    ) {
        survives(&Letter::Unverified(callback(&query, &body)));
        let quarantined = Letter::Quarantined {
            origin: origin(), callback: callback(b"", &body), reason: "because".into(),
        };
        survives(&quarantined);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn whatever_700_kib_hold_fits(part in prop_oneof![".{1,3}", "\\PC{1,3}", Just("\0".into()), Just("\"".to_owned()), Just("\u{FFFE}".into())]) {
        for length in [payload::MAX_LENGTH, body::MAX_WHOLE] {
            let body = part.repeat(length / part.len());
            survives(&Letter::Unverified(callback(&[b'x'; 10_240], body.as_bytes())));
        }
    }
}

//! Odd input, in every form in which it can arrive: what the contract says, no panic, no 5xx.

use printbell_harness::fixtures::{API_HOST, DEAD_LETTER_QUEUE, FUNCTION_URL_HOST, KEY, TOPIC};
use printbell_harness::http_event::Door;
use printbell_harness::runtime_api::Function;
use printbell_harness::stub_aws::StubAws;
use serde_json::Value;

use crate::forms::{self, forms};
use crate::stage::{aws, receiver};

/// What is to become of a callback.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate<'a> {
    /// Published with this data.
    Published(&'a str),
    /// In the dead-letter queue, with a reason that says this.
    Quarantined(&'a str),
    /// `401`, and nowhere.
    Refused,
    /// `404` or `405`, and nowhere.
    Misdirected(u16),
}
use Fate::{Misdirected, Published, Quarantined, Refused};

async fn check_event(function: &Function, aws: &StubAws, what: &str, event: &str, fate: Fate<'_>) {
    let answer = function.call(event.to_owned()).await;
    let answer = answer
        .http()
        .unwrap_or_else(|error| panic!("{what}: {error:#}\n{}", function.output()));
    let (published, queued) = aws.drain();
    let status = match fate {
        Published(_) | Quarantined(_) => 200,
        Refused => 401,
        Misdirected(status) => status,
    };
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    let content_type = if status == 200 {
        "application/json"
    } else {
        "application/problem+json"
    };
    assert_eq!(answer.raw["headers"]["content-type"], content_type, "{what}");
    let places = (published.as_slice(), queued.as_slice());
    match (fate, places) {
        (Published(data), ([message], [])) => {
            assert_eq!(message.topic, TOPIC);
            let (_, published) = message.text.split_once(r#","data":"#).unwrap();
            let published = published.strip_suffix('}').unwrap();
            assert!(published == data, "{what}: {}", shortened(published));
        }
        (Quarantined(reason), ([], [message])) => {
            assert_eq!(message.queue, DEAD_LETTER_QUEUE);
            let letter: Value = serde_json::from_str(&message.body).unwrap();
            assert!(
                letter["reason"].as_str().unwrap().contains(reason),
                "{what}: {}",
                letter["reason"]
            );
            let attribute = &message.attributes["reason"];
            assert_eq!(
                (attribute.0.as_str(), attribute.1.as_str()),
                ("String", letter["reason"].as_str().unwrap())
            );
        }
        (Refused, ([], [])) => assert_eq!(answer.body, REFUSAL, "{what}"),
        (Misdirected(_), ([], [])) => {}
        _ => panic!("{what}: {} published, {} queued", published.len(), queued.len()),
    }
}

/// The same for every reason.
const REFUSAL: &str = r#"{"status":401,"title":"Unauthorized","detail":"The URL's callbackToken doesn't speak for this tenantId and printerRef."}"#;

fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}

async fn check(function: &Function, aws: &StubAws, query: &str, body: &[u8], fate: Fate<'_>) {
    for event in forms(query, body) {
        check_event(function, aws, &shortened(&event), &event, fate).await;
    }
}

#[tokio::test]
async fn queries() {
    let aws = aws().await;
    let function = receiver(&aws).await;
    let good = KEY.query();
    let [tenant, printer, token, room] = good.split('&').collect::<Vec<_>>().try_into().unwrap();
    let (key_id, signature) = token.strip_prefix("callbackToken=").unwrap().split_once('.').unwrap();
    let long = "x".repeat(9_000);
    let table: Vec<(String, Fate<'_>)> = [
        // As it should be, and as good as that.
        (good.clone(), Published("{}")),
        (format!("{room}&{token}&{printer}&{tenant}"), Published("{}")),
        (format!("&&{good}&"), Published("{}")),
        (good.replace("tenantId=a", "%74enant%49d=%61"), Published("{}")),
        (format!("{good}&{long}"), Published("{}")),
        (format!("{good}&%FF=%FE&%=%&%zz&=&=x&tenantid=y"), Published("{}")),
        (format!("{good}& x\"=<>\u{e9}\u{1f600}\u{fffd}"), Published("{}")),
        (good.replace("room=lab", "id=1&source=x&room=again"), Published("{}")),
        // Something is missing.
        (String::new(), Refused),
        ("&".into(), Refused),
        (format!("{printer}&{token}"), Refused),
        (format!("{tenant}&{token}"), Refused),
        (format!("{tenant}&{printer}"), Refused),
        (format!("{tenant}&{printer}&callbackToken"), Refused),
        (format!("{tenant}&{printer}&callbackToken="), Refused),
        (good.replace("tenantId", "tenantID"), Refused),
        (good.replace('&', ";"), Refused),
        // Something is there twice.
        (format!("{good}&{tenant}"), Refused),
        (format!("{good}&{printer}"), Refused),
        (format!("{good}&{token}"), Refused),
        (format!("{good}&%63allbackToken=x"), Refused),
        (format!("callbackToken=x&{good}"), Refused),
        // Something is malformed, or wrong.
        (good.replace("abc123", "abc+123"), Refused),
        (good.replace("abc123", "abc%20123"), Refused),
        (good.replace("abc123", "abc%FF123"), Refused),
        (good.replace("abc123", "abc%00123"), Refused),
        (good.replace("abc123", "abc124"), Refused),
        (KEY.query_for(".", "p42"), Refused),
        (KEY.query_for("abc123", ".."), Refused),
        (KEY.query_for("abc123", "..").replace("..", "%2E."), Refused),
        (good.replace("abc123", "ABC123"), Refused),
        (good.replace("abc123", &"a".repeat(65)), Refused),
        (good.replace("p42", "p43"), Refused),
        (good.replace(signature, &signature[1..]), Refused),
        (good.replace(signature, &format!("{signature}=")), Refused),
        (good.replace(signature, &format!("A{}", &signature[1..])), Refused),
        (good.replace(signature, &"A".repeat(43)), Refused),
        (good.replace(signature, &"A".repeat(8_000)), Refused),
        (good.replace(key_id, ""), Refused),
        (good.replace(key_id, "00000000"), Refused),
        (good.replace(key_id, &key_id.to_uppercase()), Refused),
        (good.replace('.', "%2E").replace("%2E", "%252E"), Refused),
        (format!("{good}&{}", "x".repeat(70_000)), Refused),
        (format!("{tenant}#{printer}&{token}"), Refused),
    ]
    .into();
    for (query, fate) in &table {
        check(&function, &aws, query, b"{}", *fate).await;
    }
    println!("{} queries in six forms each", table.len());
    assert!(function.is_running());
}

#[tokio::test]
async fn bodies() {
    let aws = aws().await;
    let function = receiver(&aws).await;
    let padded = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
    let largest = padded(128 * 1024);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(60_000), "]".repeat(60_000));
    let digits = format!("{{\"n\":{}}}", "9".repeat(100_000));
    let escaped = format!("{{\"a\":\"{}\"}}", "\u{FFFE}".repeat(43_600));
    let gzip = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0,
    ];
    let utf16: Vec<u8> = "\u{FEFF}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let table: Vec<(Vec<u8>, Fate<'_>)> = [
        // Every value as it was written.
        (
            " {\"a\" : 1.10 ,\r\n\"b\":[ 1 , null ]}\t".into(),
            Published("{\"a\":1.10,\"b\":[ 1 , null ]}"),
        ),
        (
            r#"{"EventType":3,"EventType":"x","a":1,"a":2}"#.into(),
            Published(r#"{"EventType":3,"EventType":"x","a":1,"a":2}"#),
        ),
        (
            r#"{"n":[1e999,-1e-999,0.1e1,12345678901234567890123,-0]}"#.into(),
            Published(r#"{"n":[1e999,-1e-999,0.1e1,12345678901234567890123,-0]}"#),
        ),
        (
            r#"{"EventType":1e400,"PrinterId":-0.0,"PrintId":[]}"#.into(),
            Published(r#"{"EventType":1e400,"PrinterId":-0.0,"PrintId":[]}"#),
        ),
        (
            r#"{"\ud800":"\udfff\ud83d\ude00","PrinterId":"\ud800"}"#.into(),
            Published(r#"{"\ud800":"\udfff\ud83d\ude00","PrinterId":"\ud800"}"#),
        ),
        (
            r#"{"PrinterId":"\u0000","PrintId":"\u0085","a":"\u0000\ufffe"}"#.into(),
            Published(r#"{"PrinterId":"\u0000","PrintId":"\u0085","a":"\u0000\ufffe"}"#),
        ),
        (
            "{\"a\":\"\u{FFFE}\u{FFFF}\u{7F}\u{85}\u{2028}\u{1FFFE}é😀\"}".into(),
            Published("{\"a\":\"\\ufffe\\uffff\u{7F}\u{85}\u{2028}\u{1FFFE}é😀\"}"),
        ),
        ("\u{FEFF}{\"a\":1}".into(), Published("{\"a\":1}")),
        (r#"{"":{"":""}}"#.into(), Published(r#"{"":{"":""}}"#)),
        (
            r#"{"SecretKey":"s3cret","a":{"SecretKey":1},"Secret\u004bey":"s3cret","SecretKey":null}"#.into(),
            Published(r#"{"a":{"SecretKey":1}}"#),
        ),
        (deep.clone().into(), Published(&deep)),
        (digits.clone().into(), Published(&digits)),
        // As long as it may be, and longer.
        (largest.clone().into(), Published(&largest)),
        (
            padded(128 * 1024 + 1).into(),
            Quarantined("131073 bytes, and at most 131072 are published"),
        ),
        (padded(700 * 1024).into(), Quarantined("716800 bytes")),
        (vec![0xFF; 700 * 1024], Quarantined("716800 bytes")),
        (vec![0; 700 * 1024 + 1], Quarantined("716801 bytes")),
        (padded(4 * 1024 * 1024).into(), Quarantined("4194304 bytes")),
        (escaped.into(), Quarantined("SNS takes 256 KiB")),
        // No JSON object.
        (b"".into(), Quarantined("isn't JSON")),
        (b"null".into(), Quarantined("not an object")),
        (b"[{\"EventType\":1}]".into(), Quarantined("not an object")),
        (b"\"{}\"".into(), Quarantined("not an object")),
        (b"1e999".into(), Quarantined("not an object")),
        (b"EventType=1&PrinterId=x".into(), Quarantined("isn't JSON")),
        (b"{'a':1}".into(), Quarantined("isn't JSON")),
        (b"{\"a\":1,}".into(), Quarantined("isn't JSON")),
        (b"{\"a\":NaN}".into(), Quarantined("isn't JSON")),
        (b"{\"a\":\"\0\"}".into(), Quarantined("isn't JSON")),
        (b"{\"a\":\"\n\"}".into(), Quarantined("isn't JSON")),
        (b"{}\0".into(), Quarantined("isn't JSON")),
        (b"{}{}".into(), Quarantined("isn't JSON")),
        (b"{\"a\":\"\\x41\"}".into(), Quarantined("isn't JSON")),
        (vec![b'{'; 100_000], Quarantined("isn't JSON")),
        (vec![b'['; 128 * 1024], Quarantined("isn't JSON")),
        (vec![0; 128 * 1024], Quarantined("isn't JSON")),
        (b"{\"a\":\"\xE9\"}".into(), Quarantined("isn't text in UTF-8")),
        (b"{\"a\":\"\xED\xA0\x80\"}".into(), Quarantined("isn't text in UTF-8")),
        (gzip.into(), Quarantined("isn't text in UTF-8")),
        (utf16, Quarantined("isn't text in UTF-8")),
    ]
    .into();
    for (body, fate) in &table {
        check(&function, &aws, &KEY.query(), body, *fate).await;
        check(&function, &aws, &KEY.query().replace("p42", "p43"), body, Refused).await;
    }
    println!(
        "{} bodies in up to six forms each, with a good token and with a bad one",
        table.len()
    );
    assert!(function.is_running());
}

/// What only a raw event can say.
#[tokio::test]
async fn events() {
    let aws = aws().await;
    let function = receiver(&aws).await;
    for door in Door::ALL {
        for (event, fate) in &odd_events(door) {
            check_event(&function, &aws, &shortened(event), event, *fate).await;
        }
    }
    assert!(function.is_running());
}

fn odd_events(door: Door) -> Vec<(String, Fate<'static>)> {
    let good = door.callback(&KEY.query(), "{}").to_string();
    let base64 = forms::event(door, &KEY.query(), "e30=", true).to_string();
    // Only a door without routes leaves it to the function to look.
    let (host, fate_of_others): (_, fn(u16) -> Fate<'static>) = match door {
        Door::HttpApi => (API_HOST, |_| Published("{}")),
        Door::FunctionUrl => (FUNCTION_URL_HOST, Misdirected),
    };
    let body = r#""body":"{}""#;
    let agent = r#""user-agent":"OctoEverywhere""#;
    [
        (
            good.replace(agent, r##""user-agent":"\ud800\u0000\n\u00ff","x y\u0000":"","":"\"""##),
            Published("{}"),
        ),
        (
            good.replace(
                agent,
                r#""content-type":"text/plain; charset=utf-16","content-encoding":"gzip""#,
            ),
            Published("{}"),
        ),
        (good.replace(host, "a b\\\"/\\u0000"), Published("{}")),
        (
            good.replace(r#""method":"POST""#, r#""method":"G E T""#),
            fate_of_others(405),
        ),
        (good.replace("room=lab", r"room=\ud800lab"), Published("{}")),
        (good.replace("tenantId=", r"tenantId=\udfff"), Refused),
        (
            good.replace(body, r#""body":"{\"a\":\"\ud800\"}""#),
            Quarantined("isn't text in UTF-8"),
        ),
        (good.replace(body, r#""body":null"#), Quarantined("isn't JSON")),
        (good.replace(body, r#""nobody":null"#), Quarantined("isn't JSON")),
        (
            good.replace(r#""isBase64Encoded":false"#, r#""isBase64Encoded":null"#),
            Published("{}"),
        ),
        (
            good.replace(r#""isBase64Encoded":false"#, r#""isBase64Encoded":true"#),
            Published("{}"),
        ),
        (base64.replace("e30=", "e30"), Published("{}")),
        (base64.replace("e30=", "e30%"), Quarantined("isn't JSON")),
        (base64.replace("e30=", "e30=\\n"), Quarantined("isn't JSON")),
        (good.replace("rawQueryString", "queryStringParameters"), Refused),
        (good.replace("requestContext", "context"), fate_of_others(405)),
        (good.replace("rawPath", "path"), fate_of_others(404)),
        (
            good.replace(r#""rawPath":"/"#, r#""rawPath":"\ud800/"#),
            fate_of_others(404),
        ),
        // What names no route came by no door.
        (
            good.replace("routeKey", "route").replace("rawPath", "path"),
            Published("{}"),
        ),
        (r#"{"key1":"value1"}"#.to_owned(), Refused),
        ("{}".to_owned(), Refused),
    ]
    .into()
}

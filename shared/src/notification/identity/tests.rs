use super::*;

const REQUEST_ID: &str = "JKJaXmPLvHcESHA=";

fn registration() -> RegistrationKey {
    RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    }
}

fn id(body: &str, request_id: &str) -> String {
    let payload = Payload::read(body.as_bytes()).unwrap();
    notification_id(&registration(), &payload, request_id)
}

// The ids of this file come from here, `data` being what is called the lasting data above:
//
// python3 -c 'import hashlib, sys; print(hashlib.sha256(b"\0".join(part.encode() for part in sys.argv[1:])).hexdigest()[:32])' \
//     abc123 p42 DATA [JKJaXmPLvHcESHA=]

#[test]
fn what_identifies_itself_has_the_id_of_what_lasts_of_it() {
    // {"PrintId":"b1946ac9","EventType":6,"Progress":62.50,"DurationSec":"3990.000123"}
    let expected = "e9f0521677d9fabc7deed246e4cac921";
    let bodies = [
        r#"{"PrintId":"b1946ac9","EventType":6,"Progress":62.50,"DurationSec":"3990.000123"}"#,
        // Another link each time, none, one too many, in any place and spelling
        r#"{"PrintId":"b1946ac9","SnapshotUrl":"https://example.com/1.jpg","QuickViewUrl":"https://example.com","EventType":6,"Progress":62.50,"DurationSec":"3990.000123"}"#,
        r#"{"PrintId":"b1946ac9","SnapshotUrl":"https://example.com/2.jpg","QuickViewUrl":"https://example.com","EventType":6,"Progress":62.50,"DurationSec":"3990.000123"}"#,
        r#"{"SnapshotUrl":null,"PrintId":"b1946ac9","EventType":6,"Progress":62.50,"DurationSec":"3990.000123","Snapshot\u0055rl":[1],"SnapshotUrl":"a","\u0051uickViewUrl":{"b":"c"}}"#,
        // Whatever the secret, and whatever stands between the members
        r#"{"PrintId":"b1946ac9","EventType":6,"SecretKey":"s3cret","Progress":62.50,"DurationSec":"3990.000123"}"#,
        "\u{FEFF} { \"PrintId\" : \"b1946ac9\",\r\n\t\"EventType\":6 , \"Progress\":62.50,\"DurationSec\":\"3990.000123\" }\n",
    ];
    for body in bodies {
        assert_eq!(id(body, REQUEST_ID), expected, "{body}");
        assert_eq!(id(body, "another request"), expected, "{body}");
    }
}

#[test]
fn what_doesn_t_identify_itself_has_the_request_s_id_in_its_own() {
    let table = [
        (
            r#"{"EventType":9,"DurationSec":"0.0","Error":"Heater fault"}"#,
            "dfa967a28ab987d7a982195de7bb11ba",
        ),
        (
            r#"{"PrintId":"b1946ac9","EventType":1,"DurationSec":"0.0"}"#,
            "51f069a6752a1ec748f1446b0b0ed3e9",
        ),
        (
            r#"{"PrintId":"b1946ac9","EventType":16,"DurationSec":12}"#,
            "70a92027b346372791f41e47603d7e1d",
        ),
        (
            r#"{"PrintId":"None","EventType":9,"DurationSec":12}"#,
            "f8615418cf74d1e96d17dd373cc624e4",
        ),
        (
            r#"{"PrintId":"","EventType":9,"DurationSec":12}"#,
            "17127c397b1b1b51d0315b41a66dd45d",
        ),
        ("{}", "a0353a03574be57ce0c0e48cb9e88626"),
        // Links and secrets don't count here either
        (
            r#"{"EventType":9,"QuickViewUrl":"q","DurationSec":"0.0","SecretKey":"s","Error":"Heater fault","SnapshotUrl":"s"}"#,
            "dfa967a28ab987d7a982195de7bb11ba",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(id(body, REQUEST_ID), expected, "{body}");
        assert_ne!(id(body, "another request"), expected, "{body}");
    }
}

#[test]
fn what_is_no_object_has_the_request_s_id_in_its_own() {
    let id = |body: &str| unreadable_id(&registration(), body.as_bytes(), REQUEST_ID);
    assert_eq!(id("[1, 2]"), "47446ae88899d1d7d41e6ebdf2a54fc3");
    assert_eq!(id("not JSON"), "05edcce71fa4752dace0e810bb4e4699");
}

#[test]
fn the_data_is_hashed_as_it_stands_in_the_message() {
    // {"PrintId":"b1946ac9","DurationSec":1,"Note":"\ufffe\uffff"}
    let body = "{\"PrintId\":\"b1946ac9\",\"DurationSec\":1,\"Note\":\"\u{FFFE}\\uffff\"}";
    assert_eq!(id(body, REQUEST_ID), "7e553292c7d2db0d314df764912e1684");
}

#[test]
fn a_print_and_a_duration_are_what_identifies() {
    let long = format!("\"{}\"", "x".repeat(300));
    // PrintId, DurationSec and EventType as they are written; whether it identifies itself.
    let table = [
        (r#""b1946ac9""#, "1", "6", true),
        (r#""b1946ac9""#, "1", "\"soon\"", true),
        (r#""b1946ac9""#, "1", "16", false),
        (r#""b1946ac9""#, "1", r#""16.0""#, false),
        // PrintId
        ("42", "1", "6", true),
        (r#""none""#, "1", "6", true),
        (r#"" ""#, "1", "6", true),
        (&long, "1", "6", true),
        (r#""a\u0000b""#, "1", "6", true),
        ("null", "1", "6", false),
        (r#""\u004eone""#, "1", "6", false),
        ("true", "1", "6", false),
        (r#"["b1946ac9"]"#, "1", "6", false),
        // DurationSec
        (r#""b1946ac9""#, "0.000001", "6", true),
        (r#""b1946ac9""#, "1e3", "6", true),
        (r#""b1946ac9""#, r#"" 62.5 ""#, "6", true),
        (r#""b1946ac9""#, "12345678901234567890123", "6", true),
        (r#""b1946ac9""#, "0", "6", false),
        (r#""b1946ac9""#, "-0.0", "6", false),
        (r#""b1946ac9""#, "-1", "6", false),
        (r#""b1946ac9""#, r#""0.0""#, "6", false),
        (r#""b1946ac9""#, r#""""#, "6", false),
        (r#""b1946ac9""#, r#""None""#, "6", false),
        (r#""b1946ac9""#, r#""inf""#, "6", false),
        (r#""b1946ac9""#, "null", "6", false),
        (r#""b1946ac9""#, "true", "6", false),
        // The last one counts
        (r#""a","PrintId":"None""#, "1", "6", false),
        (r#"null,"PrintId":"a""#, "1", "6", true),
        (r#""b1946ac9""#, r#"1,"DurationSec":0"#, "6", false),
        (r#""b1946ac9""#, r#"0,"Duration\u0053ec":1"#, "6", true),
        (r#""b1946ac9""#, "1", r#"16,"EventType":6"#, true),
    ];
    for (print_id, duration, event_type, expected) in table {
        let body = format!(r#"{{"PrintId":{print_id},"DurationSec":{duration},"EventType":{event_type}}}"#);
        let same = id(&body, REQUEST_ID) == id(&body, "another request");
        assert_eq!(same, expected, "{body}");
    }
    for missing in [
        r#"{"DurationSec":1}"#,
        r#"{"PrintId":"a"}"#,
        r#"{"printId":"a","DurationSec":1}"#,
    ] {
        assert_ne!(id(missing, REQUEST_ID), id(missing, "another request"), "{missing}");
    }
}

#[test]
fn whatever_lasts_makes_another_id() {
    let bodies = [
        r#"{"PrintId":"a","DurationSec":1}"#,
        r#"{"PrintId":"a","DurationSec":1.0}"#,
        r#"{"PrintId":"a","DurationSec":"1"}"#,
        r#"{"DurationSec":1,"PrintId":"a"}"#,
        r#"{"PrintId":"b","DurationSec":1}"#,
        r#"{"PrintId":"a","DurationSec":1,"Progress":1}"#,
        r#"{"PrintId":"a","DurationSec":1,"snapshotUrl":"x"}"#,
        r#"{"PrintId":"a","DurationSec":1,"a":{"SnapshotUrl":"x"}}"#,
        r#"{"PrintId":"a","DurationSec":1,"a":{"SnapshotUrl":"y"}}"#,
    ];
    let ids: std::collections::BTreeSet<_> = bodies.map(|body| id(body, REQUEST_ID)).into();
    assert_eq!(ids.len(), bodies.len());
    let payload = Payload::read(bodies[0].as_bytes()).unwrap();
    let other = RegistrationKey {
        printer: "p43".parse().unwrap(),
        ..registration()
    };
    assert!(!ids.contains(&notification_id(&other, &payload, REQUEST_ID)));
}

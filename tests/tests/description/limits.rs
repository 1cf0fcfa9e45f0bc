//! What the description allows is what the rules allow: both are asked about the same values, at and around every limit.

use printbell_shared::id::{PrinterRef, TenantId};
use printbell_shared::metadata::{Metadata, RESERVED_NAMES};
use printbell_shared::registration::wish::{AppToken, EventFilter};
use printbell_tests::messages::{NOTIFICATION, REGISTRATION};
use printbell_tests::openapi::OpenApi;
use secrecy::SecretString;
use serde_json::{Value, json};

const PUT: &str = "PUT /registrations/{tenantId}/{printerRef}";

/// Texts of every single character that may matter, and of every length around the limits.
fn texts(limits: &[usize]) -> Vec<String> {
    let mut texts: Vec<String> = (0..=0x180_u32)
        .chain([0x2028, 0xFFFE, 0x1F600])
        .filter_map(char::from_u32)
        .map(String::from)
        .collect();
    texts.extend(["", ".", "..", "...", "a.", "%41", "a b", "a\n", "A-Z.a_z~0-9"].map(str::to_owned));
    for limit in limits {
        texts.extend([limit - 1, *limit, limit + 1].map(|length| "x".repeat(length)));
        texts.push("ü".repeat(limit / 2 + 1));
    }
    texts
}

/// Compares what a schema says of each value with what the rules say.
fn compare(name: &str, schema: &Value, values: impl IntoIterator<Item = (Value, bool)>) {
    let validator = jsonschema::options().build(schema).unwrap();
    let (mut good, mut bad) = (0, 0);
    for (value, is_good) in values {
        assert_eq!(
            validator.is_valid(&value),
            is_good,
            "{name}: the schema and the rule differ about {value}"
        );
        *(if is_good { &mut good } else { &mut bad }) += 1;
    }
    assert!(good > 0 && bad > 0, "{name}: {good} good, {bad} bad");
    println!("{name}: schema and rule agree about {good} good and {bad} bad values");
}

#[test]
fn the_ids_are_those_of_the_rules() {
    let openapi = OpenApi::read();
    let is_id = |text: &String| {
        assert_eq!(text.parse::<TenantId>().is_ok(), text.parse::<PrinterRef>().is_ok());
        text.parse::<TenantId>().is_ok()
    };
    for name in ["tenantId", "printerRef"] {
        let values = texts(&[64]).into_iter().map(|text| (json!(text), is_id(&text)));
        compare(name, &openapi.parameter(PUT, name), values);
        for file in [NOTIFICATION, REGISTRATION] {
            let schema = &printbell_tests::json(file)["properties"][name.to_ascii_lowercase()];
            let values = texts(&[64]).into_iter().map(|text| (json!(text), is_id(&text)));
            compare(&format!("{name} in {file}"), schema, values);
        }
    }
}

#[test]
fn the_body_s_fields_are_those_of_the_rules() {
    let wish = OpenApi::read().component("Wish");
    let is_token = |text: &str| AppToken::try_from(SecretString::from(text)).is_ok();
    let values = texts(&[8 * 1024])
        .into_iter()
        .map(|text| (json!({"appToken": text}), is_token(&text)));
    compare("appToken", &wish, values);

    let numbers = [i64::MIN, -1, 0, 1, 2, 16, 17, 65_534, 65_535, 65_536, i64::MAX];
    let values = numbers.map(|number| {
        (
            json!({"eventTypes": [3, number]}),
            EventFilter::new([3, number]).is_ok(),
        )
    });
    let lengths = [0, 1, 99, 100, 101].map(|length| (json!({"eventTypes": vec![1; length]}), length <= 100));
    compare("eventTypes", &wish, values.into_iter().chain(lengths));

    let is_pair = |name: &str, value: &str| Metadata::default().insert(name, value).is_ok();
    let names = texts(&[16]).into_iter().chain(RESERVED_NAMES.map(str::to_owned));
    let names = names.map(|name| (json!({"metadata": {&name: "x"}}), is_pair(&name, "x")));
    // A schema counts characters, and the rule bytes, which are more.
    let values = texts(&[])
        .into_iter()
        .chain([510, 511, 512].map(|length| "x".repeat(length)));
    let values = values.map(|value| (json!({"metadata": {"a": value}}), is_pair("a", &value)));
    let counts = [0, 1, 7, 8, 9].map(|count| {
        let pairs = (0..count).map(|n| (format!("n{n}"), json!("x")));
        (json!({"metadata": Value::Object(pairs.collect())}), count <= 8)
    });
    let tokens = ["apptoken", "appapitoken", "completionurl"].map(|name| (json!({"metadata": {name: "x"}}), false));
    compare("metadata", &wish, names.chain(values).chain(counts).chain(tokens));

    let both = json!({"appToken": "t", "completionUrl": "https://x/?appApiToken=t"});
    let bodies = [
        (json!({}), true),
        (json!({"completionUrl": "https://x/?appApiToken=t"}), true),
        (json!({"completionUrl": "https://x/"}), false),
        (both, false),
        (json!({"apptoken": "t"}), false),
        (json!([]), false),
        (json!({"appToken": null}), false),
        (json!({"eventTypes": "1"}), false),
        (json!({"metadata": []}), false),
        (json!({"metadata": {"a": 1}}), false),
    ];
    compare("body", &wish, bodies);
}

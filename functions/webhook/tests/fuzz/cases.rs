//! Events that nobody would think of, and many that are nearly right.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use printbell_shared::callback::key::CallbackKey;
use printbell_shared::id::RegistrationKey;
use proptest::prelude::*;
use proptest::string::{RegexGeneratorStrategy, string_regex};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

/// Compiled once: a plain `&str` strategy is compiled anew for each case.
fn text(regex: &str) -> RegexGeneratorStrategy<String> {
    string_regex(regex).unwrap()
}

/// The versions of the signing keys.
pub const VERSIONS: [&str; 3] = ["key-0---", "key-1---", "key-2---"];

/// A signing key; 0 and 1 are good ones.
pub fn key(n: u8) -> CallbackKey {
    static KEYS: LazyLock<[CallbackKey; 3]> = LazyLock::new(|| {
        [0, 1, 2].map(|n| CallbackKey::new(VERSIONS[n], &SecretString::from(format!("the secret of key {n}"))))
    });
    KEYS[usize::from(n)].clone()
}

/// The token of a registration under key `n`; of ids that are none, something like a token.
pub fn token(tenant: &str, printer: &str, n: u8) -> String {
    let (Ok(tenant), Ok(printer)) = (tenant.parse(), printer.parse()) else {
        return "key-0---.AAAA".to_owned();
    };
    key(n)
        .token(&RegistrationKey { tenant, printer })
        .expose_secret()
        .to_owned()
}

fn query() -> impl Strategy<Value = String> {
    let id = || prop_oneof![8 => text("[A-Za-z0-9._~-]{1,8}"), 1 => text("\\PC{0,4}"), 1 => Just("%41".to_owned()), 1 => text("x{60,66}")];
    let extra = prop::collection::vec(
        prop_oneof![
            text("[a-z0-9]{0,17}=[ -~]{0,8}"),
            text("\\PC{0,6}"),
            text("(%[0-9A-Fg]{0,2}){0,3}=(%[8-9A-F][0-9A-F]){0,3}"),
            text("(tenantId|printerRef|callbackToken|%74enantId)=[a-z.]{0,3}")
        ],
        0..4,
    );
    (
        id(),
        id(),
        0_u8..3,
        prop_oneof![3 => Just(vec![]), 2 => extra],
        any::<u64>(),
        prop::option::weighted(0.3, any::<(prop::sample::Index, char)>()),
    )
        .prop_map(|(tenant, printer, n, mut pairs, order, slip)| {
            let shown = token(&tenant, &printer, n);
            for pair in [
                format!("tenantId={tenant}"),
                format!("printerRef={printer}"),
                format!("callbackToken={shown}"),
            ] {
                let at = usize::try_from(order % (pairs.len() as u64 + 1)).unwrap();
                pairs.insert(at, pair);
            }
            let mut query = pairs.join("&");
            if let Some((at, c)) = slip {
                // One character is another one.
                let mut chars: Vec<char> = query.chars().collect();
                let at = at.index(chars.len());
                chars[at] = c;
                query = chars.into_iter().collect();
            }
            query
        })
}

fn json_text() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| json!(n).to_string()),
        text("-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,4})?"),
        text("\\PC{0,6}").prop_map(|s| json!(s).to_string()),
        text("\"(\\\\u[0-9a-fA-F]{4}){0,3}\""),
        Just("\"\u{FFFE}\u{FFFF}\"".to_owned()),
    ];
    let name = text("[a-z]{0,2}").boxed();
    scalar.prop_recursive(2, 8, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|values| format!("[{}]", values.join(" ,"))),
            prop::collection::vec((name.clone(), inner), 0..3).prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(key, value)| format!("\"{key}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    })
}

fn payload() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("EventType".to_owned()),
        Just("PrinterId".to_owned()),
        Just("PrintId".to_owned()),
        Just("SecretKey".to_owned()),
        Just("Secret\\u004bey".to_owned()),
        Just("\\ud800".to_owned()),
        text("[A-Z][a-z]{0,3}"),
    ];
    prop::collection::vec((name, json_text()), 0..6).prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(key, value)| format!("\"{key}\": {value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let slipped = (payload(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(text, at, byte)| {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes
    });
    prop_oneof![
        600 => payload().prop_map(String::into_bytes),
        200 => slipped,
        100 => json_text().prop_map(String::into_bytes),
        50 => prop::collection::vec(any::<u8>(), 0..40),
        50 => text(".{0,40}").prop_map(String::into_bytes),
        1 => prop_oneof![131_060_usize..131_080, 716_790_usize..716_810].prop_map(|length| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8)).into_bytes()),
    ]
}

/// An event, and what it was made of.
#[derive(Debug)]
pub struct Case {
    /// The query.
    pub query: String,
    /// The body, as it was before it was put into base64.
    pub body: Vec<u8>,
    /// The event, in JSON.
    pub event: String,
    /// Whether the keys can be had.
    pub has_keys: bool,
}

/// An event, in every form that its parts can have, among members that mean nothing.
pub fn case() -> impl Strategy<Value = Case> {
    (
        query(),
        body(),
        any::<bool>(),
        any::<u8>(),
        prop::option::weighted(0.2, json_text()),
    )
        .prop_map(|(query, mut body, base64, dice, other)| {
            let mut event = json!({
                "version": "2.0",
                "rawQueryString": query,
                "requestContext": {"timeEpoch": i64::from(dice) * 1_000_000_000_000_000},
            });
            // From a function URL, from the HTTP API, or from nowhere.
            match dice % 3 {
                0 => {
                    event["routeKey"] = "$default".into();
                    event["rawPath"] = "/octoeverywhere/webhook".into();
                    event["requestContext"]["http"] = json!({"method": "POST"});
                }
                1 => event["routeKey"] = "POST /octoeverywhere/webhook".into(),
                _ => {}
            }
            match String::from_utf8(body.clone()) {
                Ok(text) if !base64 => {
                    event["body"] = text.into();
                    if dice % 4 > 0 {
                        event["isBase64Encoded"] = if dice % 2 > 0 { Value::Null } else { false.into() };
                    }
                }
                _ => {
                    event["body"] = STANDARD.encode(&body).into();
                    event["isBase64Encoded"] = true.into();
                    if dice == 7 {
                        // Not the base64 that it claims to be.
                        event["body"] = "{\"not\": base64".into();
                        body = b"{\"not\": base64".to_vec();
                    }
                }
            }
            let mut event = event.to_string();
            if let Some(other) = other {
                event.insert_str(1, &format!("\"headers\":{{\"\\ud800\":{other}}},"));
            }
            Case {
                query,
                body,
                event,
                has_keys: dice % 8 > 0,
            }
        })
}

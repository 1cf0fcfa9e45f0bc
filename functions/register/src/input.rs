//! What callers send: read strictly, with every broken rule named at once.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use printbell_adapters::api_gateway::paging::parameters;
use printbell_adapters::api_gateway::request::HttpRequest;
use printbell_shared::json::whole_number;
use printbell_shared::metadata::Metadata;
use printbell_shared::notification::event::{EventType, TYPE_PREFIX};
use printbell_shared::problem::{FieldError, Problem};
use printbell_shared::registration::app_connection::AppConnection;
use printbell_shared::registration::completion_url;
use printbell_shared::registration::protocol::WishUpdate;
use printbell_shared::registration::wish::{AppToken, EventFilter, InvalidEventType};
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::problems::{MAX_ERRORS, invalid, repeated};
use crate::suggestion::{nearest, suggesting};

/// The most event types that a filter has: far more than there are.
pub(crate) const MAX_EVENT_TYPES: usize = 100;

/// The longest body, in bytes: more than all fields at their longest have, with each character escaped. A parsed one takes many times
/// its length in memory.
pub(crate) const MAX_BODY: usize = 128 * 1024;

/// The fields of a PUT's body.
pub(crate) const APP_TOKEN: &str = "appToken";
pub(crate) const COMPLETION_URL: &str = "completionUrl";
pub(crate) const EVENT_TYPES: &str = "eventTypes";
pub(crate) const METADATA: &str = "metadata";
const FIELDS: [&str; 4] = [APP_TOKEN, COMPLETION_URL, EVENT_TYPES, METADATA];

/// The longest completion URL, in bytes: a token is up to 8 KiB, and what else the portal gives comes with it.
pub(crate) const MAX_COMPLETION_URL: usize = 16 * 1024;

/// Names of the AppToken, in lower case: ours, and the portal's.
pub(crate) const TOKEN_NAMES: [&str; 2] = ["apptoken", "appapitoken"];

/// The name of the URL that holds one, in lower case.
pub(crate) const URL_NAME: &str = "completionurl";

/// The event types that have a name.
pub(crate) const NAMED_EVENT_TYPES: RangeInclusive<i64> = 1..=16;

/// Reads a PUT.
pub(crate) fn wish_update(request: &HttpRequest) -> Result<WishUpdate, Problem> {
    let mut faults = Faults::default();
    faults.misplaced_tokens(request);
    let body = match object(&request.body) {
        Ok(body) => body,
        Err(rule) => return Err(faults.and("", rule)),
    };
    let unknown = body.keys().filter(|name| !FIELDS.contains(&name.as_str()));
    for (place, name) in unknown.enumerate() {
        let meant = (place < MAX_ERRORS).then(|| nearest(name, FIELDS)).flatten();
        let rule = suggesting("is not a field that there is", meant);
        faults.add(&pointer(name), rule);
    }
    let connection = faults.connection(&body);
    let events = faults.events(&body);
    let metadata = faults.metadata(&body);
    match (faults.0.is_empty(), events, metadata) {
        (true, Some(events), Some(metadata)) => Ok(WishUpdate {
            connection,
            events,
            metadata,
        }),
        _ => Err(invalid(faults.0)),
    }
}

/// The JSON object that a body is; or what else it is, quoting nothing.
fn object(body: &[u8]) -> Result<Map<String, Value>, String> {
    if body.len() > MAX_BODY {
        return Err(format!("can have at most {MAX_BODY} bytes"));
    }
    let is_object = |json: &[u8]| serde_json::from_slice::<Map<String, Value>>(json).is_ok();
    match serde_json::from_slice(body) {
        Ok(Value::Object(body)) => Ok(body),
        Ok(Value::String(text)) if is_object(text.as_bytes()) => {
            Err("must be a JSON object, not a string that holds one".to_owned())
        }
        Ok(_) => Err("must be a JSON object".to_owned()),
        Err(_) if body.trim_ascii().is_empty() => Err(format!(
            "must be a JSON object, and is empty; send {{\"{APP_TOKEN}\":\"…\"}} or {{}}"
        )),
        Err(_) if BASE64.decode(body.trim_ascii()).is_ok_and(|json| is_object(&json)) => {
            Err("must be a JSON object, not one in base64".to_owned())
        }
        // serde_json says where it stopped.
        Err(error) => Err(format!("must be a JSON object: {error}")),
    }
}

#[derive(Default)]
struct Faults(Vec<FieldError>);

impl Faults {
    fn add(&mut self, field: &str, rule: impl Into<String>) {
        self.0.push(FieldError {
            field: field.to_owned(),
            rule: rule.into(),
        });
    }

    fn and(mut self, field: &str, rule: impl Into<String>) -> Problem {
        self.add(field, rule);
        invalid(self.0)
    }

    /// A token that is where nobody looks would be silently left out.
    fn misplaced_tokens(&mut self, request: &HttpRequest) {
        let rule = |name: &str| match &name.to_ascii_lowercase() {
            name if TOKEN_NAMES.contains(&name.as_str()) => {
                Some("is no place for the token; send it in the body, as appToken")
            }
            name if name == URL_NAME => {
                Some("is no place for the portal's final URL; send it in the body, as completionUrl")
            }
            _ => None,
        };
        for name in &request.header_names {
            if let Some(rule) = rule(name) {
                self.add(&format!("the header {name}"), rule);
                break;
            }
        }
        for (name, _) in parameters(&request.query) {
            if let Some(rule) = rule(&name) {
                self.add(&name, rule);
            }
        }
    }

    /// The App Connection, by its token or by the portal's final URL.
    fn connection(&mut self, body: &Map<String, Value>) -> Option<AppConnection> {
        if !body.contains_key(COMPLETION_URL) {
            return self.token(body).map(|token| AppConnection { token, id: None });
        }
        if body.contains_key(APP_TOKEN) {
            self.add("/completionUrl", "can't stand beside appToken: send one of the two");
            return None;
        }
        match body[COMPLETION_URL].as_str() {
            None => self.add("/completionUrl", "must be a string"),
            Some(url) if url.len() > MAX_COMPLETION_URL => {
                self.add("/completionUrl", format!("can have at most {MAX_COMPLETION_URL} bytes"));
            }
            Some(url) => {
                let connection = completion_url::read(url);
                return connection
                    .inspect_err(|rule| self.add("/completionUrl", rule.to_string()))
                    .ok();
            }
        }
        None
    }

    fn token(&mut self, body: &Map<String, Value>) -> Option<AppToken> {
        let token = body.get(APP_TOKEN)?;
        let Some(token) = token.as_str() else {
            self.add("/appToken", "must be a string");
            return None;
        };
        if let Some(rule) = around_token(token) {
            self.add("/appToken", rule);
            return None;
        }
        AppToken::try_from(SecretString::from(token))
            .inspect_err(|rule| self.add("/appToken", rule.to_string()))
            .ok()
    }

    fn events(&mut self, body: &Map<String, Value>) -> Option<EventFilter> {
        let types = match body.get(EVENT_TYPES) {
            None => return Some(EventFilter::default()),
            Some(Value::Array(types)) if types.len() <= MAX_EVENT_TYPES => types,
            Some(Value::Array(_)) => {
                self.add("/eventTypes", format!("can have at most {MAX_EVENT_TYPES} entries"));
                return None;
            }
            Some(_) => {
                self.add("/eventTypes", "must be an array of integers, such as [1,2,3]");
                return None;
            }
        };
        let mut valid = Vec::new();
        for (place, number) in types.iter().enumerate() {
            let field = format!("/eventTypes/{place}");
            match integer(number).map(|number| EventFilter::new([number]).map(|_| number)) {
                Some(Ok(number)) => valid.push(number),
                Some(Err(rule @ InvalidEventType(_))) => self.add(&field, rule.to_string()),
                None => {
                    let meant = number.as_str().and_then(event_type).map(|number| number.to_string());
                    let rule = suggesting("must be an integer from 1 to 65535", meant.as_deref());
                    self.add(&field, rule);
                }
            }
        }
        EventFilter::new(valid).ok()
    }

    fn metadata(&mut self, body: &Map<String, Value>) -> Option<Metadata> {
        let pairs = match body.get(METADATA) {
            None => return Some(Metadata::default()),
            Some(Value::Object(pairs)) => pairs,
            Some(_) => {
                self.add("/metadata", "must be an object of strings");
                return None;
            }
        };
        let secrets = [APP_TOKEN, COMPLETION_URL].map(|name| body.get(name).and_then(Value::as_str));
        let is_secret = |text: &str| {
            let (lower, texts) = (text.to_ascii_lowercase(), secrets.into_iter().flatten());
            lower.contains(TOKEN_IN_URL) || { texts }.any(|secret| secret == text || is_token_of(secret, text))
        };
        let is_name = |name: &str| TOKEN_NAMES.contains(&name) || name == URL_NAME;
        let mut metadata = Metadata::default();
        for (name, value) in pairs {
            let field = format!("/metadata{}", pointer(name));
            if is_name(name) || value.as_str().is_some_and(is_secret) {
                self.add(
                    &field,
                    "is no place for the token: metadata is in the callback URL and in each message",
                );
                continue;
            }
            match value.as_str().map(|value| metadata.insert(name, value)) {
                Some(Ok(())) => {}
                Some(Err(rule)) => self.add(&field, rule.to_string()),
                None => self.add(&field, "must be a string"),
            }
        }
        Some(metadata)
    }
}

/// What comes before the token in the portal's final URL, in lower case.
const TOKEN_IN_URL: &str = "appapitoken=";

/// Whether `text` is the token in this URL.
fn is_token_of(url: &str, text: &str) -> bool {
    completion_url::read(url).is_ok_and(|connection| connection.token.expose() == text)
}

/// What stands around a token that was copied with something else, as a rule.
fn around_token(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    if text.contains(TOKEN_IN_URL) {
        Some("must be the token alone; did you mean completionUrl? That takes the portal's final URL as it is")
    } else if text.starts_with("apptoken:") || text.starts_with("bearer ") {
        Some("must be the token alone, without the name of a header or a scheme before it")
    } else {
        None
    }
}

/// The event type that somebody wrote as text: as digits, or by its name.
fn event_type(text: &str) -> Option<i64> {
    let text = text.trim();
    let number = text.parse().ok().filter(|number| EventFilter::new([*number]).is_ok());
    number.or_else(|| {
        let name = text.strip_prefix(TYPE_PREFIX).unwrap_or(text);
        let names: Vec<_> = NAMED_EVENT_TYPES.map(|number| EventType(number).name()).collect();
        let nearest = nearest(name, names.iter().map(AsRef::as_ref))?;
        let mut named = NAMED_EVENT_TYPES.zip(&names);
        named.find(|(_, name)| **name == *nearest).map(|(number, _)| number)
    })
}

/// The integer that a JSON number is, however it is written: for JSON Schema, and for many a client, `1.0` is one.
fn integer(number: &Value) -> Option<i64> {
    number.is_number().then(|| whole_number(&number.to_string())).flatten()
}

/// A member's JSON pointer (RFC 6901), if its name isn't too long.
fn pointer(name: &str) -> String {
    format!("/{}", repeated(name).replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn put(body: &str) -> HttpRequest {
        HttpRequest {
            body: body.as_bytes().to_vec(),
            ..HttpRequest::default()
        }
    }

    fn check(body: Value, faults: &[(&str, &str)]) {
        check_request(&put(&body.to_string()), faults);
    }

    fn check_request(request: &HttpRequest, faults: &[(&str, &str)]) {
        let problem = wish_update(request).unwrap_err();
        let found: Vec<_> = problem
            .errors
            .iter()
            .map(|e| (e.field.as_str(), e.rule.as_str()))
            .collect();
        assert_eq!((problem.status, found.as_slice()), (400, faults));
    }

    #[test]
    fn a_body_can_be_as_long_as_its_fields_and_no_longer() {
        // Everything as long as it can be, and every character escaped.
        let escaped = |length: usize| "\\u0078".repeat(length);
        let url = format!("https://x/?success=true\\u0026appApiToken={}", escaped(8192));
        let body = format!(
            r#"{{"completionUrl":"{url}{}","metadata":{{"room":"{}"}}}}"#,
            escaped(MAX_COMPLETION_URL - 8192 - 60).replacen("\\u0078", "\\u0026", 1),
            escaped(500),
        );
        assert!(
            body.len() < MAX_BODY && wish_update(&put(&body)).is_ok(),
            "{}",
            body.len()
        );
        let longest = format!("{{}}{}", " ".repeat(MAX_BODY - 2));
        assert!(wish_update(&put(&longest)).is_ok());
        check_request(&put(&format!("{longest} ")), &[("", "can have at most 131072 bytes")]);
    }

    #[test]
    fn an_integer_is_one_however_it_is_written() {
        let events = |body: &str| wish_update(&put(body)).map(|update| update.events.types().to_vec());
        assert_eq!(events(r#"{"eventTypes":[3.0,1e0,0.2e1]}"#), Ok(vec![1, 2, 3]));
        for number in [
            "0.0", "1.5", "65536.0", "-1e0", "1e999", "1e300", "\"1.0\"", "null", "true",
        ] {
            let body = format!(r#"{{"eventTypes":[{number}]}}"#);
            assert_eq!(events(&body).unwrap_err().status, 400, "{number}");
        }
    }

    #[test]
    fn a_hundred_broken_rules_are_named_and_the_others_counted() {
        let fields: Map<_, _> = (0..150).map(|n| (format!("field{n}"), json!(1))).collect();
        let problem = wish_update(&put(&Value::Object(fields).to_string())).unwrap_err();
        let last = problem.errors.last().unwrap();
        assert_eq!((problem.errors.len(), last.field.as_str()), (101, ""));
        assert_eq!(last.rule, "breaks 50 more rules, which aren't listed");
    }

    #[test]
    fn each_broken_rule_is_named_with_its_field() {
        check(json!([]), &[("", "must be a JSON object")]);
        check(
            json!({"appToken": ""}),
            &[("/appToken", "must be 1 to 8192 visible ASCII characters without spaces")],
        );
        check(json!({"appToken": 5}), &[("/appToken", "must be a string")]);
        check(json!({"appToken": null}), &[("/appToken", "must be a string")]);
        check(
            json!({"a/b": 1, "webhookUrl": "http://example.com"}),
            &[
                ("/a~1b", "is not a field that there is"),
                ("/webhookUrl", "is not a field that there is"),
            ],
        );
        check(
            json!({"eventTypes": 1}),
            &[("/eventTypes", "must be an array of integers, such as [1,2,3]")],
        );
        check(
            json!({"eventTypes": [1, 0, -1, 65536, 1.5, "2"]}),
            &[
                ("/eventTypes/1", "must be from 1 to 65535, not 0"),
                ("/eventTypes/2", "must be from 1 to 65535, not -1"),
                ("/eventTypes/3", "must be from 1 to 65535, not 65536"),
                ("/eventTypes/4", "must be an integer from 1 to 65535"),
                ("/eventTypes/5", "must be an integer from 1 to 65535; did you mean 2?"),
            ],
        );
        check(
            json!({"eventTypes": vec![1; 101]}),
            &[("/eventTypes", "can have at most 100 entries")],
        );
        check(
            json!({"metadata": "lab"}),
            &[("/metadata", "must be an object of strings")],
        );
        check(
            json!({"metadata": {"Room": "lab", "floor": 3, "id": "x"}}),
            &[
                ("/metadata/Room", "the name must be 1 to 16 characters of a-z 0-9"),
                ("/metadata/floor", "must be a string"),
                (
                    "/metadata/id",
                    "the name is taken: CloudEvents or Printbell uses it in the message",
                ),
            ],
        );
        let nine: Map<_, _> = (0..9).map(|n| (format!("n{n}"), json!(""))).collect();
        check(
            json!({"metadata": nine}),
            &[("/metadata/n8", "there can be at most 8 pairs")],
        );
        check(
            json!({"metadata": {"room": "x".repeat(509)}}),
            &[("/metadata/room", "names and values can have at most 512 bytes together")],
        );
    }

    #[test]
    fn what_was_meant_is_suggested() {
        check(
            json!({"apptoken": "t", "event_types": [], "meta": {}}),
            &[
                ("/apptoken", "is not a field that there is; did you mean appToken?"),
                ("/event_types", "is not a field that there is; did you mean eventTypes?"),
                ("/meta", "is not a field that there is; did you mean metadata?"),
            ],
        );
        check(
            json!({"eventTypes": [" 7 ", "print.failed", "com.octoeverywhere.test", "print.completed", "x", "0", null]}),
            &[
                ("/eventTypes/0", "must be an integer from 1 to 65535; did you mean 7?"),
                ("/eventTypes/1", "must be an integer from 1 to 65535; did you mean 3?"),
                ("/eventTypes/2", "must be an integer from 1 to 65535; did you mean 16?"),
                ("/eventTypes/3", "must be an integer from 1 to 65535; did you mean 2?"),
                ("/eventTypes/4", "must be an integer from 1 to 65535"),
                ("/eventTypes/5", "must be an integer from 1 to 65535"),
                ("/eventTypes/6", "must be an integer from 1 to 65535"),
            ],
        );
        for (body, rule) in [
            (
                "",
                r#"must be a JSON object, and is empty; send {"appToken":"…"} or {}"#,
            ),
            (
                " \n",
                r#"must be a JSON object, and is empty; send {"appToken":"…"} or {}"#,
            ),
            ("eyJhcHBUb2tlbiI6InQifQ==\n", "must be a JSON object, not one in base64"),
            (
                r#""{\"appToken\":\"t\"}""#,
                "must be a JSON object, not a string that holds one",
            ),
            (r#""token""#, "must be a JSON object"),
            ("YWJj", "must be a JSON object: expected value at line 1 column 1"),
            ("appToken=t", "must be a JSON object: expected value at line 1 column 1"),
        ] {
            check_request(&put(body), &[("", rule)]);
        }
    }

    #[test]
    fn a_token_in_the_wrong_place_is_told_and_not_quoted() {
        let rule = "is no place for the token; send it in the body, as appToken";
        let request = HttpRequest {
            header_names: vec!["host".to_owned(), "apptoken".to_owned()],
            query: b"room=lab&appApiToken=secret".to_vec(),
            ..put("{}")
        };
        check_request(&request, &[("the header apptoken", rule), ("appApiToken", rule)]);
        let rule = "is no place for the token: metadata is in the callback URL and in each message";
        check(
            json!({"appToken": "secret", "metadata": {"room": "secret", "apptoken": "other", "note": "fine"}}),
            &[("/metadata/apptoken", rule), ("/metadata/room", rule)],
        );
        let header = "must be the token alone, without the name of a header or a scheme before it";
        let url = "must be the token alone; did you mean completionUrl? That takes the portal's final URL as it is";
        for (token, rule) in [
            ("AppToken: secret", header),
            ("apptoken:secret", header),
            ("Bearer secret", header),
            ("https://app.example/back?success=true&appApiToken=secret&id=7", url),
        ] {
            check(json!({"appToken": token}), &[("/appToken", rule)]);
        }
    }

    #[test]
    fn the_portal_s_final_url_is_taken_in_place_of_the_token() {
        let url = "https://app.example/back?room=1?Success=true&id=7&appapitoken=to%2Bken&authBearerToken=b";
        let update = wish_update(&put(&json!({"completionUrl": url}).to_string())).unwrap();
        assert_eq!(update.connection.unwrap().token.expose(), "to+ken");
        let no_token = "has no appApiToken: send the URL that the portal ended at, whole, with all that follows its ?; \
                        the token alone goes into appToken";
        let unfinished = "says success=false, so there is no App Connection: have the user go through the portal again";
        for (value, rule) in [
            (json!(5), "must be a string"),
            (json!(null), "must be a string"),
            (json!("secret"), no_token),
            (json!("https://app.example/back?success=false"), unfinished),
            (
                json!(format!("{url}&x={}", "x".repeat(16 * 1024))),
                "can have at most 16384 bytes",
            ),
        ] {
            check(json!({"completionUrl": value}), &[("/completionUrl", rule)]);
        }
        let both = "can't stand beside appToken: send one of the two";
        for token in [json!("secret"), json!(null)] {
            check(
                json!({"completionUrl": url, "appToken": token}),
                &[("/completionUrl", both)],
            );
        }
        let field = "is not a field that there is; did you mean completionUrl?";
        for name in ["completionURL", "completion_url", "completion"] {
            check(json!({name: url}), &[(&format!("/{name}"), field)]);
        }
        let place = "is no place for the portal's final URL; send it in the body, as completionUrl";
        let request = HttpRequest {
            header_names: vec!["completionurl".to_owned()],
            query: b"completionUrl=secret".to_vec(),
            ..put("{}")
        };
        check_request(
            &request,
            &[("the header completionurl", place), ("completionUrl", place)],
        );
        let rule = "is no place for the token: metadata is in the callback URL and in each message";
        check(
            json!({"completionUrl": url, "metadata": {"a": url, "b": "to+ken", "completionurl": "x", "d": "back"}}),
            &[
                ("/metadata/a", rule),
                ("/metadata/b", rule),
                ("/metadata/completionurl", rule),
            ],
        );
    }

    #[test]
    fn what_is_no_json_is_told_without_quoting_it() {
        let problem = wish_update(&put(r#"{"appToken":"secret-token"#)).unwrap_err();
        assert!(!problem.to_json().contains("secret-token"));
        assert_eq!(problem.errors[0].field, "");
    }

    #[test]
    fn what_is_left_out_is_empty_and_the_token_none() {
        let update = wish_update(&put(r#"{"eventTypes":[2,1,2]}"#)).unwrap();
        assert_eq!((update.connection, update.events.types()), (None, &[1, 2][..]));
        assert!(update.metadata.is_empty());
    }
}

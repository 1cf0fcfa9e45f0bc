//! What callers send: read strictly, with every broken rule named at once.

use printbell_shared::metadata::Metadata;
use printbell_shared::problem::{FieldError, Problem};
use printbell_shared::registration::protocol::WishUpdate;
use printbell_shared::registration::wish::{AppToken, EventFilter, InvalidEventType};
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::problems::invalid;

/// The most event types that a filter has: far more than there are.
const MAX_EVENT_TYPES: usize = 100;

/// Reads the body of a PUT.
pub(crate) fn wish_update(body: &[u8]) -> Result<WishUpdate, Problem> {
    let mut faults = Faults::default();
    let body = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(body)) => body,
        Ok(_) => return Err(faults.and("", "must be a JSON object")),
        // serde_json says where it stopped, and quotes nothing.
        Err(error) => return Err(faults.and("", format!("must be a JSON object: {error}"))),
    };
    for name in body.keys() {
        if !matches!(name.as_str(), "appToken" | "eventTypes" | "metadata") {
            faults.add(&pointer(name), "is not a field that there is");
        }
    }
    let token = faults.token(&body);
    let events = faults.events(&body);
    let metadata = faults.metadata(&body);
    match (faults.0.is_empty(), events, metadata) {
        (true, Some(events), Some(metadata)) => Ok(WishUpdate {
            token,
            events,
            metadata,
        }),
        _ => Err(invalid(faults.0)),
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

    fn token(&mut self, body: &Map<String, Value>) -> Option<AppToken> {
        let token = body.get("appToken")?;
        let Some(token) = token.as_str() else {
            self.add("/appToken", "must be a string");
            return None;
        };
        AppToken::try_from(SecretString::from(token))
            .inspect_err(|rule| self.add("/appToken", rule.to_string()))
            .ok()
    }

    fn events(&mut self, body: &Map<String, Value>) -> Option<EventFilter> {
        let types = match body.get("eventTypes") {
            None => return Some(EventFilter::default()),
            Some(Value::Array(types)) if types.len() <= MAX_EVENT_TYPES => types,
            Some(Value::Array(_)) => {
                self.add("/eventTypes", format!("can have at most {MAX_EVENT_TYPES} entries"));
                return None;
            }
            Some(_) => {
                self.add("/eventTypes", "must be an array of integers");
                return None;
            }
        };
        let mut valid = Vec::new();
        for (place, number) in types.iter().enumerate() {
            let field = format!("/eventTypes/{place}");
            match number.as_i64().map(|number| EventFilter::new([number]).map(|_| number)) {
                Some(Ok(number)) => valid.push(number),
                Some(Err(rule @ InvalidEventType(_))) => self.add(&field, rule.to_string()),
                None => self.add(&field, "must be an integer from 1 to 65535"),
            }
        }
        EventFilter::new(valid).ok()
    }

    fn metadata(&mut self, body: &Map<String, Value>) -> Option<Metadata> {
        let pairs = match body.get("metadata") {
            None => return Some(Metadata::default()),
            Some(Value::Object(pairs)) => pairs,
            Some(_) => {
                self.add("/metadata", "must be an object of strings");
                return None;
            }
        };
        let mut metadata = Metadata::default();
        for (name, value) in pairs {
            let field = format!("/metadata{}", pointer(name));
            match value.as_str().map(|value| metadata.insert(name, value)) {
                Some(Ok(())) => {}
                Some(Err(rule)) => self.add(&field, rule.to_string()),
                None => self.add(&field, "must be a string"),
            }
        }
        Some(metadata)
    }
}

/// A member's JSON pointer (RFC 6901).
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(body: Value, faults: &[(&str, &str)]) {
        let problem = wish_update(body.to_string().as_bytes()).unwrap_err();
        let found: Vec<_> = problem
            .errors
            .iter()
            .map(|e| (e.field.as_str(), e.rule.as_str()))
            .collect();
        assert_eq!((problem.status, found.as_slice()), (400, faults), "{body}");
    }

    #[test]
    fn each_broken_rule_is_named_with_its_field() {
        check(json!([]), &[("", "must be a JSON object")]);
        check(
            json!({"appToken": ""}),
            &[("/appToken", "must be 1 to 1024 visible ASCII characters without spaces")],
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
            &[("/eventTypes", "must be an array of integers")],
        );
        check(
            json!({"eventTypes": [1, 0, -1, 65536, 1.5, "2"]}),
            &[
                ("/eventTypes/1", "must be from 1 to 65535, not 0"),
                ("/eventTypes/2", "must be from 1 to 65535, not -1"),
                ("/eventTypes/3", "must be from 1 to 65535, not 65536"),
                ("/eventTypes/4", "must be an integer from 1 to 65535"),
                ("/eventTypes/5", "must be an integer from 1 to 65535"),
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
    fn what_is_no_json_is_told_without_quoting_it() {
        let problem = wish_update(br#"{"appToken":"secret-token"#).unwrap_err();
        assert!(!problem.to_json().contains("secret-token"));
        assert_eq!(problem.errors[0].field, "");
    }

    #[test]
    fn what_is_left_out_is_empty_and_the_token_none() {
        let update = wish_update(br#"{"eventTypes":[2,1,2]}"#).unwrap();
        assert_eq!((update.token, update.events.types()), (None, &[1, 2][..]));
        assert!(update.metadata.is_empty());
    }
}

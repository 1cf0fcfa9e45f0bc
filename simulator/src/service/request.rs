//! Reads calls of the App APIs, as strictly as the specification page allows: what the service might take otherwise
//! than the caller meant it is refused here.

use http::{HeaderMap, header};
use serde::{Deserialize, Deserializer};

use super::refusal::Refusal;
use super::webhook::Parameters;
use super::webhook_url::{Schemes, WebhookUrl};
use crate::wire::event_type::EventType;
use crate::wire::ids::AppToken;
use crate::wire::route::Route;

/// What a caller asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Set(Parameters),
    Delete,
    Test,
    Info,
}

/// A call, as far as it can be understood.
#[derive(Debug)]
pub(crate) struct Call {
    /// Whose call it is, which may be plain though the rest is not.
    pub(crate) token: Result<AppToken, Refusal>,
    pub(crate) command: Result<Command, Refusal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetBody {
    #[serde(rename = "AppToken", default, deserialize_with = "not_null")]
    app_token: Option<AppToken>,
    #[serde(rename = "WebhookUrl")]
    webhook_url: String,
    #[serde(rename = "InclusiveEventTypesFilter", default)]
    filter: Vec<EventType>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteBody {
    #[serde(rename = "AppToken", default, deserialize_with = "not_null")]
    app_token: Option<AppToken>,
}

fn not_null<'de, D: Deserializer<'de>>(value: D) -> Result<Option<AppToken>, D::Error> {
    AppToken::deserialize(value).map(Some)
}

impl Call {
    pub(crate) fn read(route: Route, headers: &HeaderMap, body: &[u8], schemes: Schemes) -> Self {
        let in_header = token_in_header(headers);
        let (in_body, command) = match route {
            Route::Set => split(set(headers, body, schemes)),
            Route::Delete => split(delete(headers, body)),
            Route::Test => (None, no_body(body).map(|()| Command::Test)),
            Route::Info => (None, no_body(body).map(|()| Command::Info)),
        };
        Self {
            token: in_header.and_then(|in_header| the_one(route, in_header, in_body)),
            command,
        }
    }
}

fn split(read: Result<(Option<AppToken>, Command), Refusal>) -> (Option<AppToken>, Result<Command, Refusal>) {
    match read {
        Ok((token, command)) => (token, Ok(command)),
        Err(refusal) => (None, Err(refusal)),
    }
}

fn token_in_header(headers: &HeaderMap) -> Result<Option<AppToken>, Refusal> {
    let mut values = headers.get_all("AppToken").iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let token = value
                .to_str()
                .map_err(|_| Refusal::bad_request("The AppToken header isn't ASCII text."))?;
            Ok(Some(AppToken::new(token)))
        }
        (Some(_), Some(_)) => Err(Refusal::bad_request("There is more than one AppToken header.")),
    }
}

fn the_one(route: Route, in_header: Option<AppToken>, in_body: Option<AppToken>) -> Result<AppToken, Refusal> {
    let token = match (in_header, in_body) {
        (Some(header), Some(body)) if header != body => {
            return Err(Refusal::bad_request(
                "The AppToken of the header isn't the one of the body.",
            ));
        }
        (Some(token), _) | (None, Some(token)) => token,
        (None, None) if route.changes_the_webhook() => {
            return Err(Refusal::bad_request(
                "No AppToken found, in the AppToken header or in the body.",
            ));
        }
        (None, None) => return Err(Refusal::bad_request("No AppToken found in the AppToken header.")),
    };
    if token.expose().trim().is_empty() {
        return Err(Refusal::bad_request("The AppToken is empty."));
    }
    Ok(token)
}

fn set(headers: &HeaderMap, body: &[u8], schemes: Schemes) -> Result<(Option<AppToken>, Command), Refusal> {
    let SetBody {
        app_token,
        webhook_url,
        filter,
    } = json(headers, body)?;
    let url = WebhookUrl::read(&webhook_url, schemes)
        .map_err(|reason| Refusal::bad_request(format!("WebhookUrl is refused: {reason}.")))?;
    if let Some(EventType(number)) = filter.iter().find(|event| event.0 < 1) {
        return Err(Refusal::bad_request(format!(
            "InclusiveEventTypesFilter: {number} is no event type."
        )));
    }
    Ok((app_token, Command::Set(Parameters { url, filter })))
}

fn delete(headers: &HeaderMap, body: &[u8]) -> Result<(Option<AppToken>, Command), Refusal> {
    let DeleteBody { app_token } = if body.is_empty() {
        DeleteBody::default()
    } else {
        json(headers, body)?
    };
    Ok((app_token, Command::Delete))
}

fn json<'de, T: Deserialize<'de>>(headers: &HeaderMap, body: &'de [u8]) -> Result<T, Refusal> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::bad_request("The Content-Type must be application/json."));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::bad_request(format!("The body can't be read: {error}.")))
}

fn no_body(body: &[u8]) -> Result<(), Refusal> {
    if body.is_empty() {
        Ok(())
    } else {
        Err(Refusal::bad_request("A GET call has no body."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://a.example/x?y=1";

    fn read(route: Route, headers: &[(&str, &str)], body: &str) -> Call {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().unwrap();
            map.append(name, header::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Call::read(route, &map, body.as_bytes(), Schemes::HttpsOnly)
    }

    const JSON: (&str, &str) = ("content-type", "application/json");
    const TOKEN: (&str, &str) = ("AppToken", "t1");

    #[test]
    fn good_calls_are_understood() {
        let set = |filter: &[i32]| {
            let url = WebhookUrl::read(URL, Schemes::HttpsOnly).unwrap();
            Command::Set(Parameters {
                url,
                filter: filter.iter().copied().map(EventType).collect(),
            })
        };
        for (route, headers, body, command) in [
            (
                Route::Set,
                &[JSON, TOKEN][..],
                r#"{"WebhookUrl":"https://a.example/x?y=1"}"#,
                set(&[]),
            ),
            (
                Route::Set,
                &[JSON],
                r#"{"AppToken":"t1","WebhookUrl":"https://a.example/x?y=1","InclusiveEventTypesFilter":[1,2,3000]}"#,
                set(&[1, 2, 3000]),
            ),
            (
                Route::Set,
                &[("content-type", "Application/JSON; charset=utf-8"), ("apptoken", "t1")],
                r#"{"AppToken":"t1","WebhookUrl":"https:\/\/a.example/x?y=1","InclusiveEventTypesFilter":[]}"#,
                set(&[]),
            ),
            (Route::Delete, &[TOKEN], "", Command::Delete),
            (Route::Delete, &[TOKEN, JSON], "{}", Command::Delete),
            (Route::Delete, &[JSON], r#"{"AppToken":"t1"}"#, Command::Delete),
            (Route::Test, &[TOKEN], "", Command::Test),
            (Route::Info, &[TOKEN], "", Command::Info),
        ] {
            let call = read(route, headers, body);
            assert_eq!(call.token.unwrap(), AppToken::new("t1"), "{route:?} {body}");
            assert_eq!(call.command.unwrap(), command);
        }
    }

    #[test]
    fn bad_bodies_are_refused_with_the_reason() {
        let with_url = |rest: &str| format!(r#"{{"WebhookUrl":"{URL}"{rest}}}"#);
        for (body, part_of_the_reason) in [
            (String::new(), "can't be read"),
            ("{".into(), "can't be read"),
            ("null".into(), "can't be read"),
            ("[]".into(), "can't be read"),
            ("{}".into(), "missing field `WebhookUrl`"),
            (
                r#"{"webhookUrl":"https://a.example/"}"#.into(),
                "unknown field `webhookUrl`",
            ),
            (r#"{"WebhookUrl":null}"#.into(), "expected a string"),
            (r#"{"WebhookUrl":7}"#.into(), "expected a string"),
            (r#"{"WebhookUrl":"http://a.example/"}"#.into(), "https URL"),
            (r#"{"WebhookUrl":""}"#.into(), "absolute"),
            (with_url(r#","Url":1"#), "unknown field `Url`"),
            (with_url(r#","WebhookUrl":"https://b.example/""#), "duplicate field"),
            (with_url(r#","InclusiveEventTypesFilter":null"#), "expected a sequence"),
            (with_url(r#","InclusiveEventTypesFilter":1"#), "expected a sequence"),
            (with_url(r#","InclusiveEventTypesFilter":["1"]"#), "expected i32"),
            (with_url(r#","InclusiveEventTypesFilter":[1.0]"#), "expected i32"),
            (with_url(r#","InclusiveEventTypesFilter":[2147483648]"#), "expected i32"),
            (with_url(r#","InclusiveEventTypesFilter":[1,0]"#), "0 is no event type"),
            (with_url(r#","InclusiveEventTypesFilter":[-1]"#), "-1 is no event type"),
            (with_url(r#","AppToken":null"#), "expected a string"),
            (with_url(r#","AppToken":7"#), "expected a string"),
            (with_url("} trailing"), "trailing"),
        ] {
            let refusal = read(Route::Set, &[JSON, TOKEN], &body).command.expect_err(&body);
            assert_eq!(refusal.status, 400);
            assert!(refusal.text.contains(part_of_the_reason), "{body}: {}", refusal.text);
        }
        for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
            let refusal = read(Route::Set, &[("content-type", content_type), TOKEN], &with_url("")).command;
            assert!(refusal.unwrap_err().text.contains("Content-Type"), "{content_type}");
        }
        for (route, body) in [
            (Route::Delete, "nonsense"),
            (Route::Delete, r#"{"WebhookUrl":"x"}"#),
            (Route::Test, "{}"),
        ] {
            assert!(read(route, &[JSON, TOKEN], body).command.is_err(), "{route:?} {body}");
        }
    }

    #[test]
    fn a_token_must_be_there_once_and_be_one() {
        let body_token = r#"{"AppToken":"t1","WebhookUrl":"https://a.example/x"}"#;
        for (route, headers, body, part_of_the_reason) in [
            (
                Route::Set,
                &[JSON][..],
                r#"{"WebhookUrl":"https://a.example/x"}"#,
                "or in the body",
            ),
            (
                Route::Set,
                &[JSON, ("AppToken", "t2")],
                body_token,
                "isn't the one of the body",
            ),
            (Route::Set, &[JSON, TOKEN, TOKEN], body_token, "more than one"),
            (Route::Set, &[JSON, ("AppToken", "tökën")], body_token, "ASCII"),
            (
                Route::Set,
                &[JSON],
                r#"{"AppToken":"","WebhookUrl":"https://a.example/x"}"#,
                "empty",
            ),
            (Route::Delete, &[], "", "or in the body"),
            (Route::Test, &[], "", "in the AppToken header."),
            (Route::Test, &[JSON], body_token, "in the AppToken header."),
            (Route::Info, &[("AppToken", "")], "", "empty"),
            (Route::Info, &[("Authorization", "Bearer t1")], "", "No AppToken"),
        ] {
            let refusal = read(route, headers, body).token.expect_err(body);
            assert_eq!(refusal.status, 400);
            assert!(
                refusal.text.contains(part_of_the_reason),
                "{route:?} {headers:?}: {}",
                refusal.text
            );
        }
    }

    #[test]
    fn no_refusal_repeats_the_token() {
        for body in [
            r#"{"AppToken":"s3cret"}"#,
            r#"{"AppToken":"s3cret","WebhookUrl":1}"#,
            r#"{"Apptoken":"s3cret"}"#,
        ] {
            let call = read(Route::Set, &[JSON, ("AppToken", "s3cret")], body);
            assert!(!format!("{call:?}").contains("s3cret"), "{body}");
        }
    }
}

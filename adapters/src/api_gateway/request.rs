//! The request.
//!
//! Anybody can send anything to a door of ours, so the event is read without any demands: what isn't there, or of another type
//! than it should be, is absent. (`lambda_http` builds a request of it and panics over queries, hosts and bodies that such a
//! request can't hold: docs/decisions/0030.)

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use printbell_shared::json::{self, Members};
use serde_json::value::RawValue;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The route key of a door that has no routes.
const DEFAULT_ROUTE: &str = "$default";

/// What the door says of a request's route (`routeKey`).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum RouteKey {
    /// One of API Gateway's, such as `GET /registrations/{tenantId}`: the request has its method and a path of its form.
    Route(String),
    /// `$default`: the door has no routes and lets every request through, as function URLs and `cargo lambda` do.
    Default,
    /// Nothing: the event is from no door, somebody made it by hand.
    #[default]
    Absent,
}

/// What a request is for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RequestLine {
    /// The method; empty where the event doesn't say.
    pub method: String,
    /// The path, decoded, as API Gateway hands it over.
    pub path: String,
    /// The route that it took.
    pub route: RouteKey,
}

/// What is used of the event.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// What it is for.
    pub line: RequestLine,
    /// The parameters in its path, decoded once, by name.
    pub path_parameters: Vec<(String, String)>,
    /// The names of its headers, in lower case.
    pub header_names: Vec<String>,
    /// The query as it was sent.
    pub query: Vec<u8>,
    /// The body as it was sent; where it should be base64 and isn't, as it came here.
    pub body: Vec<u8>,
    /// What the door calls the request; empty where the event doesn't say.
    pub id: String,
    /// When it reached the door.
    pub arrived: Option<Timestamp>,
}

/// An event that was cut into its members, and of which nothing else was read yet.
#[derive(Debug, Default)]
pub struct HttpEvent<'a> {
    members: Members<'a>,
    context: Members<'a>,
}

impl<'a> HttpEvent<'a> {
    /// Cuts an event, whatever it holds.
    pub fn read(event: &'a RawValue) -> Self {
        let Ok(members) = Members::read(event.get()) else {
            return Self::default();
        };
        let context = members.object("requestContext").unwrap_or_default();
        Self { members, context }
    }

    /// What the request is for. Neither query nor body is looked at.
    pub fn line(&self) -> RequestLine {
        let http = self.context.object("http").unwrap_or_default();
        RequestLine {
            method: text(http.get("method")).unwrap_or_default(),
            path: text(self.members.get("rawPath")).unwrap_or_default(),
            route: match text(self.members.get("routeKey")) {
                Some(route) if route == DEFAULT_ROUTE => RouteKey::Default,
                Some(route) => RouteKey::Route(route),
                None => RouteKey::Absent,
            },
        }
    }

    /// The whole request.
    pub fn request(&self) -> HttpRequest {
        HttpRequest {
            body: self.body(),
            ..self.head()
        }
    }

    /// The request without its body: to decode megabytes takes time and memory, which nobody may cost us who is refused.
    pub fn head(&self) -> HttpRequest {
        let Self { members, context } = self;
        let parameters = members.object("pathParameters").unwrap_or_default();
        let headers = members.object("headers").unwrap_or_default();
        let header_name = |(name, _): &(&str, &str)| json::name(name).map(|name| name.to_ascii_lowercase());
        let parameter = |(name, value): &(&str, &str)| Some((json::name(name)?.into_owned(), text(Some(value))?));
        HttpRequest {
            line: self.line(),
            path_parameters: parameters.0.iter().filter_map(parameter).collect(),
            header_names: headers.0.iter().filter_map(header_name).collect(),
            query: members.get("rawQueryString").and_then(json::bytes).unwrap_or_default(),
            body: Vec::new(),
            id: context
                .get("requestId")
                .and_then(json::scalar)
                .unwrap_or_default()
                .into_owned(),
            arrived: context.get("timeEpoch").and_then(json::whole_number).and_then(moment),
        }
    }

    /// Its body alone.
    pub fn body(&self) -> Vec<u8> {
        body(self.members.get("body"), self.members.get("isBase64Encoded"))
    }
}

impl HttpRequest {
    /// Reads an event, whatever it holds.
    pub fn read(event: &RawValue) -> Self {
        HttpEvent::read(event).request()
    }
}

fn text(json: Option<&str>) -> Option<String> {
    json.and_then(json::string).map(|text| text.into_owned())
}

/// A body is a string. One that isn't was put there by hand, and is taken as it is written.
fn body(body: Option<&str>, is_base64_encoded: Option<&str>) -> Vec<u8> {
    let Some(body) = body else { return Vec::new() };
    let bytes = json::bytes(body).unwrap_or_else(|| body.as_bytes().to_vec());
    let is_base64 = is_base64_encoded.is_some_and(|flag| flag.trim_matches('"').eq_ignore_ascii_case("true"));
    match is_base64 {
        true => BASE64.decode(&bytes).unwrap_or(bytes),
        false => bytes,
    }
}

fn moment(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &str) -> HttpRequest {
        HttpRequest::read(serde_json::from_str(event).unwrap())
    }

    fn check(event: &str, query: &[u8], body: &[u8]) {
        let request = read(event);
        assert_eq!(
            (request.query.as_slice(), request.body.as_slice()),
            (query, body),
            "{event}"
        );
    }

    #[test]
    fn every_form_is_read() {
        check("{}", b"", b"");
        check("[]", b"", b"");
        check(
            r#"{"body":null,"isBase64Encoded":null,"requestContext":null}"#,
            b"",
            b"",
        );
        check(
            r#"{"rawQueryString":"a=b&a=c","body":"{}","isBase64Encoded":false}"#,
            b"a=b&a=c",
            b"{}",
        );
        check(r#"{"body":"e30=","isBase64Encoded":true}"#, b"", b"{}");
        check(r#"{"body":"e30","isBase64Encoded":true}"#, b"", b"{}");
        check(r#"{"body":"{\"a\":1}","isBase64Encoded":true}"#, b"", b"{\"a\":1}");
        check(
            r#"{"rawQueryString":"a=\ud800","body":"\u0000\udfff"}"#,
            b"a=\xED\xA0\x80",
            b"\0\xED\xBF\xBF",
        );
        check(r#"{"headers":{"x\u0000":"\ud800"},"cookies":7,"body":"x"}"#, b"", b"x");
    }

    #[test]
    fn what_has_another_type_is_absent_or_taken_for_what_it_says() {
        check(
            r#"{"rawQueryString":7,"body":"e30=","isBase64Encoded":"true"}"#,
            b"",
            b"{}",
        );
        check(r#"{"body":"e30=","isBase64Encoded":"false"}"#, b"", b"e30=");
        check(r#"{"body":"e30=","isBase64Encoded":1}"#, b"", b"e30=");
        check(r#"{"body":{"a": 1.0},"requestContext":[]}"#, b"", br#"{"a": 1.0}"#);
        let arrived = |time: &str| read(&format!(r#"{{"requestContext":{{"timeEpoch":{time}}}}}"#)).arrived;
        for time in ["1795514400000", "\"1795514400000\"", "1795514400000.0"] {
            assert_eq!(arrived(time), "2026-11-24T10:00:00Z".parse().ok(), "{time}");
        }
        for time in ["9223372036854775807", "\"soon\"", "true", "{}"] {
            assert_eq!(arrived(time), None, "{time}");
        }
    }

    #[test]
    fn the_request_has_the_id_that_the_door_gave_it() {
        let id = |context: &str| read(&format!(r#"{{"requestContext":{context}}}"#)).id;
        assert_eq!(
            id(r#"{"requestId":"JKJaXmPLvHcESHA=","extendedRequestId":"x"}"#),
            "JKJaXmPLvHcESHA="
        );
        assert_eq!(id(r#"{"requestId":7}"#), "7");
        for context in [
            "{}",
            r#"{"requestId":null}"#,
            r#"{"requestId":["a"]}"#,
            r#"{"requestId":"\ud800"}"#,
            "null",
        ] {
            assert_eq!(id(context), "", "{context}");
        }
    }

    #[test]
    fn whatever_a_member_is_the_others_are_read() {
        let good = [
            ("version", r#""2.0""#),
            ("routeKey", r#""GET /registrations/{tenantId}""#),
            ("rawPath", r#""/registrations/t""#),
            ("rawQueryString", r#""a=b""#),
            ("cookies", "[]"),
            ("headers", r#"{"Host":"x"}"#),
            ("queryStringParameters", r#"{"a":"b"}"#),
            ("pathParameters", r#"{"tenantId":"t"}"#),
            ("stageVariables", "null"),
            (
                "requestContext",
                r#"{"http":{"method":"GET","path":"/","protocol":"HTTP/1.1"},"timeEpoch":1795514400000,"authorizer":{}}"#,
            ),
            ("body", r#""e30=""#),
            ("isBase64Encoded", "true"),
        ];
        let event = |odd: &str, json: &str| {
            let members = good.map(|(name, value)| format!(r#""{name}":{}"#, if name == odd { json } else { value }));
            read(&format!("{{{}}}", members.join(",")))
        };
        let whole = event("", "");
        assert_eq!((whole.body.as_slice(), whole.line.method.as_str()), (&b"{}"[..], "GET"));
        assert_eq!(whole.header_names, ["host"]);
        let odd_values = [
            "null",
            "true",
            "-7",
            "1e999",
            r#""""#,
            r#""\ud800""#,
            "[]",
            r#"[{"a":"b"}]"#,
            "{}",
            r#"{"http":7,"":[]}"#,
        ];
        for (odd, _) in good {
            for json in odd_values {
                let request = event(odd, json);
                let is_equal = [
                    odd == "routeKey" || request.line.route == whole.line.route,
                    odd == "rawPath" || request.line.path == whole.line.path,
                    odd == "rawQueryString" || request.query == whole.query,
                    odd == "headers" || request.header_names == whole.header_names,
                    odd == "pathParameters" || request.path_parameters == whole.path_parameters,
                    odd == "requestContext"
                        || (&request.line.method, request.arrived) == (&whole.line.method, whole.arrived),
                    matches!(odd, "body" | "isBase64Encoded") || request.body == whole.body,
                ];
                assert_eq!(is_equal, [true; 7], "{odd}: {json}");
            }
        }
        for context in [
            r#"{"http":[]}"#,
            r#"{"http":{"method":7}}"#,
            r#"{"http":{"method":"\udfff"}}"#,
            r#"{"timeEpoch":[]}"#,
        ] {
            let request = read(&format!(r#"{{"requestContext":{context},"body":"x"}}"#));
            assert_eq!(
                (request.line.method.as_str(), request.arrived, request.body.as_slice()),
                ("", None, &b"x"[..])
            );
        }
        for event in ["null", "true", "7", "1e999", r#""text""#, "[]", r#"[{"body":"x"}]"#] {
            assert_eq!(read(event), HttpRequest::default(), "{event}");
        }
    }

    #[test]
    fn the_route_is_api_gateway_s() {
        let request = read(
            r#"{"routeKey":"GET /registrations/{tenantId}","rawPath":"/v1/registrations/a%",
                "pathParameters":{"tenantId":"a%","n":7},"requestContext":{"http":{"method":"GET"}}}"#,
        );
        assert_eq!(
            request.line.route,
            RouteKey::Route("GET /registrations/{tenantId}".to_owned())
        );
        assert_eq!(request.path_parameters, [("tenantId".to_owned(), "a%".to_owned())]);
        assert_eq!(
            (request.line.method.as_str(), request.line.path.as_str()),
            ("GET", "/v1/registrations/a%")
        );
    }

    #[test]
    fn a_door_without_routes_says_so() {
        let route = |event: &str| read(event).line.route;
        for default in [r#""$default""#, r#""\u0024default""#] {
            assert_eq!(
                route(&format!(r#"{{"routeKey":{default}}}"#)),
                RouteKey::Default,
                "{default}"
            );
        }
        for absent in [
            "{}",
            r#"{"routeKey":null}"#,
            r#"{"routeKey":["$default"]}"#,
            r#"{"routeKey":"\ud800"}"#,
        ] {
            assert_eq!(route(absent), RouteKey::Absent, "{absent}");
        }
        for other in ["", "$Default", "$default ", "POST /octoeverywhere/webhook"] {
            let event = serde_json::json!({"routeKey": other}).to_string();
            assert_eq!(route(&event), RouteKey::Route(other.to_owned()), "{other}");
        }
    }
}

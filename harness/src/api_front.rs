//! An HTTP API in front of functions at the binary: takes requests on a loopback port, chooses the route, and hands them over as API
//! Gateway does. It lets everybody in: whether a request is signed is IAM's business, which only the emulator has.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::http_event;
use crate::runtime_api::{Completion, Function, HttpResponse};
use crate::server::{Reaction, Request, Server, respond};

/// How long a function has: the template's timeout.
const TIMEOUT: Duration = Duration::from_secs(29);

/// A route (`PUT /registrations/{tenantId}/{printerRef}`), and the function behind it.
pub type Integration = (String, Arc<Function>);

/// How often which route answered with which status.
pub type Tally = BTreeMap<(String, u16), u64>;

/// The API. It stops when it is dropped.
pub struct ApiFront {
    server: Server,
    tally: Arc<Mutex<Tally>>,
}

impl ApiFront {
    /// Listens on a free port; `before` is called before each request that has a route, with how many were answered.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(integrations: Vec<Integration>, before: impl Fn(u64) + Send + Sync + 'static) -> Result<Self> {
        let tally = Arc::new(Mutex::new(Tally::new()));
        let api = Arc::new((integrations, before, Arc::clone(&tally)));
        let server = Server::start(move |request| {
            let api = Arc::clone(&api);
            async move {
                let (integrations, before, tally) = &*api;
                let Some((route, function, parameters)) = choose(integrations, &request) else {
                    return message(404, "Not Found");
                };
                before(lock(tally).values().sum());
                let call = function.call_within(TIMEOUT, event(route, parameters, &request).to_string());
                let call = call.await;
                let (status, reaction) = match (call.http(), call.completion) {
                    (Ok(response), _) => (response.status, answer(&response)),
                    (Err(_), Completion::TimedOut) => (503, message(503, "Service Unavailable")),
                    (Err(_), _) => (500, message(500, "Internal Server Error")),
                };
                *lock(tally).entry((route.to_owned(), status)).or_default() += 1;
                reaction
            }
        });
        Ok(Self {
            server: server.await?,
            tally,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// What was answered so far, as far as there was a route.
    pub fn tally(&self) -> Tally {
        lock(&self.tally).clone()
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Path and query of a request, as they were sent.
fn path_and_query(request: &Request) -> (&str, &str) {
    request.target.split_once('?').unwrap_or((&request.target, ""))
}

/// The route of a request, its function, and the parameters in its path, decoded once. A parameter is a segment with something in it.
fn choose<'a>(
    integrations: &'a [Integration],
    request: &Request,
) -> Option<(&'a str, &'a Function, Map<String, Value>)> {
    let (path, _) = path_and_query(request);
    integrations.iter().find_map(|(route, function)| {
        let (method, template) = route.split_once(' ')?;
        let (parts, segments) = (template.split('/'), path.split('/'));
        if method != request.method.as_str() || parts.clone().count() != segments.clone().count() {
            return None;
        }
        let mut parameters = Map::new();
        for (part, segment) in parts.zip(segments) {
            match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(name) if !segment.is_empty() => {
                    let value = percent_decode_str(segment).decode_utf8_lossy();
                    parameters.insert(name.to_owned(), value.into());
                }
                None if part == segment => {}
                _ => return None,
            }
        }
        Some((route.as_str(), &**function, parameters))
    })
}

/// The event of a request.
fn event(route: &str, parameters: Map<String, Value>, request: &Request) -> Value {
    let (path, query) = path_and_query(request);
    let path = percent_decode_str(path).decode_utf8_lossy();
    let mut event = http_event::request(route, &path, query, None);
    event["pathParameters"] = parameters.into();
    event["headers"] = headers(&request.headers).into();
    if !request.body.is_empty() {
        // What API Gateway takes for text, it hands over as it is (HTTP API's documentation, "payload format").
        let text = std::str::from_utf8(&request.body)
            .ok()
            .filter(|_| is_text(&request.headers));
        event["isBase64Encoded"] = text.is_none().into();
        event["body"] = text.map_or_else(|| BASE64.encode(&request.body), str::to_owned).into();
    }
    event
}

/// The headers by name, those that are there twice with a comma between them.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let names = headers.keys().map(|name| {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (name.as_str().to_owned(), values.join(",").into())
    });
    names.collect()
}

fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    kind.starts_with("text/") || ["application/json", "application/javascript", "application/xml"].contains(&kind)
}

/// What a function answered, as the caller gets it.
fn answer(response: &HttpResponse) -> Reaction {
    let body = match response.raw["isBase64Encoded"].as_bool() {
        Some(true) => BASE64.decode(&response.body).unwrap_or_default(),
        _ => response.body.clone().into_bytes(),
    };
    let mut reaction = Response::new(Full::new(body.into()));
    *reaction.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.raw["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::try_from(name.as_str());
        let value = HeaderValue::try_from(value.as_str().unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            reaction.headers_mut().insert(name, value);
        }
    }
    Reaction::Respond(reaction)
}

/// What API Gateway says by itself.
fn message(status: u16, message: &str) -> Reaction {
    respond(
        status,
        "application/json",
        serde_json::json!({"message": message}).to_string(),
    )
}

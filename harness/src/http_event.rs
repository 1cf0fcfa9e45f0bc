//! Events as API Gateway's HTTP APIs and Lambda's function URLs send them (payload format 2.0).

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::fixtures::{ACCOUNT, API_HOST, FUNCTION_URL_HOST};

/// The callback's route.
pub const CALLBACK_ROUTE: &str = "POST /octoeverywhere/webhook";

/// The callback's path.
pub const CALLBACK_PATH: &str = "/octoeverywhere/webhook";

/// Where a callback can come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The HTTP API, by its route.
    HttpApi,
    /// The function URL, which has no routes.
    FunctionUrl,
}

impl Door {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::HttpApi, Self::FunctionUrl];

    /// A callback as it comes from OctoEverywhere by this door; `query` is the raw query string.
    pub fn callback(self, query: &str, body: &str) -> Value {
        match self {
            Self::HttpApi => callback(query, body),
            Self::FunctionUrl => function_url("POST", CALLBACK_PATH, query, Some(body)),
        }
    }
}

/// A callback as it comes from OctoEverywhere by the HTTP API; `query` is the raw query string.
pub fn callback(query: &str, body: &str) -> Value {
    request(CALLBACK_ROUTE, CALLBACK_PATH, query, Some(body))
}

/// Any request at the function URL (Lambda Developer Guide, "Invoking Lambda function URLs"): its route key is always
/// `$default`, nobody is known to have sent it, and there are no path parameters.
pub fn function_url(method: &str, path: &str, query: &str, body: Option<&str>) -> Value {
    let mut event = request(&format!("{method} {path}"), path, query, body);
    event["routeKey"] = "$default".into();
    event["headers"]["host"] = FUNCTION_URL_HOST.into();
    let id = FUNCTION_URL_HOST.split('.').next().unwrap_or_default();
    let context = &mut event["requestContext"];
    context["routeKey"] = "$default".into();
    context["accountId"] = "anonymous".into();
    context["apiId"] = id.into();
    context["domainPrefix"] = id.into();
    context["domainName"] = FUNCTION_URL_HOST.into();
    context["http"]["method"] = method.into();
    if let Some(members) = event.as_object_mut() {
        members.remove("pathParameters");
        // Of a map, which hides what is there twice: nobody should read it.
        members.insert("queryStringParameters".into(), json!({"callbackToken": "of the map"}));
    }
    event
}

/// A request on `route` (such as `PUT /registrations/{tenantId}/{printerRef}`), sent to `path`.
pub fn request(route: &str, path: &str, query: &str, body: Option<&str>) -> Value {
    let method = route.split(' ').next().unwrap_or_default();
    let template = route.split(' ').nth(1).unwrap_or_default();
    let named = template.split('/').zip(path.split('/')).filter_map(|(name, value)| {
        let name = name.strip_prefix('{')?.strip_suffix('}')?;
        Some((name.to_owned(), Value::from(value)))
    });
    /// API Gateway gives each request an id that no other has.
    static REQUESTS: AtomicU32 = AtomicU32::new(0);
    let request_id = format!("Ux1X{:08x}AEMsw=", REQUESTS.fetch_add(1, Ordering::Relaxed));
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "accept": "*/*",
            "content-type": "application/json; charset=utf-8",
            "host": API_HOST,
            "user-agent": "OctoEverywhere",
            "x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "a1b2c3d4e5",
            "domainName": API_HOST,
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "OctoEverywhere",
            },
            "requestId": request_id,
            "routeKey": route,
            "stage": "$default",
            "time": "24/Nov/2026:10:00:00 +0000",
            "timeEpoch": 1_795_514_400_000_i64,
        },
        "pathParameters": Value::Object(named.collect()),
        "isBase64Encoded": false,
    });
    if let Some(body) = body {
        event["body"] = body.into();
    }
    event
}

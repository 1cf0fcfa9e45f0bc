//! What isn't a callback, at a function URL: the whole internet's requests arrive there, and nothing is read of them.

use printbell_harness::fixtures::KEY;
use printbell_harness::http_event::{CALLBACK_PATH, CALLBACK_ROUTE, function_url, request};
use printbell_harness::stub_aws::{Behaviour, Service};
use serde_json::{Value, json};

use crate::stage::{aws, call, receiver};

const NOWHERE: &str = r#"{"status":404,"title":"Not Found","detail":"There is nothing at this path."}"#;
const WRONG_METHOD: &str =
    r#"{"status":405,"title":"Method Not Allowed","detail":"This path takes callbacks, which are POSTed."}"#;

const OTHER_PATHS: [&str; 17] = [
    "",
    "/",
    "//octoeverywhere/webhook",
    "/octoeverywhere//webhook",
    "/octoeverywhere/webhook/",
    "/octoeverywhere/webhook//",
    "/octoeverywhere/webhook/..",
    "/./octoeverywhere/webhook",
    "/octoeverywhere%2Fwebhook",
    "/octoeverywhere/web%68ook",
    "/octoeverywhere/webhook%20",
    "/OctoEverywhere/webhook",
    "/$default/octoeverywhere/webhook",
    "octoeverywhere/webhook",
    "/octoeverywhere/webhook?tenantId=abc123",
    "/.env",
    "/registrations",
];

const OTHER_METHODS: [&str; 8] = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "post", ""];

#[tokio::test]
async fn any_other_path_or_method_is_answered_and_nothing_is_read() {
    let aws = aws().await;
    // Whoever reads a query now asks for the keys, which nobody has yet.
    aws.set(Service::SecretsManager, Behaviour::Status500);
    let function = receiver(&aws).await;
    let calls = || aws.calls().len();
    let before = calls();
    let paths = OTHER_PATHS.map(|path| ("POST", path, 404));
    let methods = OTHER_METHODS.map(|method| (method, CALLBACK_PATH, 405));
    let table = [&paths[..], &methods, &[("GET", "/octoeverywhere/webhook/", 404)]].concat();
    for (method, path, status) in &table {
        for (query, body) in [(KEY.query(), "{}"), (String::new(), "no base64")] {
            let mut event = function_url(method, path, &query, Some(body));
            event["isBase64Encoded"] = (body != "{}").into();
            let answer = call(&function, &event).await;
            let (text, allow) = match status {
                404 => (NOWHERE, Value::Null),
                _ => (WRONG_METHOD, json!("POST")),
            };
            let headers = &answer.raw["headers"];
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (*status, text),
                "{method} {path}"
            );
            assert_eq!(
                (&headers["content-type"], &headers["allow"]),
                (&json!("application/problem+json"), &allow),
                "{method} {path}"
            );
        }
    }
    assert_eq!(calls(), before, "something was asked for");
    println!("{} addresses that are none, {before} calls at the start", table.len());

    // And this is what is read of a callback.
    let event = function_url("POST", CALLBACK_PATH, &KEY.query(), Some("{}"));
    assert_eq!(call(&function, &event).await.status, 200);
    assert!(calls() > before);
    assert!(function.is_running());
}

/// The HTTP API has matched method and path; what the event says of them beside its route key decides nothing.
#[tokio::test]
async fn what_the_http_api_has_let_through_is_a_callback() {
    let aws = aws().await;
    let function = receiver(&aws).await;
    for path in OTHER_PATHS {
        for method in OTHER_METHODS {
            let mut event = request(CALLBACK_ROUTE, path, &KEY.query(), Some("{}"));
            event["requestContext"]["http"]["method"] = method.into();
            assert_eq!(call(&function, &event).await.status, 200, "{method} {path}");
            assert_eq!(aws.drain().0.len(), 1, "{method} {path}");
        }
    }
}

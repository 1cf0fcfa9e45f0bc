//! The harness itself, against a bootstrap of a few lines.

use std::time::Duration;

use crate::runtime_api::{Function, Launch, Outcome};
use crate::stub_aws::{Behaviour, Service, StubAws};
use crate::stub_octoeverywhere::{self, StubOctoEverywhere};

/// Answers an event with itself; `die` and `hang` do what they say.
const ECHO: &str = r#"
import os, sys, time, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
print("hello from", os.environ["NAME"], flush=True)
while True:
    with urllib.request.urlopen(api + "next") as event:
        id, body = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read()
    if body == b"die": sys.exit(3)
    if body == b"hang": time.sleep(1000)
    outcome = "error" if body == b"fail" else "response"
    urllib.request.urlopen(urllib.request.Request(api + id + "/" + outcome, data=body)).read()
"#;

fn python(script: &str) -> Launch {
    let path = std::env::var("PATH").unwrap();
    Launch::new("python3")
        .arg("-c")
        .arg(script)
        .env("NAME", "echo")
        .env("PATH", path)
}

fn client() -> reqwest::Client {
    // Only the first of the process's tests gets to install it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

async fn echo() -> Function {
    python(ECHO).start().await.unwrap()
}

#[tokio::test]
async fn an_event_goes_in_and_its_answer_comes_out_byte_for_byte() {
    let function = echo().await;
    let odd = b"\x00\xff not JSON".as_slice();
    assert_eq!(function.call(odd).await.outcome, Outcome::Answered(odd.into()));
    assert_eq!(function.call("fail").await.outcome, Outcome::Failed("fail".into()));
    assert_eq!(function.output(), "hello from echo\n");
    assert!(function.started_in > Duration::ZERO && function.cpu_time().unwrap() > Duration::ZERO);
    assert!(function.peak_memory().unwrap() > 1 << 20);
}

#[tokio::test]
async fn a_function_that_dies_or_hangs_is_told_from_one_that_answers() {
    let mut function = echo().await;
    assert_eq!(function.call("die").await.outcome, Outcome::Died);
    assert_eq!(function.call("again").await.outcome, Outcome::Died);
    function.respawn().await.unwrap();
    assert_eq!(
        function.call_within(Duration::from_millis(1), "hang").await.outcome,
        Outcome::TimedOut
    );
    assert!(!function.is_running());
}

#[tokio::test]
async fn a_start_that_fails_says_what_the_function_wrote() {
    let error = python("print('no configuration'); exit(1)")
        .start()
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("no configuration") && error.contains("exit status: 1"),
        "{error}"
    );
}

#[tokio::test]
async fn sns_keeps_what_it_accepts_and_only_that() {
    let aws = StubAws::start().await.unwrap();
    let publish = |message: &'static str| {
        let form = format!(
            "Action=Publish&TopicArn=arn%3Atopic&Message={message}&MessageAttributes.entry.1.Name=severity\
             &MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=info"
        );
        client().post(aws.url()).body(form).send()
    };
    assert_eq!(publish("a+%7B%22b%22%7D").await.unwrap().status(), 200);
    assert_eq!(publish("%EF%BF%BF").await.unwrap().status(), 400);
    aws.script(
        Service::Sns,
        [Behaviour::Status500, Behaviour::LostAnswer, Behaviour::Refused],
    );
    assert_eq!(publish("broken").await.unwrap().status(), 500);
    publish("lost").await.unwrap_err();
    publish("refused").await.unwrap_err();
    let published = aws.published();
    let messages: Vec<_> = published.iter().map(|published| published.message.as_str()).collect();
    assert_eq!(messages, ["a {\"b\"}", "lost"]);
    assert_eq!(
        published[0].attributes["severity"],
        ("String".to_owned(), "info".to_owned())
    );
    assert_eq!(aws.count(Service::Sns, "Publish"), 5);
}

#[tokio::test]
async fn octoeverywhere_counts_who_is_there_at_once() {
    let octoeverywhere = StubOctoEverywhere::start().await.unwrap();
    octoeverywhere.set_latency(Duration::from_millis(50));
    octoeverywhere.set_outcome_for("gone", stub_octoeverywhere::Outcome::Status(604));
    let url = format!("{}/api/appconnection/SetNotificationWebhook", octoeverywhere.url());
    let client = client();
    let call = |token| client.post(&url).header("AppToken", token).body("{}").send();
    let (known, gone) = tokio::join!(call("known"), call("gone"));
    assert_eq!(
        (known.unwrap().status().as_u16(), gone.unwrap().status().as_u16()),
        (200, 604)
    );
    assert_eq!(octoeverywhere.load().most_in_flight, 2);
    assert!(octoeverywhere.webhook("known").is_some() && octoeverywhere.webhook("gone").is_none());
}

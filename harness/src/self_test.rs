//! The harness itself, against a bootstrap of a few lines.

use std::time::Duration;

use serde_json::json;

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

async fn dynamodb(aws: &StubAws, action: &str, request: serde_json::Value) -> (u16, serde_json::Value) {
    let call = client()
        .post(aws.url())
        .header("x-amz-target", format!("DynamoDB_20120810.{action}"));
    let answer = call.body(request.to_string()).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn the_table_s_writes_are_conditional() {
    let aws = StubAws::start().await.unwrap();
    let key = json!({"tenantId": {"S": "t"}, "printerRef": {"S": "p"}});
    let write = json!({
        "TableName": "registrations", "Key": key,
        "ConditionExpression": "attribute_not_exists(#r) OR (#r = :old AND NOT status IN (:gone))",
        "UpdateExpression": "SET #r = if_not_exists(#r, :zero) + :one, dueShard = :old, dueAt = :one REMOVE lastError",
        "ExpressionAttributeNames": {"#r": "revision"},
        "ExpressionAttributeValues": {
            ":old": {"N": "1"}, ":zero": {"N": "0"}, ":one": {"N": "1"}, ":gone": {"S": "revoked"},
        },
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    let (status, answer) = dynamodb(&aws, "UpdateItem", write.clone()).await;
    assert_eq!((status, &answer["Attributes"]["revision"]["N"]), (200, &json!("1")));
    // There is no status yet, so it is not among the ones that are gone.
    let (status, answer) = dynamodb(&aws, "UpdateItem", write.clone()).await;
    assert_eq!((status, &answer["Attributes"]["revision"]["N"]), (200, &json!("2")));
    let (status, answer) = dynamodb(&aws, "UpdateItem", write).await;
    assert_eq!((status, &answer["Item"]["revision"]["N"]), (400, &json!("2")));
    assert!(
        answer["__type"]
            .as_str()
            .unwrap()
            .ends_with("ConditionalCheckFailedException")
    );
    let (_, answer) = dynamodb(&aws, "GetItem", json!({"Key": key})).await;
    assert_eq!(answer["Item"]["dueAt"]["N"], "1");
    dynamodb(&aws, "DeleteItem", json!({"Key": key})).await;
    assert_eq!(aws.table(|table| (table.items().count(), table.indexed())), (0, 0));
}

#[tokio::test]
async fn the_index_gives_what_is_due_in_pages() {
    let aws = StubAws::start().await.unwrap();
    for (printer, due) in (0..10).map(|number| (format!("p{number}"), number.to_string())) {
        let item = json!({
            "tenantId": {"S": "t"}, "printerRef": {"S": printer}, "dueShard": {"N": "7"}, "dueAt": {"N": due},
        });
        aws.table(|table| table.put(item.as_object().unwrap().clone()));
    }
    let mut query = json!({
        "TableName": "registrations", "IndexName": "due", "Limit": 3,
        "KeyConditionExpression": "dueShard = :shard AND dueAt <= :now",
        "ExpressionAttributeValues": {":shard": {"N": "7"}, ":now": {"N": "6"}},
    });
    let mut pages = Vec::new();
    loop {
        let (_, page) = dynamodb(&aws, "Query", query.clone()).await;
        pages.push(page["Count"].as_u64().unwrap());
        match page.get("LastEvaluatedKey") {
            Some(last) => query["ExclusiveStartKey"] = last.clone(),
            None => break,
        }
    }
    assert_eq!(pages, [3, 3, 1]);
    query["ExpressionAttributeValues"][":unused"] = json!({"N": "1"});
    assert_eq!(dynamodb(&aws, "Query", query).await.0, 400);
}

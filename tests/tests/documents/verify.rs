//! `cargo xtask verify-aws`, as docs/verifying.md says it: against the emulator, which it takes for what it is.

use std::process::Stdio;

use printbell_harness::workspace;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::person::{Person, xtask};
use crate::scene::Scene;

const VERIFYING: &str = "docs/verifying.md";

/// What is checked without being asked for, and what comes of it here.
const CHECKS: [&str; 14] = [
    "ok What an earlier run left behind",
    "ok Functions",
    "ok Alarms",
    "only AWS Who is told of alarms",
    "ok A callback, from each door to the topic",
    "ok A callback that nobody signed",
    "ok The registrations API",
    "ok A row by hand",
    "ok A run of renew",
    "ok The run's line in the log",
    "only AWS The callbacks' lines in the API's access log",
    "only AWS The run's figures as a metric",
    "only AWS An alarm's action",
    "only AWS The table and the secret, to somebody without kms:Decrypt",
];

/// The same with an AppToken, `--rotate` and `--alarms`: what comes behind which.
const MORE_CHECKS: [(&str, &[&str]); 3] = [
    ("ok The registrations API", &["ok A printer, registered and tested"]),
    ("only AWS An alarm's action", &["ok A rotation of the callback secret"]),
    (
        "only AWS The table and the secret, to somebody without kms:Decrypt",
        &[
            "ok The causes of alarms",
            "only AWS DeadLetterAlarm",
            "only AWS FailedRunsAlarm",
            "only AWS TokensRefusedAlarm",
            "only AWS TopicDeliveriesAlarm",
            "only AWS CallbacksThrottledAlarm",
            "only AWS CallbacksFailingAlarm",
            "only AWS UnreadableRowsAlarm",
            "only AWS The end of callbacks failing, told to renew",
        ],
    ),
];

/// Each line's state and title, less the sum at the end.
fn lines(screen: &str) -> Vec<String> {
    let lines = screen.lines().filter_map(|line| {
        let (title, _) = line.split_once(": ")?;
        Some(title.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    lines.collect()
}

/// Whatever the command makes in the account, as far as it is there.
async fn belongings(scene: &Scene) -> Vec<Value> {
    let prefix = json!({"QueueNamePrefix": "printbell-verify-"});
    let queues = scene.aws.sqs("ListQueues", &prefix).await.unwrap();
    let mut found: Vec<Value> = queues["QueueUrls"].as_array().cloned().unwrap_or_default();
    for topic in [
        scene.stack.outputs.topic_arn.clone(),
        scene.resource("AlarmTopic").await,
    ] {
        let xml = scene
            .aws
            .sns("ListSubscriptionsByTopic", &[("TopicArn", &topic)])
            .await
            .unwrap();
        found.extend(xml.matches("printbell-verify-").map(Value::from));
    }
    let rows = json!({
        "TableName": scene.stack.outputs.table_name, "KeyConditionExpression": "tenantId = :tenant",
        "ExpressionAttributeValues": {":tenant": {"S": "printbell-verify-aws"}},
    });
    let rows = scene.aws.dynamodb("Query", &rows).await.unwrap();
    found.extend(rows["Items"].as_array().cloned().unwrap_or_default());
    let arn = format!(
        "arn:aws:lambda:us-east-1:000000000000:function:{}",
        scene.stack.outputs.webhook_function_name
    );
    let path = format!("/2017-03-31/tags/{}", printbell_harness::aws::encode(&arn));
    let tags = scene
        .aws
        .lambda(http::Method::GET, &path, &Value::Null)
        .await
        .unwrap()
        .json()
        .unwrap();
    found.extend(tags["Tags"].get("printbell-verify-aws").cloned());
    found
}

#[tokio::test]
async fn it_finds_the_stack_in_order_and_leaves_nothing() {
    let scene = Scene::set().await;
    let printer = scene.issue().await;
    let mut person = Person::new(scene.environment(&scene.owner())).await;
    std::fs::write(person.home().join("app-token"), printer.token.expose()).unwrap();
    let built = workspace::built();
    std::os::unix::fs::symlink(built.parent().unwrap(), person.home().join(".aws-sam")).unwrap();
    scene.unregister_all().await;
    // What a run that was killed may have left.
    let old = json!({"QueueName": "printbell-verify-doors-of-old"});
    scene.aws.sqs("CreateQueue", &old).await.unwrap();

    let mut screens = Vec::new();
    person
        .types_all(VERIFYING, async |_, screen| screens.push(screen.to_owned()))
        .await;

    let [plain, whole, sums] = screens.try_into().unwrap();
    println!("{plain}\n{whole}\n{sums}");
    // Once as they lie there, once as Lambda has them.
    for name in ["Webhook", "Renew", "Register", "Redrive"].map(|name| format!("{name}Function")) {
        let [lies, runs] = [format!("{name}.zip: OK"), format!("  {name}.zip")];
        let is_shown = |end: &str| sums.lines().any(|line| line.ends_with(end));
        assert!(is_shown(&lies) && is_shown(&runs), "{name}: {sums}");
    }
    for screen in [&plain, &whole] {
        assert!(!screen.contains(printer.token.expose()));
        assert!(
            screen.contains(" 0 failed, ") && screen.contains(", for $0.00"),
            "{screen}"
        );
    }
    assert!(plain.contains("left behind: 1 things removed"), "{plain}");
    let mut expected: Vec<String> = CHECKS.map(str::to_owned).into();
    expected.push("ok Cleaning up".to_owned());
    assert_eq!(lines(&plain), expected);
    for (before, more) in MORE_CHECKS {
        let at = expected.iter().position(|line| line == before).unwrap() + 1;
        expected.splice(at..at, more.iter().map(|line| (*line).to_owned()));
    }
    assert_eq!(lines(&whole), expected);
    assert_eq!(belongings(&scene).await, Vec::<Value>::new());
    let webhook = scene.control.registration(&printer.printer_id).await.unwrap().webhook;
    assert!(webhook.is_none(), "{webhook:?}");
}

#[tokio::test]
async fn it_says_what_is_wrong_and_cleans_up_when_it_is_interrupted() {
    let scene = Scene::set().await;
    // Neither way out takes anything.
    let outputs = &scene.stack.outputs;
    let (topic, queue) = (
        format!("{}-gone", outputs.topic_arn),
        format!("{}-gone", outputs.fallback_queue_url),
    );
    let nowhere = [
        ("TOPIC_ARN", Some(topic.as_str())),
        ("FALLBACK_QUEUE_URL", Some(queue.as_str())),
    ];
    scene.stack.set_environment("webhook", &nowhere).await.unwrap();

    let mut command = Command::new(xtask());
    command
        .args(["verify-aws", "--stack", "printbell"])
        .envs(scene.environment(&scene.owner()));
    let mut running = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut screen = BufReader::new(running.stdout.take().unwrap()).lines();
    let mut finding = String::new();
    while !finding.contains("A callback, from each door to the topic") {
        finding = screen.next_line().await.unwrap().unwrap();
    }
    let is_told = finding.starts_with("failed ") && finding.contains("answered 503. docs/runbook.md#callbacks-failing");
    assert!(is_told, "{finding}");
    assert!(!belongings(&scene).await.is_empty());
    let id = running.id().unwrap().to_string();
    let interrupt = Command::new("kill").args(["-INT", &id]).status().await.unwrap();
    assert!(interrupt.success());
    let mut rest = Vec::new();
    while let Some(line) = screen.next_line().await.unwrap() {
        rest.push(line);
    }
    assert!(!running.wait().await.unwrap().success());
    let is_clean = rest.iter().any(|line| line.starts_with("ok        Cleaning up: "));
    assert!(is_clean && rest.last().unwrap().contains(", 1 failed, "), "{rest:?}");
    assert_eq!(belongings(&scene).await, Vec::<Value>::new());

    let right = [
        ("TOPIC_ARN", Some(outputs.topic_arn.as_str())),
        ("FALLBACK_QUEUE_URL", Some(outputs.fallback_queue_url.as_str())),
    ];
    scene.stack.set_environment("webhook", &right).await.unwrap();
}

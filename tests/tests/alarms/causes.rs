//! Each alarm by its cause, and by no other's.

use std::time::Duration;

use printbell_harness::fixtures::{KEY, REGISTRATIONS, SECOND_KEY};
use printbell_harness::queue_event;
use printbell_harness::stub_aws::{Behaviour, Service};
use printbell_harness::template::Template;
use serde_json::json;

use crate::stage::{CALLBACK, DAY, HOUR, Stage, is_error};

/// Alarms over metrics that neither our functions nor the stub AWS make: they show on AWS alone.
const ONLY_ON_AWS: [&str; 2] = ["CallbacksThrottledAlarm", "TopicDeliveriesAlarm"];

#[test]
fn every_alarm_has_a_cause_here_or_can_only_be_seen_on_aws() {
    let source = include_str!("causes.rs");
    let alarms = Template::read().unwrap().alarms().unwrap();
    let names: Vec<_> = alarms.iter().map(|alarm| alarm.logical_id.as_str()).collect();
    for name in &names {
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
    }
    assert!(ONLY_ON_AWS.iter().all(|name| names.contains(name)));
}

#[tokio::test]
async fn callbacks_fail_by_either_door() {
    let mut stage = Stage::new().await;
    stage.callback(&KEY.query(), "{}").await;
    stage.callback("", "{}").await;
    let now = stage.now();
    for (route, status) in [
        ("POST /registrations/{tenantId}/{printerRef}/test", 502),
        ("PUT /registrations/{tenantId}/{printerRef}", 503),
        ("GET /registrations", 429),
    ] {
        stage.metrics.access(&stage.template, route, status, now);
    }
    assert_eq!(stage.ringing(), [] as [&str; 0], "refusals, and what register answers");
    stage.aws.set(Service::Sns, Behaviour::Status500);
    stage.aws.set(Service::Sqs, Behaviour::Status500);
    assert_eq!(stage.callback(&KEY.query(), "{}").await, 503);
    assert_eq!(stage.ringing(), ["CallbacksFailingAlarm", "UrlCallbacksFailingAlarm"]);
    // What API Gateway throttles never reaches the receiver.
    stage.advance(HOUR);
    assert_eq!(stage.ringing(), [] as [&str; 0]);
    let now = stage.now();
    stage.metrics.access(&stage.template, CALLBACK, 429, now);
    assert_eq!(stage.ringing(), ["CallbacksFailingAlarm"]);
    for alarm in &stage.alarms {
        let [_, _, on_recovery] = &alarm.actions;
        let begins_sweep = on_recovery
            .iter()
            .any(|action| action.ends_with(":function:RenewFunction"));
        let is_about_callbacks = alarm.description.ends_with("#callbacks-failing");
        assert_eq!(begins_sweep, is_about_callbacks, "{}", alarm.logical_id);
    }
}

/// A fleet of ten whose key is retired, while nobody has set its webhooks again: 14 notifications an hour, of which OctoEverywhere
/// sends some before it switches the webhooks off.
#[tokio::test]
async fn a_fleet_of_ten_comes_under_a_retired_key() {
    let mut stage = Stage::new().await;
    stage.aws.secrets(|secrets| {
        secrets.rotate(&SECOND_KEY);
        secrets.label(&SECOND_KEY);
        secrets.retire(&KEY);
    });
    let mut ringing = Vec::new();
    for printer in 0..4 {
        let query = KEY.query_for("abc123", &format!("p{printer}"));
        assert_eq!(stage.callback(&query, "{}").await, 401);
        // A scanner has no well-formed token.
        stage.callback("tenantId=a&printerRef=b&callbackToken=c", "{}").await;
        ringing.push(stage.ringing().len());
    }
    assert_eq!(ringing, [0, 0, 1, 1]);
    assert_eq!(stage.ringing(), ["TokensRefusedAlarm"]);
}

#[tokio::test]
async fn notifications_wait_for_sns() {
    let mut stage = Stage::new().await;
    stage.aws.set(Service::Sns, Behaviour::Status500);
    assert_eq!(stage.callback(&KEY.query(), "{}").await, 200);
    let (_, waiting) = stage.aws.drain();
    let mut ages = Vec::new();
    // Whatever the number of receives: SQS's own age leaves out what was received three times.
    for (receives, minutes) in [(6, 14), (200, 16)] {
        let mut batch = queue_event::batch(&waiting, receives);
        let sent = (stage.now() - minutes * 60) * 1000;
        batch["Records"][0]["attributes"]["SentTimestamp"] = sent.to_string().into();
        let answer = stage.call("redrive", batch.to_string()).await.json().unwrap();
        assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], "0");
        ages.push(stage.ringing().len());
    }
    assert_eq!(ages, [0, 1]);
    assert_eq!(stage.ringing(), ["WaitingAlarm"]);
    // What can be brought out is no metric.
    stage.advance(HOUR);
    stage.aws.set(Service::Sns, Behaviour::Ok);
    let batch = queue_event::batch(&waiting, 201);
    stage.call("redrive", batch.to_string()).await.json().unwrap();
    assert_eq!(stage.ringing(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_dead_letter_waits_for_a_person() {
    let mut stage = Stage::new().await;
    assert_eq!(stage.callback(&KEY.query(), "no JSON").await, 200);
    let (_, queued) = stage.aws.drain();
    assert!(queued.iter().all(|message| message.queue.ends_with("/DeadLetterQueue")));
    stage.queue("DeadLetterQueue", queued.len());
    assert_eq!(stage.ringing(), ["DeadLetterAlarm"]);
}

#[tokio::test]
async fn invocations_fail() {
    let mut stage = Stage::new().await;
    let call = stage.call("register", "no JSON").await;
    assert!(is_error(&call));
    stage.lambda("RegisterFunction", "Errors", 1.0);
    assert_eq!(stage.ringing(), ["RegisterErrorsAlarm"]);
    stage.advance(HOUR);
    for count in 1..=3 {
        let call = stage.call("redrive", "no JSON").await;
        assert!(is_error(&call));
        stage.lambda("RedriveFunction", "Errors", 1.0);
        assert_eq!(stage.ringing().len(), count / 3, "a queue's batch comes again");
        stage.advance(300);
    }
    stage.advance(-300);
    assert_eq!(stage.ringing(), ["RedriveErrorsAlarm"]);
}

/// Runs, and how they are told by the metric that each logs at its end.
#[tokio::test]
async fn runs_stop() {
    let mut stage = Stage::new().await;
    let begin = stage.now() - 5 * HOUR;
    for _ in 0..3 {
        stage.run().await;
        stage.advance(HOUR);
    }
    let heartbeat = |stage: &Stage, end: i64| stage.metrics.rings(&stage.alarms, begin, end, 300);
    assert_eq!(heartbeat(&stage, stage.now()), [], "and not at birth");
    // Runs that begin and fail are none.
    stage.aws.set(Service::SecretsManager, Behaviour::Denied);
    stage.aws.set(Service::DynamoDb, Behaviour::Denied);
    for _ in 0..3 {
        let call = stage.call("renew", "{}").await;
        assert!(is_error(&call));
        stage.advance(HOUR);
    }
    let rings = heartbeat(&stage, stage.now());
    let names: Vec<_> = rings.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["RenewHeartbeatAlarm"]);
    let since_last_run = rings[0].1 - (stage.birth + 2 * HOUR);
    assert!((3 * HOUR..3 * HOUR + 900).contains(&since_last_run), "{since_last_run}");
    // Lambda sends what failed to the queue.
    stage.queue("FailedRunsQueue", 3);
    assert_eq!(stage.ringing(), ["FailedRunsAlarm"]);
}

#[tokio::test]
async fn an_expiry_comes_near() {
    let mut stage = Stage::new().await;
    let now = stage.now();
    stage.registrations(
        2,
        |number| json!({"dueAt": now - 5, "renewedAt": now - (149 + 2 * number) * DAY}),
    );
    stage.everyone_gets(500);
    stage.run().await;
    assert_eq!(stage.ringing(), ["NearestExpiryAlarm"]);
    // It is tried once a day, and the alarm doesn't end between.
    stage.advance(DAY - 60);
    assert_eq!(stage.ringing(), ["NearestExpiryAlarm"]);
}

#[tokio::test]
async fn octoeverywhere_fails_for_hours() {
    let mut stage = Stage::new().await;
    let now = stage.now();
    stage.registrations(200, |_| json!({"dueAt": now - 5}));
    stage.everyone_gets(500);
    assert_eq!(stage.run().await["stopped"], "failing");
    assert_eq!(stage.ringing(), [] as [&str; 0], "an outage of minutes needs nobody");
    stage.advance(HOUR);
    assert_eq!(stage.run().await["stopped"], "failing");
    assert_eq!(stage.ringing(), ["ServiceFailingAlarm"]);
}

#[tokio::test]
async fn more_calls_are_needed_than_allowed() {
    let mut stage = Stage::new().await;
    let due_since = |hours| {
        let now = stage.now();
        stage.registrations(100, |_| json!({"dueAt": now - hours * HOUR}));
    };
    due_since(5);
    // Time for some calls, and for one that takes its ten seconds.
    let slow = async |stage: &mut Stage| {
        let process = stage
            .launch("renew")
            .env("MAX_CALLS_PER_SECOND", "1")
            .start()
            .await
            .unwrap();
        let call = stage.call_process(&process, Duration::from_secs(20), "{}").await;
        call.json().unwrap()
    };
    let report = slow(&mut stage).await;
    assert_eq!(report["stopped"], "time");
    assert_eq!(stage.ringing(), [] as [&str; 0]);
    stage.advance(HOUR + 60);
    assert!(slow(&mut stage).await["secondsBehind"].as_i64().unwrap() > 6 * HOUR);
    assert_eq!(stage.ringing(), ["RunsBehindAlarm"]);
}

#[tokio::test]
async fn nearly_everybody_is_refused() {
    let mut stage = Stage::new().await;
    let now = stage.now();
    // A few in each run, as in a fleet of some thousand: no single run can tell.
    stage.registrations(30, |number| json!({"dueAt": now + number / 6 * HOUR - 5}));
    stage.everyone_gets(604);
    let mut ringing = Vec::new();
    for _ in 0..4 {
        stage.run().await;
        ringing.push(stage.ringing().len());
        stage.advance(HOUR);
    }
    stage.advance(-HOUR);
    assert_eq!((ringing[0], ringing[3]), (0, 1), "{ringing:?}");
    assert_eq!(stage.ringing(), ["RefusalsAlarm"]);
}

#[tokio::test]
async fn a_registration_that_is_refused_rings_nothing() {
    let mut stage = Stage::new().await;
    let now = stage.now();
    stage.registrations(1, |_| json!({"dueAt": now - 5}));
    stage.everyone_gets(604);
    // As often as it is tried on its first two days.
    for minutes in [2, 8, 20, 80, 220, 450, 870, 1730] {
        assert_eq!(stage.run().await["due"], 1);
        assert_eq!(stage.ringing(), [] as [&str; 0]);
        stage.advance(minutes * 60);
    }
}

#[tokio::test]
async fn a_row_can_t_be_read() {
    let mut stage = Stage::new().await;
    let now = stage.now();
    stage.registrations(1, |_| json!({"dueAt": now - 5, "status": "frozen"}));
    assert_eq!(stage.run().await["unreadable"], 1);
    assert_eq!(stage.ringing(), ["UnreadableRowsAlarm"]);
}

#[tokio::test]
async fn the_work_on_a_row_breaks_off() {
    let mut stage = Stage::new().await;
    // It takes up the key.
    stage.run().await;
    let now = stage.now();
    stage.registrations(1, |_| json!({"dueAt": now - 5}));
    // The run's lease; the row's.
    for count in 0..2 {
        stage.aws.strike("UpdateItem", [Behaviour::Ok, Behaviour::Denied]);
        let report = stage.run().await;
        assert_eq!(report["brokenOff"], 1, "{report}");
        assert_eq!(stage.ringing().len(), count, "what the next run does needs nobody");
        stage.advance(HOUR);
    }
    stage.advance(-HOUR);
    assert_eq!(stage.ringing(), ["BrokenOffRowsAlarm"]);
}

#[tokio::test]
async fn a_sweep_can_t_apply() {
    let mut stage = Stage::new().await;
    stage.registrations(3, |_| json!({}));
    stage.note_url("https://old.example.com");
    stage.run().await;
    stage.advance(HOUR);
    stage.everyone_gets(601);
    assert_eq!(stage.run().await["sweepFailed"], 3);
    assert_eq!(stage.ringing(), ["SweepFailingAlarm"]);
}

#[tokio::test]
async fn the_table_has_lost_what_was_in_it() {
    let mut stage = Stage::new().await;
    // An empty one that always was needs nobody.
    for _ in 0..2 {
        stage.run().await;
        stage.advance(DAY);
    }
    stage.registrations(3, |_| json!({}));
    stage.run().await;
    stage.advance(DAY);
    stage.run().await;
    stage.aws.table(REGISTRATIONS, |table| table.clear());
    stage.advance(DAY);
    assert_eq!(stage.ringing(), [] as [&str; 0]);
    stage.run().await;
    assert_eq!(stage.ringing(), ["EmptyTableAlarm"]);
    stage.advance(DAY);
    stage.run().await;
    assert_eq!(stage.ringing(), [] as [&str; 0], "it is told once");
}

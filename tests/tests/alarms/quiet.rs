//! While all is well.

use printbell_harness::fixtures::KEY;
use serde_json::json;

use crate::stage::{CALLBACK, DAY, HOUR, Stage};

/// How often CloudWatch is looked at, in seconds.
const STEP: usize = 300;

/// A week with a run every hour, printers that print, renewals that are due, scanners, and a backend that does what it likes.
#[tokio::test]
async fn nothing_rings_in_a_quiet_week() {
    let mut stage = Stage::new().await;
    let now = stage.now();
    stage.registrations(60, |number| json!({"dueAt": now + number * DAY / 2}));
    let begin = now - 2 * HOUR;
    let mut renewals = 0;
    for hour in 0..7 * 24 {
        renewals += stage.run().await["renewed"].as_i64().unwrap();
        if hour % 4 == 0 {
            assert_eq!(stage.callback(&KEY.query(), r#"{"EventType":6}"#).await, 200);
            assert_eq!(stage.callback("tenantId=abc123&callbackToken=letmein", "{}").await, 401);
        }
        let now = stage.now();
        for (route, status) in [
            (CALLBACK, 200),
            ("POST /registrations/{tenantId}/{printerRef}/test", 502),
            ("PUT /registrations/{tenantId}/{printerRef}", 429),
            ("-", 404),
        ] {
            stage.metrics.access(&stage.template, route, status, now);
        }
        for function in [
            "WebhookFunction",
            "RedriveFunction",
            "RegisterFunction",
            "RenewFunction",
        ] {
            stage.lambda(function, "Errors", 0.0);
            stage.lambda(function, "Throttles", 0.0);
        }
        for queue in ["DeadLetterQueue", "FailedRunsQueue"] {
            stage.queue(queue, 0);
        }
        stage.advance(HOUR);
    }
    let rings = stage.metrics.rings(&stage.alarms, begin, stage.now() - HOUR, STEP);
    assert_eq!(rings, []);
    assert!((14..=15).contains(&renewals), "{renewals}");
    let own = stage.metrics.names().into_iter();
    let own: Vec<_> = own.filter(|metric| metric.namespace.starts_with("Printbell")).collect();
    assert_eq!(own.len(), 6, "each costs: {own:?}");
}

/// What is always there, and so paid for where ten metrics are used up: docs/cost.md counts them.
#[tokio::test]
async fn an_idle_stack_has_five_metrics_of_its_own() {
    let mut stage = Stage::new().await;
    stage.run().await;
    stage.advance(DAY);
    stage.run().await;
    stage.callback("", "").await;
    let names = stage.metrics.names().into_iter();
    let names = names.filter(|metric| metric.namespace.starts_with("Printbell"));
    let names: Vec<_> = names.map(|metric| metric.name.as_str()).collect();
    assert_eq!(names, ["due", "leftOver", "permanent", "renewed", "temporary"]);
}

//! Calls that go wrong on purpose.

use std::time::{Duration, Instant};

use printbell_simulator::{CallRecord, Fault, NewPrinter, Route};
use serde_json::{Value, json};

use crate::world::{World, status_and_json};

fn set_to(url: &str) -> Option<Value> {
    Some(json!({"WebhookUrl": url}))
}

#[tokio::test]
async fn answers_can_be_any_status_with_retry_after_and_a_body() {
    let world = World::new().await;
    for (fault, status, retry_after) in [
        (Fault::answer(429).retry_after("120"), 429, Some("120")),
        (
            Fault::answer(503).retry_after("Wed, 21 Oct 2026 07:28:00 GMT"),
            503,
            Some("Wed, 21 Oct 2026 07:28:00 GMT"),
        ),
        (Fault::answer(600), 600, None),
        (Fault::answer(604), 604, None),
        (Fault::answer(699), 699, None),
        (Fault::answer(200), 200, None),
    ] {
        world.control.add_fault(&fault.times(1)).await.unwrap();
        let answer = world.call(Route::Set, set_to("https://a.example/")).await.unwrap();
        assert_eq!(
            answer.headers().get("retry-after").map(|value| value.to_str().unwrap()),
            retry_after
        );
        let (answer_status, body) = status_and_json(answer).await;
        assert_eq!((answer_status, &body["Status"]), (status, &json!(status)));
        assert!(
            world.registration().await.webhook.is_none(),
            "{status}: nothing was done"
        );
    }
    world
        .control
        .add_fault(&Fault::answer(502).body("<h1>Bad gateway</h1>"))
        .await
        .unwrap();
    let answer = world.call(Route::Info, None).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (502, &"text/html".parse().unwrap())
    );
    assert_eq!(answer.text().await.unwrap(), "<h1>Bad gateway</h1>");
}

#[tokio::test]
async fn a_dropped_call_does_nothing_and_a_lost_answer_hides_that_the_work_was_done() {
    let world = World::new().await;
    for (fault, applied) in [(Fault::drop_connection(), false), (Fault::lose_answer(), true)] {
        // Over a connection that has been used before, as a pooling client would.
        world.call(Route::Info, None).await.unwrap().bytes().await.unwrap();
        world.control.add_fault(&fault.on(Route::Set).times(1)).await.unwrap();
        let answer = world.call(Route::Set, set_to("https://a.example/")).await;
        assert!(answer.is_err(), "{answer:?}");
        assert_eq!(world.registration().await.webhook.is_some(), applied);
    }
    let calls = world.control.calls(&world.printer.printer_id).await.unwrap();
    let sets: Vec<_> = calls.iter().filter(|call| call.route == Route::Set).collect();
    assert!(
        matches!(
            sets[..],
            [
                CallRecord {
                    status: None,
                    applied: false,
                    ..
                },
                CallRecord {
                    status: None,
                    applied: true,
                    ..
                }
            ]
        ),
        "{sets:?}"
    );
}

#[tokio::test]
async fn an_error_can_follow_work_that_was_done() {
    let world = World::new().await;
    world
        .control
        .add_fault(&Fault::answer(600).after_work().times(1))
        .await
        .unwrap();
    assert_eq!(
        world
            .call(Route::Set, set_to("https://a.example/"))
            .await
            .unwrap()
            .status(),
        600
    );
    assert!(world.registration().await.webhook.is_some());
}

#[tokio::test]
async fn a_hanging_call_ends_when_its_caller_goes() {
    let world = World::new().await;
    world.control.add_fault(&Fault::hang().times(1)).await.unwrap();
    let request = world
        .http
        .post(world.url(Route::Set))
        .header("AppToken", world.printer.token.expose())
        .json(&set_to("https://a.example/"))
        .timeout(Duration::from_millis(50));
    assert!(request.send().await.unwrap_err().is_timeout());
    while world.control.traffic().await.unwrap().in_flight > 0 {
        tokio::task::yield_now().await;
    }
    let calls = world.control.calls(&world.printer.printer_id).await.unwrap();
    assert!(
        matches!(
            calls[..],
            [CallRecord {
                status: None,
                applied: false,
                ..
            }]
        ),
        "{calls:?}"
    );
    assert!(world.registration().await.webhook.is_none());
}

#[tokio::test]
async fn a_fault_keeps_to_its_route_its_printer_and_its_number() {
    let world = World::new().await;
    let other = world.control.issue_printer(&NewPrinter::default()).await.unwrap();
    let fault = Fault::answer(605)
        .on(Route::Info)
        .for_printer(&world.printer.printer_id)
        .times(2);
    let first = world.control.add_fault(&fault).await.unwrap();
    assert_eq!(
        world
            .call_as(other.token.expose(), Route::Info, None)
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(world.call(Route::Delete, None).await.unwrap().status(), 200);
    assert_eq!(world.call(Route::Info, None).await.unwrap().status(), 605);
    let active = world.control.faults().await.unwrap();
    assert_eq!((active.len(), active[0].id, active[0].strikes), (1, first.id, 1));
    assert_eq!(active[0].fault, fault);
    assert_eq!(world.call(Route::Info, None).await.unwrap().status(), 605);
    assert_eq!(world.call(Route::Info, None).await.unwrap().status(), 200);
    assert_eq!(world.control.faults().await.unwrap(), []);
}

#[tokio::test]
async fn faults_strike_until_they_are_cleared() {
    let world = World::new().await;
    let first = world.control.add_fault(&Fault::answer(600)).await.unwrap();
    world.control.add_fault(&Fault::answer(601)).await.unwrap();
    assert_eq!(world.call(Route::Info, None).await.unwrap().status(), 600);
    world.control.clear_fault(first.id).await.unwrap();
    assert_eq!(world.call(Route::Info, None).await.unwrap().status(), 601);
    world.control.clear_faults().await.unwrap();
    assert_eq!(world.call(Route::Info, None).await.unwrap().status(), 200);
}

#[tokio::test]
async fn calls_for_one_printer_at_once_are_told_from_calls_in_turn() {
    let world = World::new().await;
    let set = || world.call(Route::Set, set_to("https://a.example/"));
    set().await.unwrap();
    set().await.unwrap();
    assert_eq!(world.registration().await.history.max_calls_in_flight, 1);

    world
        .control
        .add_fault(&Fault::delay(Duration::from_millis(100)).times(2))
        .await
        .unwrap();
    let start = Instant::now();
    let (one, two) = tokio::join!(set(), world.call(Route::Delete, None));
    assert_eq!(
        (one.unwrap().status().as_u16(), two.unwrap().status().as_u16()),
        (200, 200)
    );
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert_eq!(world.registration().await.history.max_calls_in_flight, 2);
    let traffic = world.control.traffic().await.unwrap();
    assert_eq!((traffic.calls, traffic.in_flight, traffic.max_in_flight), (4, 0, 2));
}

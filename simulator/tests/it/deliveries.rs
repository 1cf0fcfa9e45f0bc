//! Calls to webhooks: byte for byte, filtered, timed, and ended after too many failures.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use printbell_simulator::print::{Plan, Platform};
use printbell_simulator::{
    Delivery, DeliveryEnd, EventType, FAILURES_BORNE, LIFETIME, NewPrinter, NotSentReason, Options, PlayPrint, Route,
    Standing,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::receiver::{Reaction, Receiver};
use crate::world::{World, status_and_json};

/// Every character that RFC 3986 lets stand in a path or a query, in orders that a URL library would tidy up.
const ODD: &str =
    "/a/./b/../c//d;p=1,2/@:!$&'()*+~_-.%2e%2E%2f%41?tenantId=a&&=&tenantId=b&x=%20+%e2%82%AC&y=/?:@!$'()*,;[]&z=";

async fn impatient() -> World {
    let delivery_timeout = Duration::from_millis(100);
    World::with(Options {
        allow_http: true,
        delivery_timeout,
        ..Options::default()
    })
    .await
}

async fn fire(world: &World, event: EventType) -> Delivery {
    world.control.fire(&world.printer.printer_id, event).await.unwrap()
}

#[tokio::test]
async fn a_webhook_is_called_byte_for_byte_as_it_was_set() {
    let world = World::new().await;
    let receiver = Receiver::start([]).await;
    let url = format!("http://{}{ODD}", receiver.address);
    world.set(&url, &[]).await;
    assert_eq!(world.registration().await.webhook.unwrap().url, url);

    let payload = r#"{ "EventType" : 1,"Progress":1.0e2, "ZOffsetMM": 0.30000000000000004,"z":"\u0041","a":[1,1] }"#;
    let delivery = world
        .control
        .fire_payload(&world.printer.printer_id, payload)
        .await
        .unwrap();
    assert_eq!(delivery.event_type, Some(EventType::PRINT_STARTED));
    let expected = format!(
        "POST {ODD} HTTP/1.1\r\nhost: {}\r\nuser-agent: OctoEverywhere (printbell-simulator)\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{payload}",
        receiver.address,
        payload.len(),
    );
    assert_eq!(receiver.requests(), [expected]);
}

#[tokio::test]
async fn a_detour_leaves_host_and_target_to_the_url() {
    let receiver = Receiver::start([]).await;
    let deliver_via = Some(format!("http://{}", receiver.address).parse().unwrap());
    let world = World::with(Options {
        deliver_via,
        ..Options::default()
    })
    .await;
    for (origin, host) in [
        ("https://api.execute-api.example", "api.execute-api.example"),
        ("https://Odd.Example:8443", "Odd.Example:8443"),
        ("https://a.example:443", "a.example"),
    ] {
        world.set(&format!("{origin}{ODD}"), &[]).await;
        assert!(fire(&world, EventType::PRINT_STARTED).await.succeeded());
        let request = receiver.requests().pop().unwrap();
        assert!(
            request.starts_with(&format!("POST {ODD} HTTP/1.1\r\nhost: {host}\r\n")),
            "{request}"
        );
    }
}

#[tokio::test]
async fn raw_bodies_go_out_as_they_are_past_the_filter() {
    let world = World::new().await;
    let receiver = Receiver::start([]).await;
    world.set(&format!("http://{}/", receiver.address), &[1]).await;
    let body = b"\xff\xfe not json".to_vec();
    let delivery = world
        .control
        .fire_raw(&world.printer.printer_id, "text/plain", body.clone())
        .await
        .unwrap();
    assert_eq!(
        (delivery.status(), delivery.body.as_str()),
        (Some(200), "\u{fffd}\u{fffd} not json")
    );
    let request = receiver.raw_requests().remove(0);
    assert!(request.ends_with(&body));
    assert!(String::from_utf8_lossy(&request).contains("content-type: text/plain\r\n"));
}

#[tokio::test]
async fn a_filter_holds_back_what_it_does_not_name_except_the_test() {
    let world = World::new().await;
    let receiver = Receiver::start([Reaction::Status(200), Reaction::Status(503)]).await;
    world.set(&format!("http://{}/", receiver.address), &[7]).await;

    assert!(fire(&world, EventType::GADGET_WARNING).await.succeeded());
    let held_back = DeliveryEnd::NotSent {
        reason: NotSentReason::Filtered,
    };
    assert_eq!(fire(&world, EventType::PRINT_STARTED).await.end, held_back);
    assert_eq!(
        fire(&world, EventType::TEST).await.end,
        held_back,
        "TestWebhook only is past the filter"
    );
    let without_a_type = world
        .control
        .fire_payload(&world.printer.printer_id, r#"{"EventType":"7"}"#)
        .await
        .unwrap();
    assert_eq!(without_a_type.end, held_back);

    let test = status_and_json(world.call(Route::Test, None).await.unwrap()).await;
    assert_eq!(test, (200, json!({"HttpStatusCode": 503})));
    assert_eq!(receiver.requests().len(), 2);
    assert!(receiver.requests()[1].contains(r#""EventType":16"#));
}

#[tokio::test]
async fn a_test_without_an_active_webhook_is_refused_and_one_without_an_answer_says_so() {
    let world = impatient().await;
    assert_eq!(
        status_and_json(world.call(Route::Test, None).await.unwrap()).await.0,
        400
    );
    let receiver = Receiver::start([Reaction::Hang]).await;
    world.set(&format!("http://{}/", receiver.address), &[]).await;
    let (status, body) = status_and_json(world.call(Route::Test, None).await.unwrap()).await;
    assert_eq!((status, &body["HttpStatusCode"]), (200, &Value::Null));
    assert!(body["Error"].as_str().unwrap().starts_with("No answer in 10"), "{body}");
    world.control.advance_clock(LIFETIME).await.unwrap();
    assert_eq!(
        status_and_json(world.call(Route::Test, None).await.unwrap()).await.0,
        400,
        "expired"
    );
}

#[tokio::test]
async fn anything_but_200_in_time_is_a_failure_and_is_not_tried_again() {
    let late = Duration::from_secs(60).as_millis() as u64;
    let answer = |status| DeliveryEnd::Answered {
        status,
        answer: String::new(),
        ms: 0,
    };
    let timed_out = DeliveryEnd::TimedOut { ms: late };
    let unreachable = DeliveryEnd::Unreachable {
        reason: String::new(),
        ms: 0,
    };
    for (reaction, expected, failures) in [
        (Reaction::Status(200), answer(200), 0),
        (Reaction::Status(201), answer(201), 1),
        (Reaction::Status(204), answer(204), 1),
        (
            Reaction::Raw("HTTP/1.1 302 X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"),
            answer(302),
            1,
        ),
        (Reaction::Status(401), answer(401), 1),
        (Reaction::Status(503), answer(503), 1),
        (Reaction::Status(604), answer(604), 1),
        (Reaction::Hang, timed_out.clone(), 1),
        (
            Reaction::Raw("HTTP/1.1 200 X\r\ncontent-length: 5\r\n\r\nhal"),
            timed_out,
            1,
        ),
        (Reaction::Raw("no http at all\r\n\r\n"), unreachable.clone(), 1),
        (Reaction::Close, unreachable, 1),
    ] {
        let world = impatient().await;
        let receiver = Receiver::start([reaction.clone()]).await;
        world.set(&format!("http://{}/", receiver.address), &[]).await;
        let delivery = fire(&world, EventType::PRINT_STARTED).await;
        let same = std::mem::discriminant(&delivery.end) == std::mem::discriminant(&expected);
        let status = if let DeliveryEnd::Answered { status, .. } = expected {
            Some(status)
        } else {
            None
        };
        assert!(same && delivery.status() == status, "{reaction:?}: {:?}", delivery.end);
        assert_eq!(receiver.requests().len(), 1, "{reaction:?}");
        assert_eq!(
            world.registration().await.webhook.unwrap().failures_in_a_row,
            failures,
            "{reaction:?}"
        );
    }
}

#[tokio::test]
async fn a_host_without_a_listener_or_without_tls_is_unreachable() {
    let world = World::new().await;
    let without_tls = world.simulator.url().replace("http://", "https://");
    for url in ["http://127.0.0.1:1/", &without_tls] {
        world.set(url, &[]).await;
        let delivery = fire(&world, EventType::PRINT_STARTED).await;
        assert!(
            matches!(delivery.end, DeliveryEnd::Unreachable { .. }),
            "{url}: {:?}",
            delivery.end
        );
    }
}

#[tokio::test]
async fn the_sixth_failure_in_a_row_disables_a_webhook_until_it_is_set_again() {
    let world = World::new().await;
    let receiver = Receiver::start(std::iter::repeat_n(Reaction::Status(500), FAILURES_BORNE as usize + 1)).await;
    let url = format!("http://{}/", receiver.address);
    world.set(&url, &[]).await;
    for _ in 0..=FAILURES_BORNE {
        assert_eq!(world.registration().await.webhook.unwrap().standing, Standing::Active);
        assert_eq!(fire(&world, EventType::PRINT_PROGRESS).await.status(), Some(500));
    }
    let delivery = fire(&world, EventType::PRINT_PROGRESS).await;
    assert_eq!(
        delivery.end,
        DeliveryEnd::NotSent {
            reason: NotSentReason::Disabled
        }
    );
    assert_eq!(
        world.call(Route::Test, None).await.unwrap().status(),
        400,
        "a test doesn't wake it"
    );
    let registration = world.registration().await;
    assert_eq!(registration.webhook.unwrap().standing, Standing::Disabled);
    assert!(registration.history.ever_inactive);

    world.set(&url, &[]).await;
    assert!(fire(&world, EventType::PRINT_PROGRESS).await.succeeded());
    assert_eq!(world.registration().await.history.lapses.len(), 1);
}

#[tokio::test]
async fn a_webhook_expires_by_the_clock_and_a_set_in_time_keeps_it() {
    let world = World::new().await;
    let receiver = Receiver::start([]).await;
    let url = format!("http://{}/", receiver.address);
    world.set(&url, &[]).await;
    world
        .control
        .advance_clock(SignedDuration::from_hours(179 * 24))
        .await
        .unwrap();
    world.set(&url, &[]).await;
    world
        .control
        .advance_clock(SignedDuration::from_hours(179 * 24))
        .await
        .unwrap();
    assert!(fire(&world, EventType::PRINT_STARTED).await.succeeded());
    let history = world.registration().await.history;
    assert!(!history.ever_inactive);
    assert!(
        (179 * 86_400..179 * 86_400 + 60).contains(&history.longest_gap_seconds),
        "{history:?}"
    );

    world
        .control
        .advance_clock(SignedDuration::from_hours(24))
        .await
        .unwrap();
    let delivery = fire(&world, EventType::PRINT_STARTED).await;
    assert_eq!(
        delivery.end,
        DeliveryEnd::NotSent {
            reason: NotSentReason::Expired
        }
    );
    let registration = world.registration().await;
    assert_eq!(registration.webhook.unwrap().standing, Standing::Expired);
    assert!(registration.history.ever_inactive);
}

#[tokio::test]
async fn a_delivery_counts_though_the_one_who_asked_for_it_went_away() {
    let world = World::new().await;
    let gate = Arc::new(Notify::new());
    let receiver = Receiver::start([Reaction::When(Arc::clone(&gate))]).await;
    world.set(&format!("http://{}/", receiver.address), &[]).await;
    tokio::select! {
        answer = world.call(Route::Test, None) => panic!("answered before the webhook: {answer:?}"),
        () = receiver.arrived() => {}
    }
    gate.notify_one();
    while world.control.deliveries(0).await.unwrap().items.is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(world.control.deliveries(0).await.unwrap().items[0].succeeded());
}

/// What Klipper tells of the default print.
const EVENTS: [i32; 18] = [1, 10, 14, 6, 6, 6, 4, 5, 6, 6, 6, 7, 6, 6, 6, 6, 2, 15];

#[tokio::test]
async fn a_print_is_played_whole_in_order_and_through_the_filter() {
    let world = World::new().await;
    let receiver = Receiver::start([]).await;
    let token = Some(world.printer.token.clone());
    let secret_key = Some("s3cret".to_owned());
    world
        .control
        .issue_printer(&NewPrinter {
            token,
            secret_key,
            ..NewPrinter::default()
        })
        .await
        .unwrap();

    let id = &world.printer.printer_id;
    for (filter, speed) in [(&[][..], 0.0), (&[1, 2], 0.0), (&[], 720_000.0)] {
        world.set(&format!("http://{}/", receiver.address), filter).await;
        let count_before = receiver.requests().len();
        let play = PlayPrint {
            speed,
            print: Plan {
                platform: Some(Platform::Klipper),
                file_name: Some("vase.3mf".into()),
                ..Plan::default()
            },
            uploads: 1,
        };
        let deliveries = world.control.play_print(id, &play).await.unwrap();
        let events: Vec<_> = deliveries.iter().filter_map(|delivery| delivery.event_type).collect();
        assert_eq!(events, EVENTS.map(EventType));
        for delivery in &deliveries {
            let wanted = filter.is_empty() || filter.contains(&delivery.event_type.unwrap().0);
            assert_eq!(delivery.succeeded(), wanted, "{delivery:?}");
        }

        let requests = receiver.requests().split_off(count_before);
        let bodies: Vec<Value> = requests
            .iter()
            .map(|request| serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap())
            .collect();
        assert_eq!(
            bodies.len(),
            if filter.is_empty() { EVENTS.len() } else { filter.len() }
        );
        for body in &bodies {
            assert_eq!(body["PrintId"], bodies[0]["PrintId"]);
            assert_eq!(
                (&body["PrinterName"], &body["SecretKey"]),
                (&json!("Ender 3"), &json!("s3cret"))
            );
            assert_eq!(
                (&body["FileName"], &body["TotalLayers"]),
                (&json!("vase.3mf"), &json!(200))
            );
        }
    }
}

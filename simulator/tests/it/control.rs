//! The control surface, by its client.

use jiff::{SignedDuration, Timestamp};
use printbell_simulator::print::Plan;
use printbell_simulator::{
    AppToken, Control, ControlError, EventType, Fault, NewPrinter, Options, PlayPrint, PrinterId, Route, Simulator,
    StartError,
};
use serde_json::json;

use crate::world::World;

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, ControlError>, status: u16, part_of_the_text: &str) {
    match result {
        Err(ControlError::Refused { status: refusal, text })
            if refusal == status && text.contains(part_of_the_text) => {}
        other => panic!("not refused with {status} {part_of_the_text:?}: {other:?}"),
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_the_reason() {
    let world = World::new().await;
    let (control, id) = (&world.control, &world.printer.printer_id);
    let nobody = PrinterId::new("nobody");
    refused(control.registration(&nobody).await, 404, "nobody");
    refused(control.calls(&nobody).await, 404, "nobody");
    refused(control.fire(&nobody, EventType::TEST).await, 404, "nobody");
    refused(control.play_print(&nobody, &PlayPrint::default()).await, 404, "nobody");
    refused(
        control
            .play_print(
                id,
                &PlayPrint {
                    speed: -1.0,
                    ..PlayPrint::default()
                },
            )
            .await,
        400,
        "speed",
    );
    for (print, reason) in [
        (
            Plan {
                seconds: 0,
                ..Plan::default()
            },
            "60 days",
        ),
        (
            Plan {
                layers: 0,
                ..Plan::default()
            },
            "layers",
        ),
        (
            Plan {
                warning_at: Some(6_001),
                ..Plan::default()
            },
            "6001 is after the end",
        ),
    ] {
        refused(control.play_print(id, &PlayPrint::of(print)).await, 400, reason);
    }
    let seven = PlayPrint {
        uploads: 7,
        ..PlayPrint::default()
    };
    refused(control.play_print(id, &seven).await, 400, "uploads");
    refused(control.fire_payload(id, "{").await, 400, "isn't JSON");
    refused(control.add_fault(&Fault::answer(99)).await, 400, "status");
    refused(control.set_clock(Timestamp::MAX).await, 400, "8999");
    refused(control.advance_clock(SignedDuration::MAX).await, 400, "8999");
    let same_id = NewPrinter {
        printer_id: Some(id.clone()),
        ..NewPrinter::default()
    };
    refused(control.issue_printer(&same_id).await, 400, "belongs to another token");

    for (path, body) in [
        ("fire", json!({"printerId": id})),
        ("fire", json!({"printerId": id, "eventType": 1, "payload": {}})),
        ("faults", json!({"route": "unknown", "ending": {"kind": "hang"}})),
        ("faults", json!({"ending": {"kind": "explode"}})),
        ("faults", json!({"times": 1})),
        ("printers", json!({"nam": "Ender"})),
        ("clock/advance", json!({"seconds": "1"})),
    ] {
        let url = format!("{}/control/{path}", world.simulator.url());
        let answer = world.http.post(url).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{path} {body}");
        assert!(answer.json::<serde_json::Value>().await.unwrap()["error"].is_string());
    }
}

#[tokio::test]
async fn a_fault_can_be_written_by_hand() {
    let world = World::new().await;
    let fault = json!({"route": "set", "times": 1, "ending": {"kind": "answer", "status": 429, "retryAfter": "9"}});
    let url = format!("{}/control/faults", world.simulator.url());
    assert_eq!(world.http.post(url).json(&fault).send().await.unwrap().status(), 200);
    let expected = Fault::answer(429).retry_after("9").on(Route::Set).times(1);
    assert_eq!(world.control.faults().await.unwrap()[0].fault, expected);
}

#[tokio::test]
async fn a_moved_clock_ticks_on_from_where_it_was_put() {
    let world = World::new().await;
    let future: Timestamp = "2100-02-28T12:00:00Z".parse().unwrap();
    world.control.set_clock(future).await.unwrap();
    let target = world
        .control
        .advance_clock(SignedDuration::from_hours(24))
        .await
        .unwrap();
    let reading = world.control.now().await.unwrap();
    assert!(reading >= target && target >= future + SignedDuration::from_hours(24));
    assert!(reading.duration_since(future) < SignedDuration::from_hours(25));
}

#[tokio::test]
async fn deliveries_can_be_followed() {
    let world = World::new().await;
    let id = &world.printer.printer_id;
    world.control.fire(id, EventType(1)).await.unwrap();
    let first = world.control.deliveries(0).await.unwrap();
    assert_eq!((first.items.len(), first.next), (1, 1));
    assert_eq!(world.control.deliveries(first.next).await.unwrap().items, []);
    world.control.play_print(id, &PlayPrint::default()).await.unwrap();
    let page = world.control.deliveries(first.next).await.unwrap();
    assert_eq!((page.items.len(), page.items[0].id, page.next), (19, 2, 20));
    assert_eq!(world.control.deliveries(page.next + 7).await.unwrap().items, []);
}

#[tokio::test]
async fn a_reset_forgets_everything() {
    let world = World::new().await;
    world.set("https://a.example/", &[]).await;
    world.control.add_fault(&Fault::hang()).await.unwrap();
    world
        .control
        .advance_clock(SignedDuration::from_hours(9_999))
        .await
        .unwrap();
    world
        .control
        .fire(&world.printer.printer_id, EventType(99))
        .await
        .unwrap();
    world.control.reset().await.unwrap();
    assert!(world.control.registrations().await.unwrap().is_empty());
    assert!(world.control.faults().await.unwrap().is_empty());
    assert_eq!(world.control.traffic().await.unwrap().calls, 0);
    assert_eq!(world.control.deliveries(0).await.unwrap().next, 0);
    assert!(
        world
            .control
            .now()
            .await
            .unwrap()
            .duration_since(Timestamp::now())
            .abs()
            < SignedDuration::from_mins(1)
    );
    assert_eq!(world.call(Route::Info, None).await.unwrap().status(), 603);
}

#[tokio::test]
async fn thousands_of_printers_are_held_apart() {
    let world = World::new().await;
    for number in 0..2_000 {
        let new = NewPrinter {
            token: Some(AppToken::new(format!("token-{number}"))),
            printer_id: Some(PrinterId::new(format!("p{number:04}"))),
            ..NewPrinter::default()
        };
        world.control.issue_printer(&new).await.unwrap();
        let body = json!({"WebhookUrl": format!("https://a.example/?printerRef={number}")});
        let answer = world
            .call_as(&format!("token-{number}"), Route::Set, Some(body))
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    }
    let registrations = world.control.registrations().await.unwrap();
    assert_eq!(registrations.len(), 2_000);
    for (number, registration) in registrations.iter().enumerate() {
        let webhook = registration.webhook.as_ref().unwrap();
        assert_eq!(webhook.url, format!("https://a.example/?printerRef={number}"));
    }
}

#[tokio::test]
async fn a_simulator_ends_with_its_handle_and_a_taken_port_is_told() {
    let world = World::new().await;
    let listen = world.simulator.url().strip_prefix("http://").unwrap().parse().unwrap();
    let second = Simulator::start(Options {
        listen,
        ..Options::default()
    })
    .await;
    assert!(matches!(second, Err(StartError::PortInUse(address)) if address == listen));

    let control = Control::new(&world.simulator.url());
    control.now().await.unwrap();
    drop(world);
    while control.now().await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(control.now().await, Err(ControlError::Unreachable { .. })));
}

//! Prints and single events, as each platform tells them.

use printbell_simulator::print::{End, Numbers, Plan, Platform};
use printbell_simulator::{Delivery, EventType, NewPrinter, PlayPrint, PrinterId};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::world::World;

fn bodies(deliveries: &[Delivery]) -> Vec<Value> {
    let body = |delivery: &Delivery| serde_json::from_str(&delivery.body).unwrap();
    deliveries.iter().map(body).collect()
}

async fn printer(world: &World, platform: Platform, numbers: Numbers) -> PrinterId {
    let printer = NewPrinter {
        platform: Some(platform),
        numbers: Some(numbers),
        ..NewPrinter::default()
    };
    world.control.issue_printer(&printer).await.unwrap().printer_id
}

#[tokio::test]
async fn a_failed_print_is_told_in_the_words_of_the_printers_platform() {
    let world = World::new().await;
    for (platform, end, event, error, code) in [
        (Platform::OctoPrint, End::Cancel, 3, Some("cancelled"), "PrintFailed"),
        (Platform::OctoPrint, End::Failure, 3, Some("error"), "PrintFailed"),
        (Platform::Klipper, End::Cancel, 3, None, "cancelled"),
        (Platform::Klipper, End::Failure, 9, Some("Move out of range"), "error"),
        (
            Platform::Bambu,
            End::Cancel,
            3,
            Some("Printing was cancelled."),
            "0500400E",
        ),
        (
            Platform::Bambu,
            End::Failure,
            3,
            Some("Z axis homing failed; the task has been stopped."),
            "03004000",
        ),
        (
            Platform::Elegoo,
            End::Cancel,
            3,
            None,
            "CurrentStatus=0;PrintInfoStatus=8",
        ),
        (
            Platform::ElegooCc2,
            End::Cancel,
            3,
            Some("Stopping"),
            "machine_status=2;sub_status=2503",
        ),
        (
            Platform::PrusaLink,
            End::Cancel,
            3,
            None,
            "printer_state=STOPPED;job_state=STOPPED",
        ),
        (
            Platform::PrusaLink,
            End::Failure,
            9,
            Some("Heatbed thermal runaway"),
            "printer_state=ERROR;job_state=ERROR",
        ),
    ] {
        let id = printer(&world, platform, Numbers::Whole).await;
        let print = Plan { end, ..Plan::default() };
        let deliveries = world.control.play_print(&id, &PlayPrint::of(print)).await.unwrap();
        let bodies = bodies(&deliveries);
        // The last but one: the bed cools down after it.
        let body = &bodies[bodies.len() - 2];
        assert_eq!(
            (&body["EventType"], &body["Error"], &body["PlatformErrorCode"]),
            (&json!(event), &json!(error), &json!(code)),
            "{platform:?} {end:?}"
        );
    }
}

#[tokio::test]
async fn a_cancel_fired_by_itself_is_one_of_the_platforms() {
    let world = World::new().await;
    for platform in Platform::ALL {
        let id = printer(&world, platform, Numbers::Text).await;
        let delivery = world.control.fire(&id, EventType::PRINT_FAILED).await.unwrap();
        let body = &bodies(&[delivery])[0];
        let cancel = platform.cancels()[0];
        assert_eq!(
            (&body["Error"], &body["PlatformErrorCode"], &body["Progress"]),
            (&json!(cancel.error), &json!(cancel.code), &json!("62.5")),
            "{platform:?}"
        );
        assert_eq!(body["PrintId"].as_str().unwrap().len(), 60);
    }
}

#[tokio::test]
async fn each_upload_of_a_notification_has_another_picture_and_nothing_else() {
    let world = World::new().await;
    let receiver = Receiver::start([]).await;
    world.set(&format!("http://{}/", receiver.address), &[]).await;
    let twice = PlayPrint {
        uploads: 2,
        ..PlayPrint::default()
    };
    let deliveries = world
        .control
        .play_print(&world.printer.printer_id, &twice)
        .await
        .unwrap();
    assert_eq!((deliveries.len(), receiver.requests().len()), (38, 38));
    for pair in bodies(&deliveries).chunks(2) {
        assert_ne!(pair[0]["SnapshotUrl"], pair[1]["SnapshotUrl"]);
        let mut second = pair[1].clone();
        second["SnapshotUrl"] = pair[0]["SnapshotUrl"].clone();
        assert_eq!(pair[0], second);
    }
}

#[tokio::test]
async fn two_errors_of_an_idle_printer_are_equal_to_the_byte() {
    let world = World::new().await;
    let id = printer(&world, Platform::PrusaLink, Numbers::Text).await;
    let fire = || world.control.fire(&id, EventType::PRINTER_ERROR);
    let (one, other) = (fire().await.unwrap(), fire().await.unwrap());
    assert_eq!(one.body, other.body);
    let body = &bodies(&[one])[0];
    assert_eq!((&body["PrintId"], &body["DurationSec"]), (&Value::Null, &json!("0.0")));
}

#[tokio::test]
async fn a_plan_can_be_written_by_hand() {
    let world = World::new().await;
    let play = json!({"print": {
        "platform": "elegooCc2",
        "numbers": "text",
        "seconds": 600,
        "fileName": null,
        "remaining": "unknown",
        "pauses": [{"at": 60, "seconds": 5, "cause": "gadget"}],
        "warningAt": null,
        "errorAt": 300,
        "end": "silence",
    }});
    let url = format!(
        "{}/control/printers/{}/play",
        world.simulator.url(),
        world.printer.printer_id
    );
    let answer = world.http.post(url).json(&play).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let items: Vec<Delivery> = serde_json::from_value(answer.json::<Value>().await.unwrap()["items"].take()).unwrap();
    let bodies = bodies(&items);
    let events: Vec<_> = bodies.iter().map(|body| body["EventType"].as_i64().unwrap()).collect();
    assert_eq!(events, [1, 10, 14, 6, 8, 5, 6, 6, 6, 6, 9]);
    let last = bodies.last().unwrap();
    assert_eq!(
        (&last["FileName"], &last["TimeRemainingSec"], &last["PlatformErrorCode"]),
        (&json!("None"), &json!("-1"), &json!("connection_lost"))
    );
}

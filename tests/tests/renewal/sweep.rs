//! What differs from what the stack says, or may have been switched off, is set again by itself.

use std::time::Duration;

use jiff::SignedDuration;
use printbell_harness::runtime_api::{Function, Launch};
use printbell_simulator::{EventType, Fault, Route, Standing};
use serde_json::{Value, json};
use tokio::task::spawn_local;

use crate::world::{MINUTE, Printer, World, on_the_stack};

const NEW_URL: &str = "https://new.example.com";

#[tokio::test]
async fn a_new_public_url_reaches_every_webhook_while_the_old_configuration_is_still_at_work() {
    on_the_stack(async |world: World| {
        let mut printers = Vec::new();
        for number in 0..60 {
            printers.push(world.registered(&format!("p{number:02}")).await);
        }
        world.allow_calls("200").await;
        // A run of the old configuration, with half of them to renew, each of which takes a moment.
        for printer in &printers[..30] {
            world.make_due(printer).await;
        }
        let slow = Fault::delay(Duration::from_secs(2)).on(Route::Set);
        world.control.add_fault(&slow).await.unwrap();
        let before = world.control.traffic().await.unwrap().calls;
        // The emulator ends what runs when it is configured anew, and Lambda doesn't: so this one is started as Lambda would.
        let old = world.renew_by_itself().await;
        let old = spawn_local(async move { old.call_within(Duration::from_secs(120), "{}").await.json().unwrap() });
        while world.control.traffic().await.unwrap().calls < before + 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        world.set_environment(&[("PUBLIC_URL", Some(NEW_URL))]).await;
        // Meanwhile somebody registers and updates; and the new configuration has its first run, which waits for the old one's.
        let fresh = world.registered("fresh").await;
        world.put(&printers[40], json!({"eventTypes": [1, 2]})).await;
        let new = world.clone();
        let new = spawn_local(async move { new.run().await });
        let report = old.await.unwrap();
        assert_eq!(report["renewed"], 30, "{report}");
        let report = new.await.unwrap();
        assert_eq!(
            (&report["sweeps"], &report["swept"]),
            (&json!(1), &json!(0)),
            "{report}"
        );
        world.control.clear_faults().await.unwrap();
        printers.push(fresh);

        // Twenty minutes later no run of the old configuration can be alive.
        world.advance(MINUTE * 19).await;
        assert_eq!(world.run().await["swept"], 0);
        world.advance(MINUTE * 2).await;
        let report = world.run().await;
        assert_eq!(
            (&report["sweeps"], &report["sweepFailed"]),
            (&json!(0), &json!(0)),
            "{report}"
        );
        for (number, printer) in printers.iter().enumerate() {
            assert!(url(&world, printer).await.starts_with(NEW_URL), "{number}");
            // Registered; renewed by the old run; updated, under the new URL already; and swept.
            let sets = match number {
                0..30 => 3,
                60 => 1,
                _ => 2,
            };
            assert_eq!(world.history(printer).await.sets, sets, "{number}");
        }
        let report = world.run().await;
        assert_eq!(
            (&report["swept"], &report["renewed"]),
            (&json!(0), &json!(0)),
            "{report}"
        );
    })
    .await;
}

#[tokio::test]
async fn webhooks_that_an_outage_got_switched_off_are_on_again_by_themselves() {
    on_the_stack(async |world: World| {
        let mut printers = Vec::new();
        for number in 0..40 {
            printers.push(world.registered(&format!("p{number:02}")).await);
        }
        world.allow_calls("100").await;
        // Neither way out works for an hour, and every printer has something to tell every ten minutes.
        let nowhere = [
            ("TOPIC_ARN", Some("arn:aws:sns:eu-central-1:000000000000:gone")),
            ("FALLBACK_QUEUE_URL", Some("http://127.0.0.1:9/gone")),
        ];
        world.stack.set_environment("webhook", &nowhere).await.unwrap();
        for _ in 0..6 {
            world.advance(MINUTE * 10).await;
            let deliveries = printers
                .iter()
                .map(|printer| world.control.fire(&printer.id, EventType::PRINT_STARTED));
            futures::future::join_all(deliveries).await;
        }
        let outputs = &world.stack.outputs;
        let right = [
            ("TOPIC_ARN", Some(&*outputs.topic_arn)),
            ("FALLBACK_QUEUE_URL", Some(&*outputs.fallback_queue_url)),
        ];
        world.stack.set_environment("webhook", &right).await.unwrap();
        for printer in &printers {
            assert_eq!(standing(&world, printer).await, Standing::Disabled);
        }
        // Nothing is due, and OctoEverywhere tells nobody.
        let report = world.run().await;
        assert_eq!((&report["due"], &report["swept"]), (&json!(0), &json!(0)), "{report}");

        // The emulator runs no alarm's action: this is the event that it would send.
        let answer = world.invoke(alarm("ALARM", "OK")).await;
        let hours = answer["sweep"]["hours"].as_f64().unwrap();
        assert!(
            answer["sweep"]["rows"].as_u64().unwrap() >= 40 && hours > 0.0,
            "{answer}"
        );
        let began = tokio::time::Instant::now();
        let report = world.run().await;
        assert_eq!(
            (&report["sweeps"], &report["sweepFailed"]),
            (&json!(0), &json!(0)),
            "{report}"
        );
        // A step of a hundredth of an hour, and what the emulator takes for the writes.
        let allowed = SignedDuration::from_secs_f64(hours * 3600.0 + 60.0);
        assert!(
            began.elapsed() < allowed.unsigned_abs(),
            "{:?} {answer}",
            began.elapsed()
        );
        for printer in &printers {
            assert_eq!(standing(&world, printer).await, Standing::Active);
            assert_eq!(world.history(printer).await.sets, 2);
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_alarm_that_is_well_asks_for_nothing() {
    on_the_stack(async |world: World| {
        let printer = world.registered("p1").await;
        world.run().await;
        for (previous, state) in [
            ("INSUFFICIENT_DATA", "OK"),
            ("OK", "ALARM"),
            ("ALARM", "INSUFFICIENT_DATA"),
        ] {
            assert_eq!(world.invoke(alarm(previous, state)).await, json!({}));
        }
        world.run().await;
        assert_eq!(world.history(&printer).await.sets, 1);
    })
    .await;
}

fn alarm(previous: &str, state: &str) -> Value {
    json!({
        "source": "aws.cloudwatch", "alarmArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:CallbacksFailing",
        "accountId": "000000000000", "time": "2026-11-26T08:00:00.000+0000", "region": "us-east-1",
        "alarmData": {
            "alarmName": "CallbacksFailing",
            "state": {"value": state, "reason": "Threshold Crossed", "timestamp": "2026-11-26T08:00:00.000+0000"},
            "previousState": {"value": previous, "reason": "Threshold Crossed", "timestamp": "2026-11-26T07:00:00.000+0000"},
            "configuration": {"metrics": []},
        },
    })
}

impl World {
    /// Renew's own binary, as it is configured now, which the emulator doesn't know of.
    async fn renew_by_itself(&self) -> Function {
        let variables = self.aws.environment(self.renew()).await.unwrap();
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned()));
        let launch = Launch::deployed("renew", &[]).unwrap().envs(variables);
        let launch = launch
            .env("AWS_ENDPOINT_URL", &self.stack.endpoint)
            .env("AWS_REGION", &self.stack.region)
            .env("AWS_ACCESS_KEY_ID", &self.stack.owner.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.stack.owner.secret_access_key)
            .without("AWS_SESSION_TOKEN");
        launch.start().await.unwrap()
    }
}

async fn url(world: &World, printer: &Printer) -> String {
    world
        .control
        .registration(&printer.id)
        .await
        .unwrap()
        .webhook
        .unwrap()
        .url
}

async fn standing(world: &World, printer: &Printer) -> Standing {
    world
        .control
        .registration(&printer.id)
        .await
        .unwrap()
        .webhook
        .unwrap()
        .standing
}

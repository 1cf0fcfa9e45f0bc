//! What OctoEverywhere and Lambda may do to a renewal.

use std::time::Duration;

use printbell_simulator::{Fault, Route, Standing};
use serde_json::{Value, json};

use crate::subscription::Subscription;
use crate::world::{DAY, HOUR, MINUTE, World, eventually, on_the_stack};

#[tokio::test]
async fn an_owner_who_is_no_supporter_any_more_is_suspended_and_comes_back() {
    on_the_stack(async |world: World| {
        let printer = world.registered("p1").await;
        let fault = world
            .control
            .add_fault(&Fault::answer(605).for_printer(&printer.id))
            .await
            .unwrap();
        world.until_due(&printer).await;
        for _ in 0..3 {
            world.run().await;
            let shown = world.get(&printer).await;
            assert_eq!(
                (&shown["status"], &shown["lastError"]["code"]),
                (&json!("suspended"), &json!(605)),
                "{shown}"
            );
            let wait = world.until_due(&printer).await;
            assert!((DAY * 8 / 10..=DAY * 12 / 10).contains(&wait), "{wait}");
        }
        world.control.clear_fault(fault.id).await.unwrap();
        world.run().await;
        let shown = world.get(&printer).await;
        assert_eq!(
            (&shown["status"], &shown["lastError"]),
            (&json!("active"), &Value::Null)
        );
        assert!(!world.history(&printer).await.ever_inactive);
    })
    .await;
}

#[tokio::test]
async fn a_604_is_believed_after_three_of_them_over_a_day_and_the_topic_is_told() {
    on_the_stack(async |world: World| {
        let topic = Subscription::new(&world).await;
        let printer = world.registered("p1").await;
        world
            .control
            .add_fault(&Fault::answer(604).for_printer(&printer.id))
            .await
            .unwrap();
        world.until_due(&printer).await;
        let first = world.now().await;
        let mut refusals = 0;
        while world.get(&printer).await["status"] != "revoked" {
            world.run().await;
            refusals += 1;
            assert!(refusals < 20);
            if world.get(&printer).await["status"] == "active" {
                world.until_due(&printer).await;
            }
        }
        let took = world.now().await.duration_since(first);
        assert!(refusals >= 3 && took >= DAY - MINUTE, "{refusals} in {took}");
        let events = topic.receive(2).await;
        assert_eq!(events, ["p1 active", "p1 revoked"]);

        // It may have been a mistake: it is tried weekly, until the webhook would have expired.
        let wait = world.until_due(&printer).await;
        assert!((DAY * 7 * 8 / 10..=DAY * 7 * 12 / 10).contains(&wait), "{wait}");
        world.run().await;
        assert_eq!(world.get(&printer).await["status"], "revoked");
        world.advance(DAY * 200).await;
        world.run().await;
        let row = world.row(&printer).await;
        assert!(row.get("dueAt").is_none() && row.get("dueShard").is_none(), "{row}");
    })
    .await;
}

#[tokio::test]
async fn retry_after_is_honoured() {
    on_the_stack(async |world: World| {
        let printer = world.registered("p1").await;
        let busy = Fault::answer(429)
            .retry_after("7200")
            .on(Route::Set)
            .for_printer(&printer.id)
            .times(1);
        world.control.add_fault(&busy).await.unwrap();
        world.make_due(&printer).await;
        world.run().await;
        assert_eq!(world.get(&printer).await["lastError"]["code"], 429);
        world.advance(HOUR * 2 - MINUTE).await;
        world.run().await;
        assert_eq!(world.sets_asked(&printer).await, 2);
        world.advance(MINUTE * 2).await;
        world.run().await;
        let shown = world.get(&printer).await;
        assert_eq!((world.sets_asked(&printer).await, &shown["attempts"]), (3, &json!(0)));
    })
    .await;
}

#[tokio::test]
async fn a_hanging_octoeverywhere_costs_a_call_and_no_other_registration_anything() {
    on_the_stack(async |world: World| {
        let (hanging, well) = (world.registered("p1").await, world.registered("p2").await);
        world
            .control
            .add_fault(&Fault::hang().for_printer(&hanging.id))
            .await
            .unwrap();
        for printer in [&hanging, &well] {
            world.make_due(printer).await;
        }
        let began = tokio::time::Instant::now();
        world.run().await;
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        let shown = world.get(&hanging).await;
        let message = shown["lastError"]["message"].as_str().unwrap();
        assert!(
            message.contains("no answer in time") && shown["status"] == "active",
            "{shown}"
        );
        assert_eq!(
            (world.history(&well).await.sets, &world.get(&well).await["attempts"]),
            (2, &json!(0))
        );
        world.control.clear_faults().await.unwrap();
        let wait = world.until_due(&hanging).await;
        assert!(wait <= MINUTE * 12 / 10, "{wait}");
        world.run().await;
        assert_eq!(world.get(&hanging).await["attempts"], 0);
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    on_the_stack(async |world: World| {
        // How many answers are lost; what the PUT answers; and how many calls it takes.
        for (name, lost, expected, status, sets) in [("p1", 1, 201, "active", 2), ("p2", 2, 202, "pending", 3)] {
            let printer = world.issue(name).await;
            world
                .control
                .add_fault(&Fault::lose_answer().for_printer(&printer.id).times(lost))
                .await
                .unwrap();
            let (code, shown) = world
                .put(&printer, json!({"appToken": printer.token, "eventTypes": [2]}))
                .await;
            assert_eq!((code, &shown["status"]), (expected, &json!(status)), "{shown}");
            if expected == 202 {
                world.until_due(&printer).await;
                world.run().await;
            }
            assert_eq!(
                (world.history(&printer).await.sets, &world.get(&printer).await["status"]),
                (sets, &json!("active"))
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_run_that_is_killed_in_the_middle_is_finished_by_the_next() {
    on_the_stack(async |world: World| {
        let mut printers = Vec::new();
        for number in 0..12 {
            let printer = world.registered(&format!("p{number}")).await;
            let slow = Fault::delay(Duration::from_secs(3)).for_printer(&printer.id).times(1);
            world.control.add_fault(&slow).await.unwrap();
            printers.push(printer);
        }
        for printer in &printers {
            world.make_due(printer).await;
        }
        let killer = async {
            eventually("calls under way", async || {
                (world.control.traffic().await.unwrap().in_flight >= 6).then_some(())
            })
            .await;
            kill(world.renew());
        };
        let event = json!({});
        let (invoked, ()) = tokio::join!(world.aws.invoke(world.renew(), &event), killer);
        assert!(!matches!(invoked, Ok(Ok(_))), "{invoked:?}");
        // The leases end with the invocation that held them, 15 minutes later at most, and a minute for clocks that differ.
        world.advance(MINUTE * 17).await;
        world.run().await;
        for printer in &printers {
            let shown = world.get(printer).await;
            assert_eq!(
                (&shown["status"], &shown["attempts"]),
                (&json!("active"), &json!(0)),
                "{shown}"
            );
            let row = world.row(printer).await;
            assert!(row.get("lease").is_none(), "{row}");
            let history = world.history(printer).await;
            assert!(history.sets >= 2 && history.max_calls_in_flight == 1, "{history:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_filter_that_changes_during_a_renewal_wins() {
    on_the_stack(async |world: World| {
        let printer = world.registered("p1").await;
        world.make_due(&printer).await;
        let slow = Fault::delay(Duration::from_secs(3)).for_printer(&printer.id).times(1);
        world.control.add_fault(&slow).await.unwrap();
        let change = async {
            eventually("the renewal's call", async || {
                (world.control.traffic().await.unwrap().in_flight >= 1).then_some(())
            })
            .await;
            world.put(&printer, json!({"eventTypes": [7, 8]})).await
        };
        let (_, (status, shown)) = tokio::join!(world.run(), change);
        assert_eq!((status, &shown["eventTypes"]), (200, &json!([7, 8])), "{shown}");
        let state = world.control.registration(&printer.id).await.unwrap();
        let webhook = state.webhook.unwrap();
        let filter = serde_json::to_value(&webhook.filter).unwrap();
        assert_eq!((filter, state.history.max_calls_in_flight), (json!([7, 8]), 1));
        assert_eq!(webhook.standing, Standing::Active);
    })
    .await;
}

/// Kills the process of a function, as Lambda may at any time.
fn kill(function: &str) {
    let name = format!("AWS_LAMBDA_FUNCTION_NAME={function}\0");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let ours = processes.filter(|process| {
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        environment.windows(name.len()).any(|part| part == name.as_bytes())
    });
    let pids: Vec<_> = ours.map(|process| process.file_name()).collect();
    assert!(!pids.is_empty(), "no process runs {function}");
    let killed = std::process::Command::new("kill")
        .arg("-9")
        .args(&pids)
        .status()
        .unwrap();
    assert!(killed.success());
}

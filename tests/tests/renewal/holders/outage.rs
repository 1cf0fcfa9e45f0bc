//! Weeks in which OctoEverywhere refuses everybody, or the topic can't be told.

use jiff::SignedDuration;
use printbell_simulator::{Fault, Route};
use serde_json::{Value, json};

use crate::subscription::Subscription;
use crate::world::{DAY, HOUR, MINUTE, World, on_the_stack};

#[tokio::test]
async fn a_week_of_refusals_for_everybody_costs_nobody_a_registration() {
    on_the_stack(async |world: World| {
        let mut printers = Vec::new();
        for number in 0..30 {
            printers.push(world.registered(&format!("p{number}")).await);
        }
        let fault = Fault::answer(604).on(Route::Set);
        world.control.add_fault(&fault).await.unwrap();
        for printer in &printers {
            world.make_due(printer).await;
        }
        // Longer than the longest wait, so that all of them are due in each run.
        let step = HOUR * 30;
        let mut walked = SignedDuration::ZERO;
        while walked < DAY * 8 {
            let report = world.run().await;
            assert_eq!(world.get(&printers[0]).await["status"], "active", "after {walked}");
            assert!(report["due"].as_u64() >= Some(30), "{report}");
            world.advance(step).await;
            walked += step;
        }
        for printer in &printers {
            let shown = world.get(printer).await;
            assert_eq!(
                (&shown["status"], &shown["lastError"]["code"]),
                (&json!("active"), &json!(604)),
                "{shown}"
            );
        }
        world.control.clear_faults().await.unwrap();
        world.run().await;
        for printer in &printers {
            let shown = world.get(printer).await;
            assert_eq!(
                (&shown["status"], &shown["lastError"]),
                (&json!("active"), &Value::Null),
                "{shown}"
            );
        }
        world.the_simulator_holds_what_the_table_says().await;
    })
    .await;
}

#[tokio::test]
async fn a_topic_without_permission_for_two_months_costs_no_renewal_and_hears_the_newest_afterwards() {
    on_the_stack(async |world: World| {
        let topic = Subscription::new(&world).await;
        // The roles may publish to no other topic, and there is no such one.
        let nowhere = format!("{}-nowhere", world.stack.outputs.topic_arn);
        world.set_environment(&[("TOPIC_ARN", Some(&nowhere))]).await;
        let mut printers = Vec::new();
        for number in 0..5 {
            printers.push(world.registered(&format!("p{number}")).await);
        }
        let suspended = Fault::answer(605).on(Route::Set).for_printer(&printers[0].id);
        world.control.add_fault(&suspended).await.unwrap();
        let (step, mut walked) = (DAY * 5, SignedDuration::ZERO);
        while walked < DAY * 65 {
            world.advance(step).await;
            walked += step;
            world.run().await;
        }
        for printer in &printers[1..] {
            let history = world.history(printer).await;
            assert!(history.sets >= 3 && !history.ever_inactive, "{history:?}");
            assert!(
                history.longest_gap_seconds <= (DAY * 31 + step).as_secs(),
                "{history:?}"
            );
        }
        let real = world.stack.outputs.topic_arn.as_str();
        world.set_environment(&[("TOPIC_ARN", Some(real))]).await;
        world.advance(DAY + MINUTE).await;
        world.run().await;
        let mut events = topic.receive(5).await;
        events.sort();
        assert_eq!(
            events,
            ["p0 suspended", "p1 active", "p2 active", "p3 active", "p4 active"]
        );
    })
    .await;
}

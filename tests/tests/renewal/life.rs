//! Registrations over months, and what an operator does to them.

use jiff::SignedDuration;
use printbell_simulator::Standing;
use serde_json::{Value, json};

use crate::world::{DAY, HOUR, Printer, World, eventually, on_the_stack};

#[tokio::test]
async fn no_webhook_is_ever_inactive_in_half_a_year() {
    on_the_stack(async |world: World| {
        let mut printers = Vec::new();
        for number in 0..100 {
            printers.push(world.registered(&format!("p{number}")).await);
        }
        // Some more than the lifetime, so that each has to be renewed at least once, and what was renewed early again.
        let (step, walk) = (HOUR * 60, DAY * 185);
        let mut walked = SignedDuration::ZERO;
        let mut busiest = 0;
        while walked < walk {
            world.advance(step).await;
            walked += step;
            let report = world.run().await;
            assert_eq!(
                (&report["temporary"], &report["leftOver"]),
                (&json!(0), &json!(0)),
                "{report}"
            );
            busiest = busiest.max(report["renewed"].as_u64().unwrap());
        }
        for printer in &printers {
            let state = world.control.registration(&printer.id).await.unwrap();
            let webhook = state.webhook.unwrap();
            assert_eq!(webhook.standing, Standing::Active);
            assert!(
                state.history.sets >= 2 && !state.history.ever_inactive,
                "{:?}",
                state.history
            );
            assert!(
                state.history.longest_gap_seconds <= (DAY * 31 + step).as_secs(),
                "{:?}",
                state.history
            );
        }
        // All were registered within minutes. Evenly spread, 100 over 30 days are 8 in 60 hours.
        assert!(busiest <= 25, "{busiest}");
    })
    .await;
}

#[tokio::test]
async fn a_row_that_is_written_by_hand_is_picked_up() {
    on_the_stack(async |world: World| {
        let printer = world.issue("by-hand").await;
        world.write_by_hand(&printer).await;
        eventually("the row by hand, renewed", async || {
            (world.history(&printer).await.sets == 1 && world.get(&printer).await["status"] == "active").then_some(())
        })
        .await;
        assert!(world.row(&printer).await.get("dueShard").is_some());
    })
    .await;
}

#[tokio::test]
async fn a_reapplication_reaches_every_registration_of_a_tenant() {
    on_the_stack(async |world: World| {
        let (first, second) = (world.registered("p1").await, world.registered("p2").await);
        let reapply = json!({"reapply": {"tenantId": world.tenant}});
        let answer = world.invoke(reapply).await;
        assert_eq!(answer["sweep"]["rows"], 2, "{answer}");
        world.advance(SignedDuration::from_secs(2)).await;
        world.run().await;
        for printer in [&first, &second] {
            assert_eq!(world.history(printer).await.sets, 2);
        }
    })
    .await;
}

#[tokio::test]
async fn a_registration_is_listed_tested_renewed_and_deleted() {
    on_the_stack(async |world: World| {
        let printer = world.registered("p1").await;
        let path = format!("/registrations/{}?status=active", world.tenant);
        let list = world.api.call(http::Method::GET, &path, &Value::Null).await.unwrap();
        assert_eq!(list.json().unwrap()["items"], json!([world.get(&printer).await]));
        let post = async |printer: &Printer, what| world.call(http::Method::POST, printer, what, Value::Null).await;
        assert_eq!(post(&printer, "/test").await.0, 200);
        assert_eq!(post(&printer, "/renew").await.0, 200);
        assert_eq!(world.history(&printer).await.sets, 2);
        for _ in 0..2 {
            assert_eq!(world.call(http::Method::DELETE, &printer, "", Value::Null).await.0, 204);
        }
        assert_eq!(world.call(http::Method::GET, &printer, "", Value::Null).await.0, 404);
        assert!(world.control.registration(&printer.id).await.unwrap().webhook.is_none());
    })
    .await;
}

//! A printer that is connected again: another token on the same registration, of the same App Connection or of another one, for
//! which of them the portal gives isn't documented.

use http::Method;
use jiff::SignedDuration;
use printbell_simulator::{Fault, Route, Standing};
use serde_json::{Value, json};

use crate::world::{DAY, Printer, World, on_the_stack};

#[tokio::test]
async fn a_printer_that_is_connected_again_has_one_webhook_and_a_delete_leaves_none() {
    on_the_stack(async |world: World| {
        for (before, after) in reconnections(&world).await {
            let (status, shown) = reconnect(&world, &before, &after).await;
            assert_eq!((status, &shown["status"]), (200, &json!("active")), "{shown}");
            assert!(world.row(&after).await.get("oldTokens").is_none());
            world.the_simulator_holds_what_the_table_says().await;
            delete(&world, &after).await;
        }
    })
    .await;
}

#[tokio::test]
async fn going_back_to_the_first_token_keeps_its_webhook() {
    on_the_stack(async |world: World| {
        for (before, after) in reconnections(&world).await {
            deletes_fail(&world, &before).await;
            reconnect(&world, &before, &after).await;
            let (_, shown) = world
                .put(&before, json!({"appToken": before.token, "eventTypes": [3]}))
                .await;
            assert_eq!(shown["eventTypes"], json!([3]), "{shown}");
            world.control.clear_faults().await.unwrap();
            world.until_due(&before).await;
            world.run().await;
            let row = world.row(&before).await;
            assert!(row.get("oldTokens").is_none() && row["appToken"]["S"] == json!(before.token));
            world.the_simulator_holds_what_the_table_says().await;
            delete(&world, &before).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_delete_takes_along_the_tokens_whose_webhooks_could_not_be_deleted() {
    on_the_stack(async |world: World| {
        for (before, after) in reconnections(&world).await {
            deletes_fail(&world, &before).await;
            let (status, shown) = reconnect(&world, &before, &after).await;
            assert_eq!((status, &shown["eventTypes"]), (202, &json!([2])), "{shown}");
            assert_eq!(
                world.row(&after).await["oldTokens"]["L"].as_array().map(Vec::len),
                Some(1)
            );
            world.control.clear_faults().await.unwrap();
            delete(&world, &after).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_whose_webhook_can_not_be_deleted_is_kept_until_that_has_expired() {
    on_the_stack(async |world: World| {
        let reconnections = reconnections(&world).await;
        for (before, after) in &reconnections {
            deletes_fail(&world, before).await;
            reconnect(&world, before, after).await;
        }
        let (step, mut walked) = (DAY * 16, SignedDuration::ZERO);
        while walked < DAY * 180 {
            for (_, after) in &reconnections {
                assert!(world.row(after).await.get("oldTokens").is_some());
                let webhook = world.control.registration(&after.id).await.unwrap().webhook.unwrap();
                assert_eq!(webhook.standing, Standing::Active);
            }
            world.advance(step).await;
            walked += step;
            world.run().await;
        }
        world.the_simulator_holds_what_the_table_says().await;
        world.control.clear_faults().await.unwrap();
        for (_, after) in &reconnections {
            let row = world.row(after).await;
            assert!(
                row.get("oldTokens").is_none() && row["status"]["S"] == "active",
                "{row}"
            );
            delete(&world, after).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_delete_while_an_update_is_pending_leaves_nothing() {
    on_the_stack(async |world: World| {
        for (before, after) in reconnections(&world).await {
            let lost = Fault::lose_answer().on(Route::Set).for_printer(&after.id);
            world.put(&before, json!({"appToken": before.token})).await;
            world.control.add_fault(&lost).await.unwrap();
            let (status, shown) = world.put(&after, json!({"appToken": after.token})).await;
            assert_eq!(status, 202, "{shown}");
            let down = Fault::answer(600).on(Route::Delete);
            world.control.add_fault(&down).await.unwrap();
            let (status, shown) = world.call(Method::DELETE, &after, "", Value::Null).await;
            assert_eq!((status, &shown["status"]), (202, &json!("deleting")), "{shown}");
            world.control.clear_faults().await.unwrap();
            world.until_due(&after).await;
            world.run().await;
            assert_eq!(world.call(Method::GET, &after, "", Value::Null).await.0, 404);
            world.the_simulator_holds_what_the_table_says().await;
        }
    })
    .await;
}

/// What going through the portal again may come to: the printer before and after.
async fn reconnections(world: &World) -> [(Printer, Printer); 2] {
    let (one, two) = (
        world.issue("one-connection").await,
        world.issue("two-connections").await,
    );
    let (again, anew) = (world.issue_another(&one).await, world.issue(&two.reference).await);
    [(one, again), (two, anew)]
}

/// Registers the printer, and then once more with its new token.
async fn reconnect(world: &World, before: &Printer, after: &Printer) -> (u16, Value) {
    let (status, shown) = world
        .put(before, json!({"appToken": before.token, "eventTypes": [1]}))
        .await;
    assert_eq!(status, 201, "{shown}");
    let wish = json!({"appToken": after.token, "eventTypes": [2], "metadata": {"room": "lab"}});
    world.put(after, wish).await
}

async fn deletes_fail(world: &World, printer: &Printer) {
    let failing = Fault::answer(500).on(Route::Delete).for_printer(&printer.id);
    world.control.add_fault(&failing).await.unwrap();
}

async fn delete(world: &World, printer: &Printer) {
    let (status, shown) = world.call(Method::DELETE, printer, "", Value::Null).await;
    assert_eq!(status, 204, "{shown}");
    world.the_simulator_holds_what_the_table_says().await;
}

//! What a person writes into the tables, or takes out of them.

use serde_json::json;

use crate::subscription::Subscription;
use crate::world::{Printer, World, eventually, on_the_stack};

#[tokio::test]
async fn of_two_rows_by_hand_with_one_token_one_is_active_and_one_replaced() {
    on_the_stack(async |world: World| {
        let first = world.issue("first").await;
        let second = first.renamed("second");
        for printer in [&first, &second] {
            world.write_by_hand(printer).await;
        }
        eventually("one of two rows by hand, renewed", async || {
            world.run().await;
            let mut statuses = [status(&world, &first).await, status(&world, &second).await];
            statuses.sort();
            (statuses == ["active", "replaced"]).then_some(())
        })
        .await;
        world.the_simulator_holds_what_the_table_says().await;
    })
    .await;
}

#[tokio::test]
async fn a_row_by_hand_with_another_tenant_s_token_is_replaced_and_the_topic_is_told() {
    on_the_stack(async |world: World| {
        let topic = Subscription::new(&world).await;
        let printer = world.registered("held").await;
        let (other, copy) = (world.another_tenant(), printer.renamed("copy"));
        other.write_by_hand(&copy).await;
        let shown = eventually("the row by hand, replaced", async || {
            world.run().await;
            let shown = other.get(&copy).await;
            (shown["status"] == "replaced").then_some(shown)
        })
        .await;
        let message = shown["lastError"]["message"].as_str().unwrap();
        assert!(
            message.contains("another tenant") && !message.contains("held"),
            "{shown}"
        );
        assert_eq!(other.row(&copy).await.get("appToken"), None);
        assert_eq!(world.history(&printer).await.sets, 1);
        world.the_simulator_holds_what_the_table_says().await;
        let mut events = topic.receive(2).await;
        events.sort();
        assert_eq!(events, ["copy replaced", "held active"]);
    })
    .await;
}

#[tokio::test]
async fn who_holds_what_is_made_again_by_the_renewals_when_it_is_lost() {
    on_the_stack(async |world: World| {
        let mut printers = Vec::new();
        for number in 0..5 {
            printers.push(world.registered(&format!("p{number}")).await);
        }
        forget_holders(&world).await;
        // Before its registration is renewed nobody knows that this token is held: two rows have it until then.
        let doubled = printers[0].renamed("doubled");
        let (status, shown) = world
            .put(&doubled, json!({"appToken": doubled.token, "eventTypes": [4]}))
            .await;
        assert_eq!(status, 201, "{shown}");
        for printer in &printers {
            world.make_due(printer).await;
        }
        world.run().await;
        world.the_simulator_holds_what_the_table_says().await;

        let taken = printers[1].renamed("taken");
        let (status, shown) = world.put(&taken, json!({"appToken": taken.token})).await;
        assert_eq!((status, &shown["status"]), (201, &json!("active")), "{shown}");
        assert_eq!(world.get(&printers[1]).await["status"], "replaced");
        let (status, problem) = world
            .another_tenant()
            .put(&printers[2], json!({"appToken": printers[2].token}))
            .await;
        assert_eq!(status, 409, "{problem}");
        world.the_simulator_holds_what_the_table_says().await;
    })
    .await;
}

async fn status(world: &World, printer: &Printer) -> String {
    world.get(printer).await["status"].as_str().unwrap().to_owned()
}

/// Empties the table `State`.
async fn forget_holders(world: &World) {
    let table = &world.stack.outputs.state_table_name;
    for item in world.state().await {
        let delete = json!({"TableName": table, "Key": {"id": item["id"]}});
        world.aws.dynamodb("DeleteItem", &delete).await.unwrap();
    }
}

//! A token that goes from one registration to another.

use futures::future::join_all;
use http::Method;
use jiff::Timestamp;
use printbell_simulator::{Fault, Route};
use serde_json::{Value, json};

use crate::subscription::Subscription;
use crate::world::{MINUTE, Printer, World, on_the_stack};

#[tokio::test]
async fn a_registration_is_renamed_by_a_put_under_the_new_name_and_a_delete_of_the_old_one() {
    on_the_stack(async |world: World| {
        let topic = Subscription::new(&world).await;
        let old = world.registered("old-name").await;
        let new = old.renamed("new-name");
        let wish = json!({"appToken": new.token, "eventTypes": [2, 3], "metadata": {"room": "lab 1&2"}});
        let (status, shown) = world.put(&new, wish).await;
        assert_eq!((status, &shown["status"]), (201, &json!("active")), "{shown}");
        assert_eq!(world.get(&old).await["status"], "replaced");
        world.the_simulator_holds_what_the_table_says().await;
        world.run().await;
        assert_eq!(world.call(Method::DELETE, &old, "", Value::Null).await.0, 204);
        world.the_simulator_holds_what_the_table_says().await;
        assert_eq!(world.history(&new).await.deletes, 0);
        let mut events = topic.receive(3).await;
        events.sort();
        assert_eq!(events, ["new-name active", "old-name active", "old-name replaced"]);
    })
    .await;
}

#[tokio::test]
async fn another_tenant_gets_a_token_once_its_registration_is_revoked() {
    on_the_stack(async |world: World| {
        let (seller, buyer) = (world.clone(), world.another_tenant());
        let topic = Subscription::new(&seller).await;
        let printer = seller.registered("sold").await;
        let bought = printer.renamed("bought");
        let wish = json!({"appToken": printer.token});
        let (status, problem) = buyer.put(&bought, wish.clone()).await;
        assert_eq!(status, 409, "{problem}");
        let text = problem.to_string();
        assert!(
            !text.contains(&format!("{}\"", seller.tenant)) && !text.contains("sold"),
            "{text}"
        );
        assert_eq!(buyer.call(Method::GET, &bought, "", Value::Null).await.0, 404);
        seller.the_simulator_holds_what_the_table_says().await;

        let fault = Fault::answer(604).for_printer(&printer.id);
        seller.control.add_fault(&fault).await.unwrap();
        refused_until(&seller, &printer, &printer, "revoked").await;
        seller.control.clear_faults().await.unwrap();
        let (status, shown) = buyer.put(&bought, wish).await;
        assert_eq!((status, &shown["status"]), (201, &json!("active")), "{shown}");
        assert_eq!(seller.get(&printer).await["status"], "replaced");
        seller.run().await;
        seller.the_simulator_holds_what_the_table_says().await;
        let mut events = topic.receive(4).await;
        events.sort();
        assert_eq!(
            events,
            ["bought active", "sold active", "sold replaced", "sold revoked"]
        );
    })
    .await;
}

#[tokio::test]
async fn a_take_over_that_is_refused_at_once_changes_nothing() {
    on_the_stack(async |world: World| {
        let (owner, other) = (world.registered("owner").await, world.registered("other").await);
        for (reference, registrations) in [("other", 200), ("new-name", 404)] {
            // It was carried out all the same: what OctoEverywhere holds is to be put right.
            let refusal = Fault::answer(604)
                .after_work()
                .on(Route::Set)
                .for_printer(&owner.id)
                .times(1);
            world.control.add_fault(&refusal).await.unwrap();
            let taker = owner.renamed(reference);
            let (status, problem) = world
                .put(&taker, json!({"appToken": owner.token, "eventTypes": [9]}))
                .await;
            assert_eq!(status, 422, "{problem}");
            assert_eq!(world.call(Method::GET, &taker, "", Value::Null).await.0, registrations);
            assert_is_active_and_due(&world, &owner).await;
            world.run().await;
            world.the_simulator_holds_what_the_table_says().await;
            for printer in [&owner, &other] {
                let row = world.row(printer).await;
                assert_eq!(row["appToken"]["S"], json!(printer.token), "{}", printer.reference);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_take_over_that_is_refused_later_gives_the_token_back_and_the_topic_is_told() {
    on_the_stack(async |world: World| {
        let topic = Subscription::new(&world).await;
        let (owner, other) = (world.registered("owner").await, world.registered("other").await);
        let taker = owner.renamed("other");
        let failing = Fault::answer(500).on(Route::Set).for_printer(&owner.id);
        world.control.add_fault(&failing).await.unwrap();
        let (status, shown) = world
            .put(&taker, json!({"appToken": owner.token, "eventTypes": [9]}))
            .await;
        assert_eq!(status, 202, "{shown}");
        assert_eq!(world.get(&owner).await["status"], "replaced");

        world.control.clear_faults().await.unwrap();
        let refusal = Fault::answer(604).for_printer(&owner.id);
        world.control.add_fault(&refusal).await.unwrap();
        refused_until(&world, &taker, &owner, "pending").await;
        assert_is_due(&world, &owner).await;
        assert_eq!(world.get(&other).await["status"], "active");
        world.control.clear_faults().await.unwrap();
        world.run().await;
        for printer in [&owner, &other] {
            let (shown, row) = (world.get(printer).await, world.row(printer).await);
            assert_eq!(
                (&shown["status"], &shown["eventTypes"]),
                (&json!("active"), &json!([1])),
                "{shown}"
            );
            assert_eq!(row["appToken"]["S"], json!(printer.token));
        }
        world.the_simulator_holds_what_the_table_says().await;
        let events = topic.receive(5).await;
        assert_eq!(
            events[2..],
            ["owner replaced", "other refused", "owner active"],
            "{events:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn of_four_puts_at_once_one_has_the_token_in_the_end() {
    on_the_stack(async |world: World| {
        let printer = world.issue("p0").await;
        let names = [0, 1, 2, 3].map(|number| printer.renamed(&format!("p{number}")));
        let wishes = names.iter().enumerate().map(|(number, name)| {
            let wish = json!({"appToken": printer.token, "eventTypes": [number + 1]});
            world.put(name, wish)
        });
        for (status, shown) in join_all(wishes).await {
            assert!([200, 201, 202, 409].contains(&status), "{status}: {shown}");
        }
        // Leases of invocations that are over by now.
        world.advance(MINUTE * 20).await;
        world.run().await;
        let mut statuses = Vec::new();
        for name in &names {
            statuses.push(world.get(name).await["status"].as_str().unwrap().to_owned());
        }
        statuses.sort();
        assert_eq!(statuses, ["active", "replaced", "replaced", "replaced"]);
        assert_eq!(world.history(&printer).await.max_calls_in_flight, 1);
        world.the_simulator_holds_what_the_table_says().await;
    })
    .await;
}

/// Renews `called` whenever it is due, until `watched` has this status: at the earliest after three refusals over a day.
async fn refused_until(world: &World, called: &Printer, watched: &Printer, status: &str) {
    let mut runs = 0;
    while world.get(watched).await["status"] != status {
        world.until_due(called).await;
        world.run().await;
        runs += 1;
        assert!(runs < 20, "{}", world.get(watched).await);
    }
    assert!(runs >= 3, "{runs}");
}

async fn assert_is_active_and_due(world: &World, printer: &Printer) {
    assert_eq!(world.get(printer).await["status"], "active");
    assert_is_due(world, printer).await;
}

async fn assert_is_due(world: &World, printer: &Printer) {
    let shown = world.get(printer).await;
    let due: Timestamp = shown["nextAttemptAt"].as_str().unwrap().parse().unwrap();
    assert!(due <= world.now().await + MINUTE, "{shown}");
}

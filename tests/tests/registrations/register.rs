//! The registrations contract, route by route.

use printbell_harness::stub_aws::{Behaviour, Service};
use printbell_harness::stub_octoeverywhere::AppBehaviour;
use serde_json::json;

use crate::world::{DAY, TOKEN, World};

#[tokio::test]
async fn a_put_is_applied_before_it_is_answered() {
    let world = World::new().await;
    let body = json!({"appToken": TOKEN, "eventTypes": [3, 1], "metadata": {"room": "lab 2"}});
    let answer = world.put("p1", body).await;
    let shown = World::body(&answer);
    assert_eq!(
        (answer.status, &shown["status"], &shown["attempts"]),
        (201, &json!("active"), &json!(0))
    );
    assert_eq!(
        (&shown["eventTypes"], &shown["metadata"]),
        (&json!([1, 3]), &json!({"room": "lab 2"}))
    );
    assert_eq!(World::body(&world.get("p1").await), shown);
    let webhook = world.octoeverywhere.webhook(TOKEN).unwrap();
    assert_eq!(webhook["InclusiveEventTypesFilter"], json!([1, 3]));
    let url = webhook["WebhookUrl"].as_str().unwrap();
    let start = "https://bell.example.com/octoeverywhere/webhook?tenantId=t&printerRef=p1&callbackToken=0f1e2d3c.";
    assert!(url.starts_with(start) && url.ends_with("&room=lab%202"), "{url}");
    let row = world.row("p1").unwrap();
    let due = row["dueAt"].as_i64().unwrap() - world.now();
    assert!((DAY - 5..=31 * DAY).contains(&due) && row["dueShard"].is_u64(), "{row}");
    assert!(row.get("lease").is_none() && row.get("announcement").is_none(), "{row}");
    assert_eq!(world.announced()[0].0, "dev.printbell.registration.active");
}

#[tokio::test]
async fn an_update_replaces_everything_but_a_token_that_it_leaves_out() {
    let world = World::new().await;
    world
        .put(
            "p1",
            json!({"appToken": TOKEN, "eventTypes": [1], "metadata": {"room": "lab"}}),
        )
        .await;
    let answer = world.put("p1", json!({"eventTypes": [2]})).await;
    let shown = World::body(&answer);
    assert_eq!(
        (answer.status, &shown["eventTypes"], &shown["metadata"]),
        (200, &json!([2]), &json!({}))
    );
    assert_eq!(
        world.octoeverywhere.webhook(TOKEN).unwrap()["InclusiveEventTypesFilter"],
        json!([2])
    );
    assert_eq!(world.put("p1", json!({"appToken": "another-token"})).await.status, 200);
    assert!(world.octoeverywhere.webhook("another-token").is_some());
}

#[tokio::test]
async fn what_octoeverywhere_can_not_take_now_is_stored_and_renew_carries_on() {
    for behaviour in [
        AppBehaviour::Status(503),
        AppBehaviour::Status(605),
        AppBehaviour::Status(602),
        AppBehaviour::LostAnswer,
    ] {
        let mut world = World::new().await;
        world.octoeverywhere.set_behaviour(behaviour);
        let answer = world.put("p1", json!({"appToken": TOKEN, "eventTypes": [7]})).await;
        let shown = World::body(&answer);
        assert_eq!(
            (answer.status, &shown["attempts"]),
            (202, &json!(1)),
            "{behaviour:?} {shown}"
        );
        assert!(
            shown["lastError"]["message"].is_string() && shown["nextAttemptAt"].is_string(),
            "{shown}"
        );
        world.everyone_gets(200);
        world.advance(2 * DAY).await;
        assert_eq!(world.run().await["renewed"], 1, "{behaviour:?}");
        assert_eq!(World::body(&world.get("p1").await)["status"], "active");
        assert_eq!(
            world.octoeverywhere.webhook(TOKEN).unwrap()["InclusiveEventTypesFilter"],
            json!([7])
        );
    }
}

#[tokio::test]
async fn what_octoeverywhere_refuses_is_not_stored() {
    let world = World::new().await;
    for status in [400, 401, 603, 604, 606] {
        world.everyone_gets(status);
        let answer = world.put("p1", json!({"appToken": TOKEN})).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
        assert!(answer.body.contains(&status.to_string()), "{}", answer.body);
        assert_eq!(world.row("p1"), None);
    }
}

#[tokio::test]
async fn a_refused_update_leaves_the_old_values_and_has_them_confirmed() {
    let world = World::new().await;
    world.put("p1", json!({"appToken": TOKEN, "eventTypes": [1]})).await;
    world
        .octoeverywhere
        .set_behaviour_for("wrong-token", AppBehaviour::Status(606));
    let answer = world
        .put("p1", json!({"appToken": "wrong-token", "eventTypes": [2]}))
        .await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    let shown = World::body(&world.get("p1").await);
    assert_eq!(
        (&shown["status"], &shown["eventTypes"]),
        (&json!("active"), &json!([1]))
    );
    assert_eq!(world.run().await["renewed"], 1);
    assert_eq!(
        world.octoeverywhere.webhook(TOKEN).unwrap()["InclusiveEventTypesFilter"],
        json!([1])
    );
}

#[tokio::test]
async fn a_delete_takes_the_webhook_away_and_then_the_row() {
    let mut world = World::new().await;
    assert_eq!(world.delete("p1").await.status, 204);
    world.put("p1", json!({"appToken": TOKEN})).await;
    let answer = world.delete("p1").await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!((world.row("p1"), world.octoeverywhere.webhook(TOKEN)), (None, None));

    world.put("p1", json!({"appToken": TOKEN})).await;
    world.everyone_gets(600);
    let answer = world.delete("p1").await;
    assert_eq!(
        (answer.status, &World::body(&answer)["status"]),
        (202, &json!("deleting"))
    );
    assert_eq!(world.post("p1", "renew").await.status, 409);
    world.everyone_gets(200);
    world.advance(DAY).await;
    assert_eq!(world.run().await["deleted"], 1);
    assert_eq!(
        (world.get("p1").await.status, world.octoeverywhere.webhook(TOKEN)),
        (404, None)
    );
}

#[tokio::test]
async fn renew_now_calls_and_test_passes_the_answer_on() {
    let world = World::new().await;
    for what in ["renew", "test"] {
        assert_eq!(world.post("p1", what).await.status, 404);
    }
    world.put("p1", json!({"appToken": TOKEN})).await;
    world.octoeverywhere.reset();
    let answer = world.post("p1", "renew").await;
    assert_eq!(
        (answer.status, &World::body(&answer)["status"]),
        (200, &json!("active"))
    );
    assert_eq!(world.post("p1", "test").await.status, 200);
    let calls: Vec<_> = world.octoeverywhere.calls().into_iter().map(|call| call.api).collect();
    assert_eq!(calls, ["SetNotificationWebhook", "TestWebhook"]);
    world.everyone_gets(503);
    assert_eq!(
        (
            world.post("p1", "renew").await.status,
            world.post("p1", "test").await.status
        ),
        (202, 502)
    );
    world.everyone_gets(604);
    assert_eq!(
        (
            world.post("p1", "renew").await.status,
            world.post("p1", "test").await.status
        ),
        (202, 502)
    );
}

#[tokio::test]
async fn a_list_comes_in_pages_and_by_status() {
    let world = World::new().await;
    for printer in ["p1", "p2", "p3"] {
        world
            .put(printer, json!({"appToken": format!("{TOKEN}-{printer}")}))
            .await;
    }
    world.everyone_gets(605);
    world.post("p2", "renew").await;
    world.write_row("p4", json!({"appToken": TOKEN, "status": "frozen"}));
    let printers = |list: &serde_json::Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| item["printerRef"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = World::body(&world.list("limit=2").await);
    assert_eq!(printers(&first), ["p1", "p2"]);
    let next = first["next"].as_str().unwrap();
    let second = World::body(&world.list(&format!("limit=2&next={next}")).await);
    assert_eq!(printers(&second), ["p3", "p4"]);
    assert_eq!(printers(&World::body(&world.list("status=unreadable").await)), ["p4"]);
    let suspended = World::body(&world.list("status=suspended").await);
    assert_eq!(
        (printers(&suspended), &suspended["next"]),
        (vec!["p2".to_owned()], &json!(null))
    );
    let all = World::body(&world.call("GET /registrations", "", "", None).await);
    assert_eq!(printers(&all), ["p1", "p2", "p3", "p4"]);
    for query in ["limit=0", "limit=101", "status=x", "next=x", "page=2"] {
        assert_eq!(world.list(query).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn bad_input_is_told_by_field_and_rule_and_nothing_is_called() {
    let world = World::new().await;
    let answer = world
        .put(
            "p1",
            json!({"eventTypes": [0, 70000], "metadata": {"ID": "x"}, "webhookUrl": "http://example.com"}),
        )
        .await;
    let problem = World::body(&answer);
    let fields: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].clone())
        .collect();
    assert_eq!(
        (answer.status, fields),
        (
            400,
            vec![
                json!("/webhookUrl"),
                json!("/eventTypes/0"),
                json!("/eventTypes/1"),
                json!("/metadata/ID"),
            ]
        )
    );
    assert_eq!(answer.raw["headers"]["content-type"], "application/problem+json");
    assert_eq!(
        World::body(&world.put("p1", json!({})).await)["errors"][0]["field"],
        "/appToken"
    );
    assert_eq!(
        World::body(&world.put("p%201", json!({})).await)["errors"][0]["field"],
        "printerRef"
    );
    assert_eq!((world.octoeverywhere.calls().len(), world.row("p1")), (0, None));
}

#[tokio::test]
async fn a_row_that_can_not_be_read_is_shown_as_such_put_right_by_a_put_and_removed_by_a_delete() {
    let broken = [
        json!({"status": "frozen"}),
        json!({"appToken": 7}),
        json!({"appToken": null}),
        json!({"attempts": "many"}),
        json!({"revision": "first"}),
        json!({"metadata": {"tenantid": "x"}}),
        json!({"oldTokens": [{}]}),
        json!({"lease": 1, "refusals": 2, "announcement": {"status": "happy"}}),
    ];
    let world = World::new().await;
    for (place, attributes) in broken.into_iter().enumerate() {
        let (put, deleted) = (format!("put{place}"), format!("deleted{place}"));
        for printer in [&put, &deleted] {
            world.write_row(printer, json!({"appToken": format!("{TOKEN}-{printer}")}));
            world.write_row(printer, attributes.clone());
            let answer = world.get(printer).await;
            let shown = World::body(&answer);
            assert_eq!(
                (answer.status, &shown["status"]),
                (200, &json!("unreadable")),
                "{attributes}"
            );
        }
        let body = json!({"appToken": format!("{TOKEN}-{put}")});
        let answer = world.put(&put, body).await;
        let shown = World::body(&answer);
        assert_eq!(
            (answer.status, &shown["status"]),
            (200, &json!("active")),
            "{attributes}: {shown}"
        );
        assert_eq!(World::body(&world.get(&put).await)["status"], "active");
        assert_eq!(world.delete(&deleted).await.status, 204, "{attributes}");
        assert_eq!(world.row(&deleted), None, "{attributes}");
    }
}

#[tokio::test]
async fn without_aws_the_caller_is_told_to_come_again() {
    let world = World::new().await;
    world.aws.set(Service::SecretsManager, Behaviour::Status500);
    assert_eq!(world.put("p1", json!({"appToken": TOKEN})).await.status, 503);
    assert_eq!(world.row("p1"), None);
    world.aws.set(Service::DynamoDb, Behaviour::Status500);
    assert_eq!(world.get("p1").await.status, 503);
}

#[tokio::test]
async fn a_lost_answer_of_the_table_does_not_confuse_a_put() {
    let world = World::new().await;
    // The read, then the write whose answer is lost; the SDK sends it again, and its condition fails.
    world
        .aws
        .script(Service::DynamoDb, [Behaviour::Ok, Behaviour::LostAnswer]);
    let answer = world.put("p1", json!({"appToken": TOKEN})).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(world.octoeverywhere.calls().len(), 1);
}

#[tokio::test]
async fn what_a_newer_version_keeps_in_a_row_stays() {
    let world = World::new().await;
    world.put("p1", json!({"appToken": TOKEN})).await;
    world.write_row("p1", json!({"colour": "green"}));
    world.put("p1", json!({"eventTypes": [1]})).await;
    assert_eq!(world.row("p1").unwrap()["colour"], "green");
}

//! One holder for each token: what is in the two tables and at OctoEverywhere agrees, whatever fails on the way.

use std::time::Duration;

use printbell_harness::fixtures::{REGISTRATIONS, STATE};
use printbell_harness::http_event;
use printbell_harness::runtime_api::Function;
use printbell_harness::stub_aws::{Behaviour, plain};
use printbell_harness::stub_octoeverywhere::AppBehaviour;
use serde_json::{Value, json};

use crate::world::{DAY, TOKEN, World, claim, launch};

const MINUTE: Duration = Duration::from_secs(60);
const PUT: &str = "PUT /registrations/{tenantId}/{printerRef}";

fn token(number: u8) -> String {
    format!("{TOKEN}-{number}")
}

fn body(number: u8) -> Value {
    json!({"appToken": token(number)})
}

impl World {
    /// Every row, by its printer.
    fn rows(&self) -> Vec<Value> {
        let rows = self
            .aws
            .table(REGISTRATIONS, |table| table.items().map(plain).collect());
        let mut rows: Vec<Value> = rows;
        rows.sort_by_key(|row| row["printerRef"].to_string());
        rows
    }

    fn status(&self, printer: &str) -> Value {
        self.row(printer).map_or(Value::Null, |row| row["status"].clone())
    }

    /// Whose webhook OctoEverywhere holds for a token.
    fn webhook_of(&self, number: u8) -> Option<String> {
        let webhook = self.octoeverywhere.webhook(&token(number))?;
        let url = webhook["WebhookUrl"].as_str().unwrap();
        let printer = url.split("printerRef=").nth(1).unwrap();
        Some(printer.split('&').next().unwrap().to_owned())
    }

    /// What is wrong with the state of things, if anything, once everything that is due was done: each token has one row at most,
    /// its holder in `State`, and OctoEverywhere has that row's webhook or none.
    fn disagreement(&self, tokens: u8) -> Option<String> {
        let rows = self.rows();
        for number in 0..tokens {
            let has = |row: &&Value| row["appToken"] == token(number).as_str();
            let claims: Vec<_> = rows.iter().filter(has).map(|row| row["printerRef"].clone()).collect();
            let id = claim(&token(number));
            let holder = self
                .aws
                .table(STATE, |table| table.get([id.as_str()]).cloned())
                .map(|item| plain(&item));
            let holder = holder.map(|item| item["printerRef"].clone());
            let webhook = self.webhook_of(number).map(Value::from);
            let agrees = claims.len() < 2 && holder.as_ref() == claims.first() && webhook.as_ref() == claims.first();
            if !agrees {
                return Some(format!(
                    "{number}: {claims:?} have it, {holder:?} holds it, {webhook:?} is called: {rows:#?}"
                ));
            }
        }
        let is_under_way = |row: &&Value| row.get("lease").is_some() || row.get("foreignLease").is_some();
        rows.iter().find(is_under_way).map(|row| format!("under way: {row}"))
    }

    /// Lets all leases end, and everything that is due be done, some times over.
    async fn settle(&mut self) {
        for _ in 0..4 {
            self.advance(5 * 60).await;
            self.run().await;
        }
    }

    async fn second_register(&self) -> Function {
        launch(&self.aws, &self.octoeverywhere, "register", 0)
            .start()
            .await
            .unwrap()
    }
}

/// A PUT at another process.
async fn put_at(function: &Function, printer: &str, body: &Value) -> u16 {
    let path = format!("/registrations/t/{printer}");
    let event = http_event::request(PUT, &path, "", Some(&body.to_string()));
    let call = function.call_within(Duration::from_secs(29), event.to_string()).await;
    call.http().map_or(0, |answer| answer.status)
}

#[tokio::test]
async fn a_registration_under_a_new_name_takes_the_token_over_and_the_old_name_calls_nobody() {
    let mut world = World::new().await;
    assert_eq!(world.put("old", body(0)).await.status, 201);
    assert_eq!(world.put("new", body(0)).await.status, 201);
    let shown = World::body(&world.get("old").await);
    assert_eq!(
        (&shown["status"], &shown["nextAttemptAt"]),
        (&json!("replaced"), &json!(null))
    );
    assert_eq!(world.row("old").unwrap().get("appToken"), None);
    assert_eq!(world.post("old", "renew").await.status, 409);
    assert_eq!(world.post("old", "test").await.status, 409);
    let answer = world.put("old", json!({"eventTypes": [1]})).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    world.run().await;
    let events: Vec<_> = world.announced().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(events.last().unwrap(), "dev.printbell.registration.replaced");
    world.octoeverywhere.reset();
    assert_eq!(world.delete("old").await.status, 204);
    assert!(world.octoeverywhere.calls().is_empty());
    world.settle().await;
    assert_eq!((world.status("new"), world.disagreement(1)), (json!("active"), None));
}

#[tokio::test]
async fn a_new_token_has_the_old_one_s_webhook_deleted_and_its_own_set_once_more() {
    let mut world = World::new().await;
    world.put("p", body(0)).await;
    world.octoeverywhere.reset();
    let answer = world.put("p", body(1)).await;
    assert_eq!(
        (answer.status, &World::body(&answer)["status"]),
        (200, &json!("active")),
        "{}",
        answer.body
    );
    let calls: Vec<_> = world
        .octoeverywhere
        .calls()
        .into_iter()
        .map(|call| (call.api, call.app_token))
        .collect();
    let call = |api: &str, number| (format!("{api}NotificationWebhook"), token(number));
    assert_eq!(calls, [call("Set", 1), call("Delete", 0), call("Set", 1)]);
    assert_eq!(world.disagreement(2), None);
    // While the old one's can't be deleted, it is held; and PUT A, PUT B, PUT A takes A out of the list.
    world
        .octoeverywhere
        .set_behaviour_for(&token(1), AppBehaviour::Status(500));
    world.put("p", body(2)).await;
    assert_eq!(world.row("p").unwrap()["oldTokens"][0]["appToken"], token(1));
    assert_eq!(world.delete("p").await.status, 202);
    world
        .octoeverywhere
        .set_behaviour_for(&token(1), AppBehaviour::Status(200));
    world.settle().await;
    assert_eq!((world.row("p"), world.disagreement(3)), (None, None));
}

#[tokio::test]
async fn two_tokens_that_are_known_to_be_of_one_app_connection_have_one_registration_and_nothing_to_delete() {
    let mut world = World::new().await;
    let body = |number: u8| {
        let url = format!(
            "https://app.example/back/7?Success=true&id=ac-1&appapitoken={}",
            token(number)
        );
        json!({"completionUrl": url})
    };
    assert_eq!(world.put("p", body(0)).await.status, 201);
    // Its user went through the portal again, and it is the same App Connection.
    world.octoeverywhere.reset();
    assert_eq!(world.put("p", body(1)).await.status, 200);
    // The same under another name.
    assert_eq!(world.put("q", body(2)).await.status, 201);
    let calls: Vec<_> = world.octoeverywhere.calls().into_iter().map(|call| call.api).collect();
    assert_eq!(calls, ["SetNotificationWebhook", "SetNotificationWebhook"]);
    assert_eq!(
        (world.status("p"), world.status("q")),
        (json!("replaced"), json!("active"))
    );
    world.settle().await;
    let row = world.row("q").unwrap();
    assert_eq!((&row["connectionId"], row.get("oldTokens")), (&json!("ac-1"), None));
    let shown = world.get("q").await;
    assert!(!shown.body.contains("app.example"), "{}", shown.body);
    // The token alone is still of that App Connection.
    assert_eq!(world.put("q", json!({"appToken": token(2)})).await.status, 200);
    assert_eq!(world.row("q").unwrap()["connectionId"], "ac-1");
}

#[tokio::test]
async fn whoever_replaces_tokens_faster_than_they_can_be_deleted_is_told_to_wait() {
    let mut world = World::new().await;
    world.everyone_gets(500);
    let mut statuses = Vec::new();
    for number in 0..6 {
        statuses.push(world.put("p", body(number)).await.status);
    }
    assert_eq!(statuses, [202, 202, 202, 202, 202, 409]);
    world.everyone_gets(200);
    world.settle().await;
    assert_eq!((world.status("p"), world.disagreement(6)), (json!("active"), None));
}

#[tokio::test]
async fn another_tenant_s_token_is_refused_without_a_name() {
    let world = World::new().await;
    world.put("p", body(0)).await;
    let path = "/registrations/other/q";
    let event = http_event::request(PUT, path, "", Some(&body(0).to_string()));
    let answer = world
        .register
        .call_within(Duration::from_secs(29), event.to_string())
        .await;
    let answer = answer.http().unwrap();
    assert_eq!(answer.status, 409);
    assert!(
        !answer.body.contains("t/p") && !answer.body.contains(TOKEN),
        "{}",
        answer.body
    );
    assert_eq!(world.disagreement(1), None);
}

#[tokio::test]
async fn a_take_over_that_is_refused_gives_the_token_back_at_once_and_later() {
    let mut world = World::new().await;
    world.put("p", body(0)).await;
    world.everyone_gets(604);
    let answer = world.put("q", body(0)).await;
    assert_eq!((answer.status, world.row("q")), (422, None), "{}", answer.body);
    let row = world.row("p").unwrap();
    assert_eq!(
        (row["appToken"].as_str(), row["dueAt"].as_i64().unwrap() <= world.now()),
        (Some(&*token(0)), true)
    );
    world.everyone_gets(200);
    world.settle().await;
    assert_eq!((world.status("p"), world.disagreement(1)), (json!("active"), None));

    // Accepted for later, and refused then.
    world.everyone_gets(500);
    assert_eq!(world.put("q", body(0)).await.status, 202);
    assert_eq!(world.status("p"), "replaced");
    world.everyone_gets(604);
    for _ in 0..12 {
        world.advance(DAY / 3).await;
        world.run().await;
        if world.status("q") != "pending" {
            break;
        }
    }
    assert_eq!(world.status("q"), "replaced");
    world.everyone_gets(200);
    world.settle().await;
    assert_eq!((world.status("p"), world.disagreement(1)), (json!("active"), None));
    let events: Vec<_> = world.announced().into_iter().map(|(kind, _)| kind).collect();
    assert!(
        events.contains(&"dev.printbell.registration.refused".to_owned()),
        "{events:?}"
    );
}

#[tokio::test]
async fn rows_by_hand_claim_their_token_and_the_second_takes_it_over() {
    let mut world = World::new().await;
    for printer in ["p", "q"] {
        world.write_row(printer, json!({"appToken": token(0), "dueAt": 0, "dueShard": 0}));
    }
    world.settle().await;
    let mut statuses = [world.status("p"), world.status("q")];
    statuses.sort_by_key(ToString::to_string);
    assert_eq!(
        (statuses, world.disagreement(1)),
        ([json!("active"), json!("replaced")], None)
    );
    // State is made again from the registrations, as they are renewed.
    let ids = world
        .aws
        .table(STATE, |table| table.items().map(plain).collect::<Vec<_>>());
    assert!(!ids.is_empty());
    world.aws.table(STATE, |table| table.clear());
    let rebuilt = world
        .renew
        .call_within(MINUTE, json!({"rebuild": {}}).to_string())
        .await
        .json()
        .unwrap();
    assert_eq!(
        (&rebuilt["claimed"], &rebuilt["goOn"]),
        (&json!(1), &json!(null)),
        "{rebuilt}"
    );
    assert_eq!(world.disagreement(1), None);
    // So they are, one by one, as they are renewed.
    world.aws.table(STATE, |table| table.clear());
    for row in world.rows() {
        world.make_due(row["printerRef"].as_str().unwrap(), 0);
    }
    world.settle().await;
    assert_eq!(world.disagreement(1), None);
}

#[tokio::test]
async fn a_transaction_that_fails_for_whatever_reason_leaves_one_holder() {
    use Behaviour::{Busy, LostAnswer, Refused, Status500, Throttled};
    /// How the transactions of a take-over go, one after the other, and what the PUT may be answered.
    type Case = (&'static [Behaviour], &'static [u16]);
    let cases: [Case; 9] = [
        (&[Busy], &[201]),
        (&[Throttled, Throttled], &[201]),
        (&[Busy, Throttled, LostAnswer], &[201]),
        (&[LostAnswer], &[201]),
        (&[Refused, LostAnswer], &[201]),
        (&[Status500], &[201]),
        (&[Busy; 12], &[503]),
        (&[Status500; 3], &[503]),
        (&[LostAnswer; 3], &[503, 201, 202]),
    ];
    for (behaviours, statuses) in cases {
        let mut world = World::new().await;
        world.put("p", body(0)).await;
        world.aws.strike("TransactWriteItems", behaviours.iter().copied());
        let answer = world.put("q", body(0)).await;
        assert!(
            statuses.contains(&answer.status),
            "{behaviours:?}: {} {}",
            answer.status,
            answer.body
        );
        if answer.status == 503 {
            assert!(
                !answer.body.contains("Nothing was changed"),
                "nobody can know: {}",
                answer.body
            );
        }
        world.aws.strike("TransactWriteItems", []);
        world.settle().await;
        assert_eq!(world.disagreement(1), None, "{behaviours:?}");
    }
}

#[tokio::test]
async fn a_write_that_meets_a_transaction_is_tried_again() {
    let world = World::new().await;
    world.put("p", body(0)).await;
    for action in ["UpdateItem", "DeleteItem"] {
        world.aws.strike(action, [Behaviour::Busy, Behaviour::Busy]);
    }
    assert_eq!(world.post("p", "renew").await.status, 200);
    assert_eq!((world.delete("p").await.status, world.disagreement(1)), (204, None));
}

#[tokio::test]
async fn four_puts_of_one_token_at_once_end_with_one_holder() {
    let mut world = World::new().await;
    let others = [
        world.second_register().await,
        world.second_register().await,
        world.second_register().await,
    ];
    world.octoeverywhere.set_latency(Duration::from_millis(50));
    for round in 0..2 {
        let [a, b, c] = &others;
        let body = body(0);
        let statuses = tokio::join!(
            put_at(&world.register, "p0", &body),
            put_at(a, "p1", &body),
            put_at(b, "p2", &body),
            put_at(c, "p3", &body),
        );
        let statuses = [statuses.0, statuses.1, statuses.2, statuses.3];
        assert!(
            statuses.iter().all(|status| [200, 201, 202, 409].contains(status)),
            "{round}: {statuses:?}"
        );
    }
    assert_eq!(
        world.octoeverywhere.load().most_in_flight,
        1,
        "two callers for one token"
    );
    world.octoeverywhere.set_latency(Duration::ZERO);
    world.settle().await;
    assert_eq!(world.disagreement(1), None);
}

#[tokio::test]
async fn a_token_that_is_taken_during_a_renewal_waits_for_that_call() {
    let mut world = World::new().await;
    world.put("p", body(0)).await;
    world.make_due("p", 0);
    world.octoeverywhere.reset();
    world.octoeverywhere.set_latency(Duration::from_millis(600));
    let taken = async {
        while world.octoeverywhere.load().calls == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.put("q", body(0)).await
    };
    let (_, answer) = tokio::join!(world.run(), taken);
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(world.octoeverywhere.load().most_in_flight, 1);
    world.octoeverywhere.set_latency(Duration::ZERO);
    world.settle().await;
    assert_eq!((world.status("p"), world.disagreement(1)), (json!("replaced"), None));
}

#[tokio::test]
async fn runs_do_not_overlap_and_two_deliveries_of_one_event_are_two_runs() {
    let world = World::new().await;
    for number in 0..20 {
        world.put(&format!("p{number}"), body(number)).await;
        world.make_due(&format!("p{number}"), 0);
    }
    world.octoeverywhere.reset();
    world.octoeverywhere.set_latency(Duration::from_millis(300));
    let other = launch(&world.aws, &world.octoeverywhere, "renew", 0)
        .start()
        .await
        .unwrap();
    let id = "00000000-0000-4000-8000-000000000001".to_owned();
    let remaining = Duration::from_secs(28);
    let (one, two) = tokio::join!(
        world.renew.deliver(id.clone(), remaining, "{}"),
        other.deliver(id, remaining, "{}"),
    );
    let reports = [one.json().unwrap(), two.json().unwrap()];
    let idle = reports
        .iter()
        .filter(|report| report["isAnotherRunUnderWay"] == true)
        .count();
    let renewed: u64 = reports.iter().filter_map(|report| report["renewed"].as_u64()).sum();
    assert_eq!(
        (idle, renewed, world.octoeverywhere.load().calls),
        (1, 20, 20),
        "{reports:?}"
    );
    // The turn is given back.
    let again = world.renew.call_within(MINUTE, "{}").await.json().unwrap();
    assert_eq!(again["due"], 0, "{again}");
}

//! The registrations of another table: each comes once, whatever happens meanwhile, and its webhook is set anew.

use std::time::Duration;

use printbell_harness::fixtures::{KEY, PUBLIC_URL, REGISTRATIONS, SECOND_KEY, SECRET, STATE, SigningKey};
use printbell_harness::runtime_api::{Completion, Function};
use printbell_harness::stub_aws::{Behaviour, Service, TableSchema, item, plain};
use printbell_harness::stub_octoeverywhere::AppBehaviour;
use printbell_harness::template::Template;
use serde_json::{Value, json};

use crate::world::{DAY, TOKEN, World, claim, launch};

const MINUTE: i64 = 60;
const SOURCE: &str = "old-Registrations";
const OLD_SECRET: &str = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:OldSecret-AbCdEf";
const OLD_URL: &str = "https://old.example.com";

/// The key that the source's webhooks bear.
const OLD_KEY: SigningKey = SECOND_KEY;

fn name(number: usize) -> String {
    format!("p{number:03}")
}

fn token(number: usize) -> String {
    format!("{TOKEN}-{number}")
}

/// A stack with nothing in it, beside the table of an earlier one with so many registrations.
async fn beside(count: usize) -> World {
    let world = World::new().await;
    let schema = Template::read().unwrap().tables().unwrap().remove(0);
    world.aws.create_table(TableSchema {
        name: SOURCE.to_owned(),
        ..schema
    });
    world.aws.secret(OLD_SECRET, |secret| {
        secret.rotate(&OLD_KEY);
        secret.label(&OLD_KEY);
    });
    for number in 0..count {
        world.leave(&name(number), json!({"appToken": token(number)}));
    }
    world
}

impl World {
    /// Writes a row into the source: one that was set ten days ago, and these attributes; null takes one away.
    fn leave(&self, printer: &str, attributes: Value) {
        let set = self.now() - 10 * DAY;
        let mut row = self
            .aws
            .table(SOURCE, |table| table.get(["t", printer]).cloned())
            .unwrap_or_else(|| {
                item(&json!({
                    "tenantId": "t", "printerRef": printer, "status": "active", "revision": 3, "version": 1, "applied": 1,
                    "attempts": 0, "eventTypes": [1, 2], "metadata": {"room": "lab"}, "createdAt": set - DAY, "renewedAt": set,
                    "webhookUrl": OLD_URL, "keyVersion": OLD_KEY.version_id, "dueAt": set + 20 * DAY, "dueShard": 3,
                    "expiresAt": set + 180 * DAY, "note": "by hand",
                }))
            });
        row.extend(item(&attributes));
        row.retain(|_, value| value.get("NULL").is_none());
        self.aws.table(SOURCE, |table| table.put(row));
    }

    /// Renew at so many minutes from now, deployed with a restore.
    async fn restoring(&self, minutes: i64) -> Function {
        self.restoring_with(minutes, &[]).await
    }

    async fn restoring_with(&self, minutes: i64, settings: &[(&str, &str)]) -> Function {
        let launch = launch(&self.aws, &self.octoeverywhere, "renew", minutes * MINUTE)
            .env("RESTORE_FROM_TABLE", SOURCE)
            .env("RESTORE_SECRET_ARN", OLD_SECRET);
        let launch = settings
            .iter()
            .fold(launch, |launch, (name, value)| launch.env(name, *value));
        launch.start().await.unwrap()
    }

    /// Has register know of the restore, too.
    async fn register_restores(&mut self, minutes: i64) {
        let launch = launch(&self.aws, &self.octoeverywhere, "register", minutes * MINUTE);
        self.register = launch.env("RESTORE_FROM_TABLE", SOURCE).start().await.unwrap();
    }

    /// The first look, now.
    async fn look(&self) {
        let report = run(&self.restoring(0).await).await;
        assert_eq!(
            (&report["restores"], &report["restored"]),
            (&json!(1), &json!(0)),
            "{report}"
        );
    }

    fn restore(&self) -> Value {
        let restore = self
            .aws
            .table(STATE, |table| table.get([&format!("restore/{SOURCE}")]).cloned());
        restore.map_or(Value::Null, |restore| plain(&restore))
    }

    fn here(&self) -> usize {
        self.aws.table(REGISTRATIONS, |table| table.items().count())
    }

    fn old_labels(&self) -> usize {
        self.aws.secret(OLD_SECRET, |secret| {
            let labels = secret.versions.iter().flat_map(|version| &version.stages);
            labels.filter(|label| label.starts_with("printbell-")).count()
        })
    }

    /// Where OctoEverywhere sends what happens to this token's printer.
    fn url_at(&self, token: &str) -> String {
        let webhook = self.octoeverywhere.webhook(token).unwrap_or_default();
        let url = webhook["WebhookUrl"].as_str().or(webhook["Url"].as_str());
        url.unwrap_or_default().to_owned()
    }

    fn holder_of(&self, token: &str) -> Option<Value> {
        let holder = self.aws.table(STATE, |table| table.get([&claim(token)]).cloned());
        holder.map(|holder| plain(&holder)["printerRef"].clone())
    }

    /// Whoever died had their leases and their turn until what would have been their end.
    fn bury_the_dead(&self) {
        self.aws.table(STATE, |table| {
            let rest: Vec<_> = table
                .items()
                .filter(|item| plain(item)["id"] != "run")
                .cloned()
                .collect();
            table.clear();
            rest.into_iter().for_each(|item| table.put(item));
        });
    }
}

async fn run(renew: &Function) -> Value {
    let call = renew
        .call_within(Duration::from_secs(60), json!({"run": {}}).to_string())
        .await;
    call.json()
        .unwrap_or_else(|error| panic!("{error:#}\n{}", renew.output()))
}

/// A run that fails, and why.
async fn failure(renew: &Function) -> String {
    let call = renew
        .call_within(Duration::from_secs(60), json!({"run": {}}).to_string())
        .await;
    let Completion::Failed(error) = call.completion else {
        panic!("it didn't fail: {call:?}")
    };
    assert!(!renew.output().contains(TOKEN));
    let error: Value = serde_json::from_slice(&error).unwrap();
    error["errorMessage"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_registration_comes_once_and_its_webhook_is_set_anew() {
    let world = beside(230).await;
    world.look().await;
    // Not before whoever was at the source has ended.
    let report = run(&world.restoring(19).await).await;
    assert_eq!((&report["restores"], world.here()), (&json!(1), 0), "{report}");
    let renew = world.restoring(21).await;
    let report = run(&renew).await;
    assert_eq!(
        (
            &report["restores"],
            &report["restored"],
            &report["swept"],
            &report["sweeps"]
        ),
        (&json!(0), &json!(230), &json!(230), &json!(0)),
        "{report}"
    );
    assert!(renew.output().contains("the restore from old-Registrations is over"));
    for number in 0..230 {
        let url = world.url_at(&token(number));
        assert!(
            url.starts_with(PUBLIC_URL) && url.contains(KEY.key_id()),
            "{number}: {url}"
        );
        assert_eq!(world.holder_of(&token(number)), Some(json!(name(number))));
    }
    let row = world.row(&name(7)).unwrap();
    let kept = ["note", "eventTypes", "metadata", "createdAt", "status"].map(|name| row[name].clone());
    let expected = [
        json!("by hand"),
        json!([1, 2]),
        json!({"room": "lab"}),
        json!(world.now() - 11 * DAY),
        json!("active"),
    ];
    assert_eq!(kept[..3], expected[..3]);
    assert_eq!(kept[4], expected[4]);
    // Once.
    world.aws.table(REGISTRATIONS, |table| table.clear());
    let report = run(&world.restoring(60).await).await;
    assert_eq!((&report["restored"], world.here()), (&json!(0), 0), "{report}");
    let calls = world.octoeverywhere.calls();
    assert_eq!(
        calls.iter().filter(|call| call.api == "SetNotificationWebhook").count(),
        230
    );
    assert_eq!(
        world.restore()["table"],
        format!("arn:aws:dynamodb:eu-central-1:000000000000:table/{SOURCE}")
    );
}

#[tokio::test]
async fn leases_and_places_in_the_index_stay_behind_and_statuses_come_along() {
    let world = beside(0).await;
    let now = world.now();
    let past = now - DAY;
    world.leave(
        "leased",
        json!({"appToken": token(0), "lease": {"id": 3, "until": past}, "dueAt": past + 60, "nextDueAt": past}),
    );
    world.leave(
        "foreign",
        json!({"appToken": token(1), "foreignLease": {"until": past}, "reapplyAt": past}),
    );
    world.leave(
        "deleting",
        json!({"appToken": token(2), "status": "deleting", "dueAt": now + 20 * DAY}),
    );
    world.leave(
        "revoked",
        json!({"appToken": token(3), "status": "revoked", "dueAt": null, "dueShard": null}),
    );
    world.leave(
        "replaced",
        json!({"status": "replaced", "dueAt": null, "dueShard": null}),
    );
    world.leave("ends", json!({"appToken": token(4), "renewedAt": now - 179 * DAY, "expiresAt": now + DAY, "createdAt": now - 200 * DAY}));
    world.leave(
        "by-hand",
        json!({
            "appToken": token(5), "status": null, "revision": null, "version": null, "applied": null, "renewedAt": null,
            "createdAt": null, "webhookUrl": null, "keyVersion": null, "expiresAt": null, "dueAt": 0, "dueShard": null,
        }),
    );
    // No call is made, so that the rows are as they came.
    world.everyone_gets(503);
    world.look().await;
    let run = run(&world.restoring(21).await).await;
    assert_eq!(run["restored"], 7, "{run}");
    let due = |printer: &str| world.row(printer).unwrap()["dueAt"].as_i64();
    for printer in ["leased", "foreign", "ends", "by-hand", "deleting"] {
        let row = world.row(printer).unwrap();
        assert!(
            row.get("foreignLease").is_none() && row.get("reapplyAt").is_none(),
            "{row}"
        );
        assert!(row["revision"].as_u64().unwrap() > (now as u64) << 20, "{row}");
    }
    assert_eq!(world.row("revoked").unwrap()["status"], "revoked");
    assert_eq!(world.row("replaced").unwrap()["status"], "replaced");
    assert_eq!(due("replaced"), None);
    assert_eq!(world.row("deleting").unwrap()["status"], "deleting");
    assert!(due("ends").unwrap() <= now + DAY);
}

#[tokio::test]
async fn a_row_that_is_here_wins() {
    let world = beside(20).await;
    assert_eq!(
        world.put(&name(4), json!({"appToken": "another-token"})).await.status,
        201
    );
    world.look().await;
    let report = run(&world.restoring(21).await).await;
    assert_eq!(report["restored"], 19, "{report}");
    assert_eq!(world.row(&name(4)).unwrap()["appToken"], "another-token");
    assert_eq!(
        (world.restore()["here"].clone(), world.holder_of(&token(4))),
        (json!(1), None)
    );
}

#[tokio::test]
async fn a_token_is_claimed_as_any_adopted_row_s() {
    let world = beside(3).await;
    // Registered here meanwhile: by the same tenant under another name, and by another tenant.
    assert_eq!(world.put("renamed", json!({"appToken": token(0)})).await.status, 201);
    let row = json!({"tenantId": "another", "printerRef": "x", "appToken": token(1), "status": "active", "revision": 9, "version": 1,
        "applied": 1, "attempts": 0, "renewedAt": world.now() - DAY, "webhookUrl": PUBLIC_URL, "keyVersion": KEY.version_id});
    world.aws.table(REGISTRATIONS, |table| table.put(item(&row)));
    let holder = json!({"id": claim(&token(1)), "tenantId": "another", "printerRef": "x"});
    world.aws.table(STATE, |table| table.put(item(&holder)));
    world.look().await;
    let report = run(&world.restoring(21).await).await;
    assert_eq!(report["restored"], 3, "{report}");
    assert_eq!(world.row("renamed").unwrap()["status"], "replaced");
    assert_eq!(world.row(&name(0)).unwrap()["status"], "active");
    let replaced = world.row(&name(1)).unwrap();
    assert_eq!(
        (&replaced["status"], replaced.get("appToken")),
        (&json!("replaced"), None)
    );
    assert!(
        replaced["lastError"]["message"]
            .as_str()
            .unwrap()
            .contains("another tenant")
    );
    assert!(
        world
            .announced()
            .iter()
            .any(|(news, _)| news == "dev.printbell.registration.replaced")
    );
}

#[tokio::test]
async fn a_row_that_cannot_be_read_comes_as_it_is_and_is_heard_of() {
    let world = beside(5).await;
    world.leave(&name(2), json!({"eventTypes": "all", "lease": {"id": 1, "until": 1}}));
    world.look().await;
    let renew = world.restoring(21).await;
    let report = run(&renew).await;
    assert_eq!(
        (&report["restored"], &world.restore()["unreadable"]),
        (&json!(5), &json!(1)),
        "{report}"
    );
    assert!(report["unreadable"].as_u64().unwrap() > 0, "{report}");
    let row = world.row(&name(2)).unwrap();
    assert_eq!(
        (&row["appToken"], &row["eventTypes"], row.get("lease")),
        (&json!(token(2)), &json!("all"), None)
    );
    // PUT repairs it.
    assert_eq!(world.put(&name(2), json!({})).await.status, 200);
}

#[tokio::test]
async fn what_died_in_the_middle_is_gone_on_with_and_costs_one_page() {
    let world = beside(450).await;
    world.look().await;
    let renew = world.restoring(21).await;
    // Each write takes a moment.
    world
        .aws
        .set(Service::DynamoDb, Behaviour::Slow(Duration::from_millis(20)));
    let dies = tokio::spawn(async move {
        let call = renew.call_within(Duration::from_secs(60), json!({"run": {}}).to_string());
        let _ = tokio::time::timeout(Duration::from_secs(600), call).await;
        renew
    });
    while world.here() < 130 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    dies.abort();
    world.aws.set(Service::DynamoDb, Behaviour::Ok);
    let before = world.here();
    assert!(before < 450, "{before}");
    assert_eq!(
        (world.restore()["phase"].clone(), world.restore()["place"].is_string()),
        (json!("takeOver"), true)
    );
    world.bury_the_dead();
    let report = run(&world.restoring(22).await).await;
    assert_eq!((&report["restores"], world.here()), (&json!(0), 450), "{report}");
    // Whose place wasn't written is found here.
    let here = world.restore()["here"].as_u64().unwrap();
    assert!((1..=100).contains(&here), "{here}");
    assert_eq!(world.restore()["takenOver"].as_u64().unwrap() + here, 450);
}

#[tokio::test]
async fn a_delete_is_final_whenever_it_comes() {
    let mut world = beside(450).await;
    world.look().await;
    world.register_restores(21).await;
    // Before its row has come.
    assert_eq!(world.delete(&name(400)).await.status, 204);
    let renew = world.restoring(21).await;
    world
        .aws
        .set(Service::DynamoDb, Behaviour::Slow(Duration::from_millis(20)));
    let dies = tokio::spawn(async move {
        let _ = renew
            .call_within(Duration::from_secs(60), json!({"run": {}}).to_string())
            .await;
    });
    while world.here() < 30 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    dies.abort();
    world.aws.set(Service::DynamoDb, Behaviour::Ok);
    world.bury_the_dead();
    // Of the page that was read and not written down; one that came, and one that didn't yet.
    let came = (0..100).find(|number| world.row(&name(*number)).is_some()).unwrap();
    let comes = (0..450)
        .rev()
        .find(|number| world.row(&name(*number)).is_none() && *number != 400)
        .unwrap();
    assert_eq!(world.delete(&name(came)).await.status, 204);
    assert_eq!(world.delete(&name(comes)).await.status, 204);
    let report = run(&world.restoring(22).await).await;
    assert_eq!((&report["restores"], world.here()), (&json!(0), 447), "{report}");
    for number in [came, comes, 400] {
        assert_eq!(world.row(&name(number)), None, "{number}");
    }
    assert_eq!(world.restore()["deleted"], 3);
    // And afterwards, when nothing has to be noted any more.
    let notes = |world: &World| {
        let is_note = |item: &_| plain(item)["id"].as_str().unwrap().starts_with("deleted/");
        world
            .aws
            .table(STATE, |table| table.items().filter(|item| is_note(item)).count())
    };
    assert_eq!(notes(&world), 3);
    assert_eq!(world.delete(&name(7)).await.status, 204);
    assert_eq!(world.delete("never-there").await.status, 204);
    assert_eq!(notes(&world), 3);
    let report = run(&world.restoring(60).await).await;
    assert_eq!((&report["restored"], world.here()), (&json!(0), 446), "{report}");
    // One that was deleted may be put again.
    assert_eq!(world.put(&name(400), json!({"appToken": token(400)})).await.status, 201);
}

#[tokio::test]
async fn a_source_whose_rows_change_is_refused_until_they_rest() {
    for change in [
        // Written by whoever renews it.
        json!({"revision": 4, "writtenBy": "another/1", "renewedAt": null}),
        // Somebody is at it.
        json!({"lease": {"id": 4, "until": 2_000_000_000_000_i64}, "dueAt": 2_000_000_000_060_i64}),
    ] {
        let world = beside(10).await;
        world.look().await;
        world.leave(&name(3), change.clone());
        let error = failure(&world.restoring(21).await).await;
        assert!(
            error.contains("change while they are read") && error.contains("switch its schedule off"),
            "{error}"
        );
        assert_eq!(world.here(), 0, "{change}");
        world.leave(&name(3), json!({"lease": null, "dueAt": 1}));
        let report = run(&world.restoring(22).await).await;
        assert_eq!((&report["restores"], world.here()), (&json!(1), 0), "{report}");
        let report = run(&world.restoring(43).await).await;
        assert_eq!(
            (&report["restores"], &report["restored"]),
            (&json!(0), &json!(10)),
            "{report}"
        );
    }
}

#[tokio::test]
async fn a_change_that_comes_while_rows_are_taken_over_ends_that() {
    let world = beside(250).await;
    world.look().await;
    // Half of the source is read, and then one is written of the rest.
    let restore = world.restore();
    let first = json!({
        "id": format!("restore/{SOURCE}"), "revision": 9, "table": restore["table"], "began": restore["began"], "phase": "takeOver",
        "since": restore["since"], "rows": 0, "sum": 0, "firstRows": restore["firstRows"], "firstSum": restore["firstSum"],
        "takenOver": 0, "unreadable": 0, "here": 0, "deleted": 0,
    });
    world.aws.table(STATE, |table| table.put(item(&first)));
    world.leave(
        &name(220),
        json!({"renewedAt": world.now() + 20 * MINUTE, "revision": 5}),
    );
    let error = failure(&world.restoring(22).await).await;
    assert!(
        error.contains("t/p220 was written after the restore had begun"),
        "{error}"
    );
    assert_eq!(
        (world.here(), world.restore()["phase"].clone()),
        (200, json!("firstLook"))
    );
}

#[tokio::test]
async fn what_is_no_source_is_refused_and_the_regular_work_goes_on() {
    let world = beside(3).await;
    world.put("due", json!({"appToken": "a-token-of-its-own"})).await;
    for (table, reason) in [
        (REGISTRATIONS, "the stack's own table"),
        (STATE, "isn't one of registrations"),
        ("nowhere", "can't be read"),
    ] {
        world.make_due("due", 1);
        let renew = world.restoring_with(0, &[("RESTORE_FROM_TABLE", table)]).await;
        let error = failure(&renew).await;
        assert!(error.contains(reason), "{error}");
        assert!(renew.output().contains(r#""renewed":1"#), "{}", renew.output());
    }
    assert_eq!(world.here(), 1);
}

#[tokio::test]
async fn what_is_known_of_a_restore_and_cannot_be_read_begins_nothing_anew() {
    let world = beside(3).await;
    let broken = json!({"id": format!("restore/{SOURCE}"), "revision": 3, "phase": "?"});
    world.aws.table(STATE, |table| table.put(item(&broken)));
    let error = failure(&world.restoring(30).await).await;
    assert!(error.contains("what is known of the restore can't be read"), "{error}");
    assert_eq!(world.here(), 0);
}

#[tokio::test]
async fn the_old_keys_end_once_every_webhook_is_set_anew() {
    let world = beside(20).await;
    world
        .octoeverywhere
        .set_behaviour_for(&token(7), AppBehaviour::Status(503));
    world.look().await;
    let renew = world.restoring(21).await;
    let report = run(&renew).await;
    assert_eq!(
        (&report["swept"], &report["sweepFailed"]),
        (&json!(19), &json!(1)),
        "{report}"
    );
    assert_eq!(world.old_labels(), 1);
    assert!(renew.output().contains("may still bear keys of the old secret"));
    world
        .octoeverywhere
        .set_behaviour_for(&token(7), AppBehaviour::Status(200));
    let day = 24 * 60;
    run(&world.restoring(day + 60).await).await;
    assert_eq!(world.old_labels(), 0);
    assert_eq!(world.restore()["endedSecret"], OLD_SECRET);
    // It isn't looked at any more.
    world
        .aws
        .secret(OLD_SECRET, |secret| secret.behaviour = Behaviour::Denied);
    let report = run(&world.restoring(2 * day + 120).await).await;
    assert_eq!(report["sweeps"], 0, "{report}");
    // The stack's own label is where it was.
    let own = format!("printbell-{}", KEY.key_id());
    assert!(
        world
            .aws
            .secrets(|secrets| secrets.versions.iter().any(|version| version.stages.contains(&own)))
    );
}

#[tokio::test]
async fn an_old_secret_that_cannot_be_had_is_heard_of_and_blocks_nothing() {
    for (gone, reason) in [(true, "there is no secret"), (false, "callbacks under its keys wait")] {
        let world = beside(5).await;
        world.aws.secret(OLD_SECRET, |secret| match gone {
            true => secret.is_deleted = true,
            false => secret.behaviour = Behaviour::Denied,
        });
        let error = failure(&world.restoring(0).await).await;
        assert!(error.contains(reason), "{error}");
        let renew = world.restoring(21).await;
        let error = failure(&renew).await;
        assert!(error.contains(reason), "{error}");
        assert!(renew.output().contains(r#""restored":5"#) && renew.output().contains(r#""swept":5"#));
    }
}

#[tokio::test]
async fn the_stack_s_own_secret_is_never_ended() {
    let world = beside(5).await;
    let own = [("RESTORE_SECRET_ARN", SECRET)];
    run(&world.restoring_with(0, &own).await).await;
    let report = run(&world.restoring_with(21, &own).await).await;
    assert_eq!(report["swept"], 5, "{report}");
    run(&world.restoring_with(3 * 24 * 60, &own).await).await;
    let label = format!("printbell-{}", KEY.key_id());
    assert!(
        world
            .aws
            .secrets(|secrets| secrets.versions.iter().any(|version| version.stages.contains(&label)))
    );
}

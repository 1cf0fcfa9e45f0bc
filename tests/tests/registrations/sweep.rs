//! What was applied is remembered, and what differs from what the stack says is set again by itself.

use std::time::Duration;

use printbell_harness::fixtures::{KEY, PUBLIC_URL, REGISTRATIONS, SECOND_KEY, STATE, SigningKey};
use printbell_harness::runtime_api::{Completion, Function};
use printbell_harness::stub_aws::{item, plain};
use printbell_harness::stub_octoeverywhere::AppBehaviour;
use serde_json::{Value, json};

use crate::world::{DAY, TOKEN, World, launch};

const MINUTE: i64 = 60;
const OTHER_URL: &str = "https://new.example.com";

fn name(number: usize) -> String {
    format!("p{number:03}")
}

fn token(number: usize) -> String {
    format!("{TOKEN}-{number}")
}

/// A world with so many registrations, set days ago under the present configuration, and none of them due.
async fn applied(count: usize) -> World {
    let world = World::new().await;
    for number in 0..count {
        world.apply(number);
    }
    world
}

impl World {
    /// A row that was set five days ago, and is due in ten.
    fn apply(&self, number: usize) {
        let set = self.now() - 5 * DAY;
        self.write_row(
            &name(number),
            json!({
                "appToken": token(number), "status": "active", "revision": 3, "version": 1, "applied": 1, "attempts": 0,
                "createdAt": set, "renewedAt": set, "webhookUrl": PUBLIC_URL, "keyVersion": KEY.version_id,
                "dueAt": self.now() + 10 * DAY, "dueShard": number % 16, "expiresAt": set + 180 * DAY,
            }),
        );
    }

    /// How often our label of this key is there.
    fn label_of(&self, key: &SigningKey) -> usize {
        let label = format!("printbell-{}", key.key_id());
        self.aws.secrets(|secrets| {
            let labels = secrets.versions.iter().flat_map(|version| &version.stages);
            labels.filter(|other| **other == label).count()
        })
    }

    fn sweep(&self) -> Value {
        let sweep = self.aws.table(STATE, |table| table.get(["sweep"]).cloned());
        sweep.map_or(Value::Null, |sweep| plain(&sweep))
    }

    /// Renew with other settings.
    async fn renew_with(&self, offset: i64, settings: &[(&str, &str)]) -> Function {
        let launch = launch(&self.aws, &self.octoeverywhere, "renew", offset);
        let launch = settings
            .iter()
            .fold(launch, |launch, (name, value)| launch.env(name, *value));
        launch.start().await.unwrap()
    }

    async fn invoke(&self, event: Value) -> Value {
        invoke(&self.renew, event).await
    }

    /// How often each of the first `count` was set since the calls were last forgotten.
    fn sets(&self, count: usize) -> Vec<usize> {
        let calls = self.octoeverywhere.calls();
        let of = |number: usize| {
            let token = token(number);
            let sets = calls.iter().filter(|call| call.api == "SetNotificationWebhook");
            sets.filter(|call| call.app_token == token).count()
        };
        (0..count).map(of).collect()
    }

    fn url_of(&self, number: usize) -> String {
        let webhook = self.octoeverywhere.webhook(&token(number)).unwrap_or_default();
        let url = webhook["WebhookUrl"]
            .as_str()
            .or(webhook["Url"].as_str())
            .unwrap_or_default();
        url.split("/octoeverywhere").next().unwrap_or_default().to_owned()
    }
}

async fn invoke(renew: &Function, event: Value) -> Value {
    let call = renew.call_within(Duration::from_secs(60), event.to_string()).await;
    call.json()
        .unwrap_or_else(|error| panic!("{error:#}\n{}", renew.output()))
}

#[tokio::test]
async fn a_new_url_reaches_every_registration_by_itself_and_once() {
    let world = applied(130).await;
    let at = async |minutes: i64| world.renew_with(minutes * MINUTE, &[("PUBLIC_URL", OTHER_URL)]).await;
    let report = invoke(&at(0).await, json!({"run": {}})).await;
    assert_eq!(
        (&report["sweeps"], &report["swept"]),
        (&json!(1), &json!(0)),
        "{report}"
    );
    // A run of the old configuration may be alive for as long.
    let report = invoke(&at(19).await, json!({"run": {}})).await;
    assert_eq!(
        (&report["sweeps"], &report["swept"]),
        (&json!(1), &json!(0)),
        "{report}"
    );
    assert_eq!(world.octoeverywhere.calls().len(), 0);
    let renew = at(21).await;
    let report = invoke(&renew, json!({"run": {}})).await;
    assert_eq!(
        (&report["sweeps"], &report["swept"]),
        (&json!(0), &json!(130)),
        "{report}"
    );
    assert_eq!(world.sets(130), [1; 130]);
    assert!((0..130).all(|number| world.url_of(number) == OTHER_URL));
    let row = world.row(&name(7)).unwrap();
    assert_eq!(
        (&row["webhookUrl"], &row["keyVersion"]),
        (&json!(OTHER_URL), &json!(KEY.version_id))
    );
    let report = invoke(&renew, json!({"run": {}})).await;
    assert_eq!(
        (&report["sweeps"], &report["swept"], world.octoeverywhere.calls().len()),
        (&json!(0), &json!(0), 130)
    );
}

#[tokio::test]
async fn an_old_configuration_that_is_still_alive_only_puts_the_sweep_off() {
    let world = applied(20).await;
    let new = async |minutes: i64| world.renew_with(minutes * MINUTE, &[("PUBLIC_URL", OTHER_URL)]).await;
    let old = async |minutes: i64| world.renew_with(minutes * MINUTE, &[]).await;
    for (renew, sweeps) in [
        (new(0).await, 1),
        (old(10).await, 1),
        (new(11).await, 1),
        (new(30).await, 1),
    ] {
        let report = invoke(&renew, json!({"run": {}})).await;
        assert_eq!(
            (&report["sweeps"], &report["swept"]),
            (&json!(sweeps), &json!(0)),
            "{report}"
        );
    }
    let report = invoke(&new(32).await, json!({"run": {}})).await;
    assert_eq!(
        (&report["sweeps"], &report["swept"]),
        (&json!(0), &json!(20)),
        "{report}"
    );
    assert_eq!(world.sets(20), [1; 20]);
}

#[tokio::test]
async fn what_the_old_configuration_sets_meanwhile_is_set_again() {
    let world = applied(10).await;
    let renew = world.renew_with(0, &[("PUBLIC_URL", OTHER_URL)]).await;
    invoke(&renew, json!({"run": {}})).await;
    // Register still has the old one.
    assert_eq!(world.put(&name(3), json!({"appToken": token(3)})).await.status, 200);
    assert_eq!(world.url_of(3), PUBLIC_URL);
    let renew = world.renew_with(21 * MINUTE, &[("PUBLIC_URL", OTHER_URL)]).await;
    let report = invoke(&renew, json!({"run": {}})).await;
    assert_eq!(report["swept"], 10, "{report}");
    assert!((0..10).all(|number| world.url_of(number) == OTHER_URL));
}

#[tokio::test]
async fn reapplying_sets_everything_that_is_wanted_and_says_what_that_takes() {
    let world = applied(130).await;
    world.write_row(&name(7), json!({"status": "revoked"}));
    world.write_row(&name(8), json!({"status": "suspended"}));
    let renew = world.renew_with(0, &[("MAX_CALLS_PER_SECOND", "2")]).await;
    let answer = invoke(&renew, json!({"reapply": {}})).await;
    let sweep = &answer["sweep"];
    // 130 at one a second are 0.036 of an hour.
    assert_eq!(
        (&sweep["rows"], &sweep["calls"], &sweep["hours"], &sweep["isEstimate"]),
        (&json!(130), &json!(130), &json!(0.04), &json!(false)),
        "{answer}"
    );
    let report = world.run().await;
    assert_eq!(
        (&report["sweeps"], &report["swept"]),
        (&json!(0), &json!(129)),
        "{report}"
    );
    let mut sets = [1; 130];
    sets[7] = 0;
    assert_eq!(world.sets(130), sets);
    assert_eq!(world.row(&name(8)).unwrap()["status"], "active");
    assert_eq!(world.run().await["swept"], 0);
}

#[tokio::test]
async fn reapplying_can_be_for_one_tenant_or_for_what_is_revoked() {
    let world = applied(10).await;
    for number in [2, 5] {
        world.write_row(
            &name(number),
            json!({"status": "revoked", "dueAt": null, "dueShard": null, "attempts": 4}),
        );
    }
    assert_eq!(
        world.invoke(json!({"reapply": {"tenantId": "nobody"}})).await["sweep"]["rows"],
        0
    );
    assert_eq!(world.run().await["swept"], 0);
    let answer = world.invoke(json!({"reapply": {"status": "revoked"}})).await;
    assert_eq!(answer["sweep"]["rows"], 2, "{answer}");
    assert_eq!(world.run().await["swept"], 2);
    assert_eq!(world.sets(10), [0, 0, 1, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(world.row(&name(2)).unwrap()["status"], "active");
    assert_eq!(
        world.invoke(json!({"reapply": {"tenantId": "t"}})).await["sweep"]["rows"],
        10
    );
    assert_eq!(world.run().await["swept"], 10);
}

#[tokio::test]
async fn a_sweep_goes_on_where_a_run_ended_and_where_one_died() {
    let world = applied(350).await;
    world.invoke(json!({"reapply": {}})).await;
    world.octoeverywhere.set_latency(Duration::from_millis(100));
    // Little time, and a kill in the middle.
    let (mut runs, mut swept) = (0, 0);
    while world.sweep()["lap"].is_object() {
        // What is set within the clocks' skew of the mark would be set again.
        let renew = world.renew_with(2 * MINUTE, &[("MAX_CALLS_PER_SECOND", "100")]).await;
        if runs == 1 {
            let run = tokio::spawn(async move {
                let call = renew.call_within(Duration::from_secs(40), "{}".to_owned());
                let _ = tokio::time::timeout(Duration::from_millis(1200), call).await;
                renew.kill().await;
            });
            run.await.unwrap();
            // Its turn and its leases are over with what would have been its end.
            world.aws.table(STATE, |table| {
                let mut sweep: Vec<_> = table
                    .items()
                    .filter(|item| plain(item)["id"] != "run")
                    .cloned()
                    .collect();
                table.clear();
                sweep.drain(..).for_each(|item| table.put(item));
            });
            for number in 0..350 {
                if world.row(&name(number)).unwrap().get("lease").is_some() {
                    world.write_row(&name(number), json!({"lease": {"id": 1, "until": 1}}));
                }
            }
        } else {
            let call = renew.call_within(Duration::from_secs(32), "{}").await;
            swept += call.json().unwrap()["swept"].as_u64().unwrap();
        }
        runs += 1;
        assert!(runs < 20);
    }
    assert!(runs >= 3 && swept > 0, "{runs} {swept}");
    let sets = world.sets(350);
    let twice = sets.iter().filter(|sets| **sets > 1).count();
    assert!(
        sets.iter().all(|sets| (1..=2).contains(sets)) && twice <= 40,
        "{sets:?}"
    );
}

#[tokio::test]
async fn a_new_reason_in_the_middle_goes_round_to_where_it_was() {
    let world = applied(300).await;
    world.octoeverywhere.set_latency(Duration::from_millis(50));
    world.invoke(json!({"reapply": {}})).await;
    // What is set within the clocks' skew of a mark would be set again.
    let renew = world.renew_with(2 * MINUTE, &[("MAX_CALLS_PER_SECOND", "60")]).await;
    let run = tokio::spawn(async move { renew.call_within(Duration::from_secs(45), "{}").await.json().unwrap() });
    while !world.sweep()["lap"]["place"].is_string() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!run.is_finished());
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let mark = world.now() + 2 * MINUTE;
    let operator = world.renew_with(2 * MINUTE, &[]).await;
    invoke(&operator, json!({"reapply": {}})).await;
    run.await.unwrap();
    let renew = world.renew_with(5 * MINUTE, &[]).await;
    while world.sweep()["lap"].is_object() {
        invoke(&renew, json!({"run": {}})).await;
    }
    let late = (0..300).filter(|number| world.row(&name(*number)).unwrap()["renewedAt"].as_i64().unwrap() >= mark);
    assert_eq!(late.count(), 300);
    assert!(world.sets(300).iter().all(|sets| *sets <= 2));
}

#[tokio::test]
async fn the_regular_work_has_half_of_the_calls_while_a_sweep_is_under_way() {
    let world = applied(200).await;
    for number in 0..100 {
        world.write_row(&name(number), json!({"dueAt": world.now() - 10}));
    }
    world.invoke(json!({"reapply": {}})).await;
    let renew = world.renew_with(0, &[("MAX_CALLS_PER_SECOND", "20")]).await;
    let call = renew.call_within(Duration::from_secs(24), "{}").await.json().unwrap();
    let sets = world.sets(200);
    let (due, others) = (sets[..100].iter().sum::<usize>(), sets[100..].iter().sum::<usize>());
    // Nine seconds of calls, and a sweep that passes the table in its order.
    assert!(due >= 80, "{due} {others} {call}");
}

#[tokio::test]
async fn callbacks_that_failed_and_work_again_have_everything_set_again() {
    let mut world = applied(10).await;
    let alarm = |previous: &str, state: &str| {
        json!({
            "source": "aws.cloudwatch", "alarmArn": "arn:aws:cloudwatch:eu-central-1:000000000000:alarm:CallbacksFailing",
            "alarmData": {"alarmName": "CallbacksFailing", "state": {"value": state}, "previousState": {"value": previous}},
        })
    };
    assert_eq!(world.invoke(alarm("INSUFFICIENT_DATA", "OK")).await, json!({}));
    assert_eq!(world.invoke(alarm("OK", "ALARM")).await, json!({}));
    assert_eq!(world.run().await["swept"], 0);
    let answer = world.invoke(alarm("ALARM", "OK")).await;
    assert_eq!(answer["sweep"]["rows"], 10, "{answer}");
    assert_eq!(world.run().await["swept"], 10);
    // Once a day at most, and none is forgotten.
    world.advance(60 * MINUTE).await;
    let answer = world.invoke(alarm("ALARM", "OK")).await;
    assert!(answer["sweep"]["begins"].is_string(), "{answer}");
    assert_eq!(world.run().await["swept"], 0);
    world.advance(DAY).await;
    assert_eq!(world.run().await["swept"], 10);
    assert_eq!(world.sets(10), [2; 10]);
    assert_eq!(world.sweep()["lap"], Value::Null);
}

#[tokio::test]
async fn what_a_sweep_cannot_set_is_told_and_tried_again_as_ever() {
    let world = applied(30).await;
    world
        .octoeverywhere
        .set_behaviour_for(&token(4), AppBehaviour::Status(503));
    world
        .octoeverywhere
        .set_behaviour_for(&token(5), AppBehaviour::Status(605));
    world.write_row(&name(6), json!({"eventTypes": "all"}));
    world.invoke(json!({"reapply": {}})).await;
    let report = world.run().await;
    assert_eq!(
        (
            &report["swept"],
            &report["sweepFailed"],
            &report["unreadable"],
            &report["sweeps"]
        ),
        (&json!(27), &json!(2), &json!(1), &json!(0)),
        "{report}"
    );
    assert!(world.renew.output().contains(r#""sweepFailed":2"#));
    let due = world.row(&name(4)).unwrap()["dueAt"].as_i64().unwrap() - world.now();
    assert!((30..90).contains(&due), "{due}");
    assert_eq!(world.row(&name(5)).unwrap()["status"], "suspended");
}

#[tokio::test]
async fn while_octoeverywhere_is_down_a_sweep_waits_and_loses_no_row() {
    let world = applied(130).await;
    world.invoke(json!({"reapply": {}})).await;
    world.everyone_gets(503);
    let report = world.run().await;
    assert_eq!(
        (&report["stopped"], &report["sweeps"]),
        (&json!("failing"), &json!(1)),
        "{report}"
    );
    world.everyone_gets(200);
    let mut world = world;
    world.advance(10 * MINUTE).await;
    let report = world.run().await;
    assert_eq!(report["sweeps"], 0, "{report}");
    world.advance(10 * MINUTE).await;
    world.run().await;
    let old = world.now() - DAY;
    let late = (0..130).filter(|number| world.row(&name(*number)).unwrap()["renewedAt"].as_i64().unwrap() > old);
    assert_eq!(late.count(), 130);
}

#[tokio::test]
async fn without_what_was_known_of_the_sweep_every_row_is_looked_at() {
    let world = applied(10).await;
    world.write_row(&name(4), json!({"webhookUrl": OTHER_URL}));
    world.write_row(&name(5), json!({"webhookUrl": null, "keyVersion": null}));
    for lost in [
        json!({"id": "sweep", "revision": "x"}),
        json!({"id": "sweep", "revision": 7, "lap": {"place": "?"}}),
    ] {
        world.aws.table(STATE, |table| table.put(item(&lost)));
        assert_eq!(world.run().await["sweeps"], 1, "{lost}");
    }
    let renew = world.renew_with(21 * MINUTE, &[]).await;
    assert_eq!(invoke(&renew, json!({})).await["swept"], 2);
    assert_eq!(world.sets(10), [0, 0, 0, 0, 1, 1, 0, 0, 0, 0]);
    assert_eq!(world.aws.table(REGISTRATIONS, |table| table.items().count()), 10);
}

#[tokio::test]
async fn what_is_asked_for_and_not_understood_is_refused() {
    let world = applied(1).await;
    for event in [
        json!({"reapply": {"status": "active"}}),
        json!({"retire": {"keyId": "nonsense"}}),
    ] {
        let call = world.renew.call(event.to_string()).await;
        assert!(matches!(call.completion, Completion::Failed(_)), "{event}");
    }
    assert_eq!(world.sweep()["lap"], Value::Null);
}

#[tokio::test]
async fn a_key_is_retired_once_no_webhook_bears_it() {
    let mut world = applied(30).await;
    world
        .octoeverywhere
        .set_behaviour_for(&token(7), AppBehaviour::Status(605));
    world.run().await;
    let retire = json!({"retire": {"keyId": KEY.key_id()}});
    let call = world.renew.call(retire.to_string()).await;
    let Completion::Failed(error) = call.completion else {
        panic!("the current key is retired")
    };
    assert!(String::from_utf8_lossy(&error).contains("rotate first"), "{error:?}");
    assert_eq!(world.sweep()["lap"], Value::Null);

    world.aws.secrets(|secrets| secrets.rotate(&SECOND_KEY));
    world.advance(10 * MINUTE).await;
    let answer = world.invoke(retire.clone()).await;
    assert_eq!(
        (&answer["isRetired"], &answer["sweep"]["rows"]),
        (&json!(false), &json!(30)),
        "{answer}"
    );
    // Who signs with it may have a call under way.
    assert_eq!(world.run().await["swept"], 0);
    world.advance(30 * MINUTE).await;
    let report = world.run().await;
    assert_eq!(
        (&report["swept"], &report["sweepFailed"]),
        (&json!(29), &json!(0)),
        "{report}"
    );
    assert_eq!(world.row(&name(3)).unwrap()["keyVersion"], SECOND_KEY.version_id);
    // This very run was the first to sign with the other one, so what it found proves nothing.
    assert_eq!(report["sweeps"], 1, "{report}");
    world.advance(30 * MINUTE).await;
    assert_eq!(world.run().await["sweeps"], 0);
    // Callbacks come under it yet: those of an owner who is no supporter now, and may be again.
    assert_eq!(world.label_of(&KEY), 1);
    assert!(world.renew.output().contains("may still bear the key"));
    world
        .octoeverywhere
        .set_behaviour_for(&token(7), AppBehaviour::Status(200));
    world.advance(DAY + 60 * MINUTE).await;
    // Whose slot has come meanwhile is renewed there.
    let is_due = |number| world.row(&name(number)).unwrap()["dueAt"].as_i64().unwrap() <= world.now();
    let mut sets: Vec<_> = (0..30).map(|number| 1 + usize::from(is_due(number))).collect();
    sets[7] = 3;
    world.run().await;
    assert_eq!(world.row(&name(7)).unwrap()["keyVersion"], SECOND_KEY.version_id);
    assert_eq!(world.label_of(&KEY), 0, "{}", world.sweep());
    assert_eq!(world.sets(30), sets);
}

#[tokio::test]
async fn a_key_that_leaked_is_refused_at_once_and_what_bears_it_is_set_again() {
    let mut world = applied(30).await;
    world.run().await;
    world.aws.secrets(|secrets| secrets.rotate(&SECOND_KEY));
    world.advance(10 * MINUTE).await;
    let retire = json!({"retire": {"keyId": KEY.key_id(), "force": true}});
    let answer = world.invoke(retire).await;
    assert_eq!(answer["isRetired"], true, "{answer}");
    assert_eq!(world.label_of(&KEY), 0);
    world.advance(7 * MINUTE).await;
    assert_eq!(world.run().await["swept"], 30);
    assert!((0..30).all(|number| world.row(&name(number)).unwrap()["keyVersion"] == SECOND_KEY.version_id));
}

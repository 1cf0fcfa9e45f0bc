//! What register and renew do about rotations, and who is let in afterwards.

use printbell_harness::fixtures::{KEY, SECOND_KEY, STATE, SigningKey, THIRD_KEY};
use printbell_harness::http_event;
use printbell_harness::stub_aws::{MOST_LABELS, plain};
use serde_json::{Value, json};

use crate::world::{DAY, TOKEN, World, launch};

impl World {
    fn token(printer: &str) -> String {
        format!("{TOKEN}-{printer}")
    }

    async fn register(&self, printer: &str) -> u16 {
        self.put(printer, json!({"appToken": Self::token(printer)}))
            .await
            .status
    }

    /// The query of the URL that OctoEverywhere holds for the printer.
    fn query(&self, printer: &str) -> String {
        let webhook = self.octoeverywhere.webhook(&Self::token(printer)).unwrap();
        let url = webhook["WebhookUrl"].as_str().unwrap();
        url.split_once('?').unwrap().1.to_owned()
    }

    /// Whether a printer's webhook was signed with this key.
    fn bears(&self, printer: &str, key: &SigningKey) -> bool {
        self.query(printer)
            .contains(&format!("callbackToken={}.", key.key_id()))
    }

    /// What a receiver that has just started answers to a printer's callback.
    async fn callback(&self, printer: &str) -> u16 {
        let receiver = launch(&self.aws, &self.octoeverywhere, "webhook", 0);
        let receiver = receiver.start().await.unwrap();
        let event = http_event::callback(&self.query(printer), "{}");
        receiver.call(event.to_string()).await.http().unwrap().status
    }

    fn rotate(&self, key: &SigningKey) {
        self.aws.secrets(|secrets| secrets.rotate(key));
    }

    /// The keys whose versions bear our label, in the order of their ids.
    fn labelled(&self) -> Vec<String> {
        let mut labels = self.aws.secrets(|secrets| {
            let stages = secrets.versions.iter().flat_map(|version| version.stages.clone());
            stages
                .filter_map(|stage| stage.strip_prefix("printbell-").map(str::to_owned))
                .collect::<Vec<_>>()
        });
        labels.sort();
        labels
    }

    /// What is remembered of the keys.
    fn record(&self) -> Option<Value> {
        let item = self.aws.table(STATE, |table| table.get(["keys"]).cloned());
        item.map(|item| plain(&item))
    }
}

#[tokio::test]
async fn the_second_rotation_within_a_cycle_refuses_nobody() {
    let mut world = World::new().await;
    assert_eq!(world.register("p1").await, 201);
    assert_eq!(world.labelled(), [KEY.key_id()]);
    for key in [SECOND_KEY, THIRD_KEY] {
        world.rotate(&key);
        world.run().await;
        assert_eq!(world.callback("p1").await, 200);
    }
    assert_eq!(world.labelled(), [KEY.key_id()], "none is taken up within a fortnight");
    world.advance(14 * DAY).await;
    world.run().await;
    assert_eq!(world.labelled(), [KEY.key_id(), THIRD_KEY.key_id()]);
    assert_eq!(world.register("p2").await, 201);
    assert!(world.bears("p2", &KEY), "the new key settles for two minutes");
    world.advance(121).await;
    assert_eq!(world.register("p3").await, 201);
    assert!(world.bears("p3", &THIRD_KEY));
    for printer in ["p1", "p2", "p3"] {
        assert_eq!(world.callback(printer).await, 200, "{printer}");
    }
    // The old key's label outlives each webhook that bears it, and no longer.
    for (days, labels) in [(194, 2), (2, 1)] {
        world.advance(days * DAY).await;
        world.run().await;
        assert_eq!(world.labelled().len(), labels, "{days}");
    }
}

#[tokio::test]
async fn a_label_that_a_rotation_takes_away_is_set_again_by_the_next_run_and_by_a_registration() {
    for by_run in [true, false] {
        let mut world = World::new().await;
        world.aws.secrets(|secrets| secrets.loses_labels = true);
        assert_eq!(world.register("p1").await, 201);
        world.rotate(&SECOND_KEY);
        assert_eq!(world.labelled(), [""; 0]);
        world.advance(600).await;
        if by_run {
            world.renew.call("{}").await;
        } else {
            world.register("p2").await;
        }
        assert_eq!(world.labelled(), [KEY.key_id()]);
        assert_eq!(world.callback("p1").await, 200);
        world.advance(121).await;
        assert_eq!(world.register("p2").await, 201);
        assert!(world.bears("p2", &KEY));
    }
}

#[tokio::test]
async fn a_new_secret_s_only_version_is_signed_with_at_once_and_no_other() {
    let mut world = World::new().await;
    world.rotate(&SECOND_KEY);
    assert_eq!(world.register("p1").await, 503);
    assert_eq!(world.labelled(), [SECOND_KEY.key_id()]);
    world.advance(121).await;
    assert_eq!(world.register("p1").await, 201);
    assert!(world.bears("p1", &SECOND_KEY));
}

#[tokio::test]
async fn what_was_taken_up_is_remembered_and_made_again_where_it_is_lost() {
    let mut world = World::new().await;
    assert_eq!(world.register("p1").await, 201);
    let record = world.record().unwrap();
    assert_eq!(record["inUse"], KEY.version_id);
    world.rotate(&SECOND_KEY);
    world.aws.table(STATE, |table| table.clear());
    world.advance(600).await;
    assert_eq!(
        world.register("p2").await,
        503,
        "nobody knows how long the label has been there"
    );
    world.advance(121).await;
    assert_eq!(world.register("p2").await, 201);
    assert!(world.bears("p2", &KEY));
}

#[tokio::test]
async fn a_label_that_is_refused_keeps_nobody_from_signing_with_the_key_before() {
    let mut world = World::new().await;
    assert_eq!(world.register("p1").await, 201);
    world.aws.secrets(|secrets| {
        secrets.rotate(&SECOND_KEY);
        for n in secrets.label_count()..MOST_LABELS {
            secrets
                .move_label(&format!("mine-{n}"), Some(KEY.version_id), None)
                .unwrap();
        }
    });
    world.advance(14 * DAY).await;
    assert_eq!(world.register("p2").await, 201);
    assert!(world.bears("p2", &KEY));
    assert_eq!(world.labelled(), [KEY.key_id()]);
    assert!(world.register.output().contains("LimitExceededException"));
}

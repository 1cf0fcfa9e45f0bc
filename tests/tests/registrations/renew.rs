//! Runs over what is due.

use serde_json::json;

use crate::world::{DAY, TOKEN, World};

#[tokio::test]
async fn a_run_renews_what_is_due_and_nothing_else() {
    let world = World::new().await;
    for printer in ["p1", "p2", "p3"] {
        world
            .put(
                printer,
                json!({"appToken": format!("{TOKEN}-{printer}"), "eventTypes": [1]}),
            )
            .await;
    }
    let before = world.octoeverywhere.webhook(&format!("{TOKEN}-p1"));
    world.octoeverywhere.reset();
    world.make_due("p1", 0);
    world.make_due("p2", world.now());
    let report = world.run().await;
    assert_eq!(
        (&report["due"], &report["renewed"], &report["leftOver"]),
        (&json!(2), &json!(2), &json!(0))
    );
    let left = report["secondsToNearestExpiry"].as_i64().unwrap();
    assert!((180 * DAY - 60..=180 * DAY).contains(&left), "{left}");
    assert_eq!(world.octoeverywhere.calls().len(), 2);
    assert_eq!(world.octoeverywhere.webhook(&format!("{TOKEN}-p1")), before);
    let report = world.run().await;
    assert_eq!(
        (&report["due"], &report["secondsToNearestExpiry"]),
        (&json!(0), &json!(null))
    );
}

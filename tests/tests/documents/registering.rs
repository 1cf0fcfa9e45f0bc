//! docs/registering.md: from the portal's final URL to a notification.

use percent_encoding::percent_decode_str;
use printbell_simulator::PortalVisit;
use serde_json::{Value, json};

use crate::person::Person;
use crate::scene::{Scene, eventually};
use crate::text::text;

const REGISTERING: &str = "docs/registering.md";

/// The app's address in the portal's URL, as the document has it.
fn return_url() -> String {
    let text = text(REGISTERING);
    let (_, after) = text
        .split_once("https://octoeverywhere.com/appportal/v1/?appId=devtest&returnUrl=")
        .unwrap();
    let encoded = after.lines().next().unwrap();
    percent_decode_str(encoded).decode_utf8().unwrap().into_owned()
}

#[tokio::test]
async fn the_walk_from_the_portal_ends_at_a_notification() {
    let scene = Scene::set().await;
    let back = scene
        .control
        .visit_portal(&PortalVisit::to(return_url()))
        .await
        .unwrap();
    let connection = back.connection.unwrap();
    scene.unregister_all().await;
    let queue = scene.subscribe("registering", &[]).await;

    let mut person = Person::new(scene.environment(&scene.owner())).await;
    person.set("COMPLETION_URL", &back.url).await;
    let mut screens = Vec::new();
    person
        .types_all(REGISTERING, async |_, screen| screens.push(screen.to_owned()))
        .await;

    let put = screens.iter().find(|screen| screen.contains("\"createdAt\"")).unwrap();
    let put: Value = serde_json::from_str(put).unwrap();
    assert_eq!(
        (&put["status"], &put["tenantId"]),
        (&json!("active"), &json!("abc123")),
        "{put}"
    );
    assert!(screens.iter().all(|screen| !screen.contains(connection.token.expose())));
    let message = eventually("the test notification", async || scene.messages(&queue).await.pop()).await;
    let event: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
    let told = ["type", "tenantid", "printerref", "room"].map(|name| event[name].as_str().unwrap());
    assert_eq!(told, ["com.octoeverywhere.test", "abc123", "p42", "lab"], "{event}");
}

//! README.md, from the deployed stack on.

use printbell_simulator::EventType;
use serde_json::{Value, json};

use crate::person::Person;
use crate::scene::{Scene, eventually};
use crate::text::{Block, blocks};

pub const README: &str = "README.md";

/// Who may call the registrations API, and who may do so for one tenant.
const ROLES: [(&str, &str); 2] = [("BACKEND_ROLE", "backend"), ("TENANT_ROLE", "tenant-abc123")];

/// What OctoEverywhere sends of a print that failed.
pub const FAILURE: &str =
    r#"{"PrinterId":"p","PrintId":"b1946ac9","EventType":3,"DurationSec":1530,"Error":"The nozzle is clogged."}"#;

fn block(with: &str) -> Block {
    let found: Vec<_> = blocks(README)
        .into_iter()
        .filter(|block| block.commands.contains(with))
        .collect();
    assert_eq!(found.len(), 1, "{with}");
    found[0].clone()
}

/// The JSON values that the screen shows, one after the other.
fn shown(screen: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(screen)
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

#[tokio::test]
async fn what_the_readme_says_works_as_it_stands() {
    let scene = Scene::set().await;
    let printer = scene.issue().await;
    let mut owner = Person::new(scene.environment(&scene.owner())).await;
    owner.set("APP_TOKEN", printer.token.expose()).await;
    owner.set("EMAIL", "you@example.com").await;
    for (variable, role) in ROLES {
        scene.make_role(role).await;
        owner.set(variable, role).await;
    }
    let mut reports = Vec::new();
    owner
        .types_all(README, async |block, screen| {
            if block.commands.contains("-X PUT") {
                let [put, get] = shown(screen).try_into().unwrap();
                assert_eq!(
                    (&put["status"], &put["metadata"]["room"]),
                    (&json!("active"), &json!("lab")),
                    "{put}"
                );
                assert_eq!(put, get);
            }
            if block.commands.contains("renew '") {
                reports.extend(
                    shown(screen)
                        .into_iter()
                        .filter(|value| value.get("StatusCode").is_none() && value.is_object()),
                );
            }
        })
        .await;

    sends_what_it_signs(&mut owner, false).await;
    hears_of_a_failure(&scene, &printer.printer_id).await;
    // Three sweeps are asked for, and the state is made again; the last is the key's retirement.
    assert_eq!(reports.len(), 5, "{reports:#?}");
    println!("{reports:#?}");
    may_call(&scene).await;
}

/// The queue that was subscribed gets what failed, and nothing else.
async fn hears_of_a_failure(scene: &Scene, printer: &printbell_simulator::PrinterId) {
    for event in [EventType::PRINT_STARTED, EventType::PRINT_FAILED] {
        let delivery = scene.control.fire(printer, event).await.unwrap();
        assert_eq!(delivery.status(), Some(200), "{delivery:?}");
    }
    // The second of these was a cancel.
    let delivery = scene.control.fire_payload(printer, FAILURE).await.unwrap();
    assert_eq!(delivery.status(), Some(200), "{delivery:?}");
    let queue = scene
        .aws
        .sqs("GetQueueUrl", &json!({"QueueName": "prints"}))
        .await
        .unwrap();
    let url = queue["QueueUrl"].as_str().unwrap();
    let messages = eventually("a notification", async || {
        Some(scene.messages(url).await).filter(|messages| !messages.is_empty())
    });
    let messages = messages.await;
    let event: Value = serde_json::from_str(messages[0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(
        (messages.len(), &event["type"]),
        (1, &json!("com.octoeverywhere.print.failed")),
        "{messages:?}"
    );
    assert_eq!((&event["tenantid"], &event["room"]), (&json!("abc123"), &json!("lab")));
}

/// The emulator forgives a header that is signed and not sent, as an empty one; AWS doesn't.
async fn sends_what_it_signs(person: &mut Person, has_token: bool) {
    let commands = "api /abc123 -sv -o /dev/null 2>&1 | tr -d '\\r'\n".to_owned();
    let screen = person
        .types(&Block {
            commands,
            ..block("-X PUT")
        })
        .await
        .to_lowercase();
    let sent: Vec<_> = screen
        .lines()
        .filter_map(|line| line.strip_prefix("> ")?.split_once(':'))
        .collect();
    let (_, signed) = screen.split_once("signedheaders=").unwrap();
    let signed: Vec<_> = signed.split(',').next().unwrap().split(';').collect();
    for name in &signed {
        assert!(
            sent.iter().any(|(known, _)| known == name),
            "{name} is signed and not sent: {screen}"
        );
    }
    assert_eq!(signed.contains(&"x-amz-security-token"), has_token, "{signed:?}");
}

/// The policies allow what they say, and no more; sessions come with a token, which the same line sends.
async fn may_call(scene: &Scene) {
    let (api, put) = (block("api() {"), block("-X PUT"));
    let [backend, tenant] = ROLES.map(|(_, role)| role);
    for role in [backend, tenant] {
        let session = scene.assume(role).await;
        assert!(session.session_token.is_some());
        let mut person = Person::new(scene.environment(&session)).await;
        let outputs = &scene.stack.outputs;
        for (name, value) in [("API_URL", outputs.api_url.as_str()), ("REGION", &scene.stack.region)] {
            person.set(name, value).await;
        }
        let printer = scene.issue().await;
        person.set("APP_TOKEN", printer.token.expose()).await;
        person.types(&api).await;
        let screen = person.types(&put).await;
        assert_eq!(shown(&screen)[0]["status"], "active", "{role}: {screen}");
        sends_what_it_signs(&mut person, true).await;
        let mut answers = Vec::new();
        for path in ["/abc123", "", "/abc12", "/abc1234", "/abc1234/p1", "/abc12/p1"] {
            let ask = Block {
                commands: format!("api '{path}' -o /dev/null -w '%{{http_code}}' --no-fail-with-body\n"),
                ..put.clone()
            };
            answers.push(person.types(&ask).await.trim().to_owned());
        }
        let expected = if role == backend {
            ["200", "200", "200", "200", "404", "404"]
        } else {
            ["200", "403", "403", "403", "403", "403"]
        };
        assert_eq!(answers, expected, "{role}");
    }
}

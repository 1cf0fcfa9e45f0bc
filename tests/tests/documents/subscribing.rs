//! docs/subscribing.md: its commands, its function that posts to a chat, and what its filter policies let through.

use std::collections::BTreeMap;

use printbell_harness::endpoint::Endpoint;
use printbell_shared::notification::message::Message;
use serde_json::{Value, json};

use crate::messages::{all, attribute, of_another_tenant, shouting};
use crate::person::Person;
use crate::scene::{Scene, eventually};
use crate::text::{snippets, text};

const SUBSCRIBING: &str = "docs/subscribing.md";

/// Puts a message on the topic, as the receiver does.
async fn publish(scene: &Scene, message: &Message) {
    let mut parameters = vec![
        ("TopicArn".to_owned(), scene.stack.outputs.topic_arn.clone()),
        ("Message".to_owned(), message.body.clone()),
    ];
    for (attribute, number) in message.attributes.iter().zip(1..) {
        let entry = format!("MessageAttributes.entry.{number}");
        parameters.extend([
            (format!("{entry}.Name"), attribute.name.clone().into_owned()),
            (
                format!("{entry}.Value.DataType"),
                attribute.data_type.clone().into_owned(),
            ),
            (format!("{entry}.Value.StringValue"), attribute.value.clone()),
        ]);
    }
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
    scene.aws.sns("Publish", &parameters).await.unwrap();
}

/// All that waits in a queue, taken out.
async fn drain(scene: &Scene, queue_url: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        match scene.messages(queue_url).await {
            messages if messages.is_empty() => return all,
            messages => all.extend(messages),
        }
    }
}

/// The URL of a queue that the document has made.
async fn queue(scene: &Scene, name: &str) -> String {
    let queue = scene.aws.sqs("GetQueueUrl", &json!({"QueueName": name})).await.unwrap();
    queue["QueueUrl"].as_str().unwrap().to_owned()
}

/// What a message is about: the `type` of its event, less the first two parts, with the outcome, and whose it is if it isn't `abc123`'s.
fn event(message: &Value) -> String {
    let event: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
    let text = |name: &str| event[name].as_str();
    let outcome = text("outcome").map_or(String::new(), |outcome| format!(" ({outcome})"));
    let tenant = text("tenantid").filter(|tenant| *tenant != "abc123");
    let tenant = tenant.map_or(String::new(), |tenant| format!(" of {tenant}"));
    let name = text("type").unwrap().splitn(3, '.').nth(2).unwrap();
    format!("{name}{outcome}{tenant}")
}

#[tokio::test]
async fn what_it_says_works_as_it_stands() {
    let scene = Scene::set().await;
    scene.register_alone("abc123", "p42").await;
    let endpoint = Endpoint::start().await.unwrap();
    let at = |path: &str| format!("http://{}{path}", endpoint.address());
    let mut person = Person::new(scene.environment(&scene.owner())).await;
    for (name, value) in [
        ("EMAIL", "you@example.com"),
        ("TOKEN", "of-the-first-mail"),
        ("CHAT_URL", &at("/services/T0/B0/x")),
        ("ENDPOINT", &at("/app")),
        ("PHONE", "+15550100"),
        ("DEVICE_TOKEN", "of-the-app"),
    ] {
        person.set(name, value).await;
    }
    let programs = snippets(SUBSCRIBING);
    let mut chats = programs
        .iter()
        .filter(|snippet| snippet.program.contains("def handler("));
    let chat = &chats.next().unwrap().program;
    assert!(
        chats.next().is_none() && (25..=35).contains(&chat.lines().count()),
        "{chat}"
    );
    std::fs::write(person.home().join("chat.py"), chat).unwrap();
    std::fs::write(
        person.home().join("service-account.json"),
        r#"{"type":"service_account"}"#,
    )
    .unwrap();

    person
        .types_all(SUBSCRIBING, async |block, screen| {
            if block.commands.contains("aws sqs receive-message") {
                assert!(screen.contains("com.octoeverywhere.test"), "{screen}");
                // It was only looked at.
                let events = drain(&scene, &queue(&scene, "printbell-app").await).await;
                assert_eq!(events.iter().map(event).collect::<Vec<_>>(), ["test"]);
            }
            if block.commands.contains("aws lambda create-function") {
                all_is_heard(&scene, &endpoint).await;
                posts_to_discord(&scene, &endpoint).await;
                for name in ["printbell-undelivered", "printbell-chat-failed"] {
                    let url = queue(&scene, name).await;
                    assert_eq!(drain(&scene, &url).await, Vec::<Value>::new(), "{name}");
                }
            }
        })
        .await;
    for name in ["printbell-app", "printbell-undelivered", "printbell-chat-failed"] {
        let queue = json!({"QueueName": name});
        scene.aws.sqs("GetQueueUrl", &queue).await.unwrap_err();
    }
    let asked = endpoint.posts("/app");
    let is_confirmation = |header: &http::HeaderValue| header == "SubscriptionConfirmation";
    assert!(
        asked[0]
            .headers
            .get("x-amz-sns-message-type")
            .is_some_and(is_confirmation),
        "{asked:?}"
    );
}

/// The chat shows what matters, and the queue has everything but progress.
async fn all_is_heard(scene: &Scene, endpoint: &Endpoint) {
    let messages: Vec<_> = all().into_iter().chain([shouting()]).collect();
    for message in &messages {
        publish(scene, message).await;
    }
    let wants =
        |message: &&Message| attribute(message, "severity") != "info" || attribute(message, "outcome") == "complete";
    let expected = messages.iter().filter(wants).count();
    let posts = eventually("the chat's lines", async || {
        Some(endpoint.posts("/services/")).filter(|posts| posts.len() >= expected)
    });
    let posts: Vec<Value> = posts
        .await
        .iter()
        .map(|post| serde_json::from_str(&post.body).unwrap())
        .collect();
    let mut lines: Vec<_> = posts.iter().map(|post| post["text"].as_str().unwrap()).collect();
    lines.sort_unstable();
    insta::assert_snapshot!("the_chat_shows_it", lines.join("\n"));
    let events: Vec<_> = drain(scene, &queue(scene, "printbell-app").await)
        .await
        .iter()
        .map(event)
        .collect();
    let progress = messages
        .iter()
        .filter(|message| attribute(message, "event") == "print.progress")
        .count();
    assert!(progress > 0 && events.len() == messages.len() - progress, "{events:?}");
}

/// The same function, with the URL of another chat; it has to start anew.
async fn posts_to_discord(scene: &Scene, endpoint: &Endpoint) {
    let url = format!("http://{}/discord/api/webhooks/1/x", endpoint.address());
    let secret = json!({"SecretId": "printbell-chat", "SecretString": url, "ClientRequestToken": "d".repeat(32)});
    scene.aws.secrets("PutSecretValue", &secret).await.unwrap();
    scene
        .aws
        .set_environment("printbell-chat", &[("CHANGED", Some("yes"))])
        .await
        .unwrap();
    publish(scene, &shouting()).await;
    let post = eventually("a line in the other chat", async || endpoint.posts("/discord/").pop()).await;
    let post: Value = serde_json::from_str(&post.body).unwrap();
    assert!(
        post["content"].as_str().unwrap().contains("failed: <!everyone> & co"),
        "{post}"
    );
    assert_eq!(post["allowed_mentions"], json!({"parse": []}), "{post}");
}

/// The filter policies of the table, each with what it is for.
fn policies() -> BTreeMap<String, String> {
    let text = text(SUBSCRIBING);
    let (_, filters) = text.split_once("\n## Filters\n").unwrap();
    let (filters, _) = filters.split_once("\n## ").unwrap();
    let rows = filters.lines().filter_map(|line| {
        let (wish, policy) = line.strip_prefix("| ")?.strip_suffix("` |")?.split_once(" | `")?;
        policy.starts_with('{').then(|| (policy.to_owned(), wish.to_owned()))
    });
    rows.collect()
}

#[tokio::test]
async fn a_filter_lets_through_what_it_is_for() {
    let scene = Scene::set().await;
    let policies = policies();
    let mut queues = Vec::new();
    for ((policy, wish), number) in policies.iter().zip(1..) {
        let scope = if wish.contains("MessageBody") {
            "MessageBody"
        } else {
            "MessageAttributes"
        };
        let attributes = [("FilterPolicy", policy.as_str()), ("FilterPolicyScope", scope)];
        queues.push((scene.subscribe(&format!("filter-{number}"), &attributes).await, policy));
    }
    for message in all().iter().chain([&of_another_tenant()]) {
        publish(&scene, message).await;
    }
    let mut table = Vec::new();
    for (queue, policy) in &queues {
        let mut events: Vec<_> = drain(&scene, queue).await.iter().map(event).collect();
        assert!(!events.is_empty(), "{policy}");
        events.sort_unstable();
        table.push(format!("{policy}\n  {}", events.join(", ")));
        scene.aws.sqs("DeleteQueue", &json!({"QueueUrl": queue})).await.unwrap();
    }
    println!("{} filter policies tried", table.len());
    insta::assert_snapshot!(table.join("\n"));
}

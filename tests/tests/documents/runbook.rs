//! docs/runbook.md, on a stack that has some of the troubles.

use jiff::{SignedDuration, Timestamp};
use printbell_harness::aws::xml_texts;
use serde_json::{Value, json};

use crate::person::Person;
use crate::scene::{Scene, eventually};

const RUNBOOK: &str = "docs/runbook.md";

/// What Printbell can't be asked to delete.
const TENANT: &str = "no tenant";
const PRINTER: &str = "no printer";

async fn waiting(scene: &Scene, queue_url: &str) -> u32 {
    let request = json!({"QueueUrl": queue_url, "AttributeNames": ["All"]});
    let attributes = scene.aws.sqs("GetQueueAttributes", &request).await.unwrap();
    let count = |name: &str| attributes["Attributes"][name].as_str().unwrap().parse::<u32>().unwrap();
    count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible")
}

async fn bad_row(scene: &Scene) -> Value {
    let key = json!({"tenantId": {"S": TENANT}, "printerRef": {"S": PRINTER}});
    let request = json!({"TableName": scene.stack.outputs.table_name, "Key": key});
    scene.aws.dynamodb("GetItem", &request).await.unwrap()["Item"].clone()
}

/// A queue that is subscribed, without a dead-letter queue of the subscription's own; answers with the subscription's ARN.
async fn subscription(scene: &Scene) -> String {
    let endpoint = "arn:aws:sqs:us-east-1:000000000000:runbook";
    scene
        .aws
        .sqs("CreateQueue", &json!({"QueueName": "runbook"}))
        .await
        .unwrap();
    let topic = scene.stack.outputs.topic_arn.as_str();
    let subscribe = [("TopicArn", topic), ("Protocol", "sqs"), ("Endpoint", endpoint)];
    let xml = scene.aws.sns("Subscribe", &subscribe).await.unwrap();
    xml_texts(&xml, "SubscriptionArn").pop().unwrap()
}

#[tokio::test]
async fn what_the_runbook_says_works_as_it_stands() {
    let scene = Scene::set().await;
    let outputs = &scene.stack.outputs;
    let failed_runs = scene.resource("FailedRunsQueue").await;
    for queue in [&outputs.dead_letter_queue_url, &failed_runs] {
        let message = json!({"QueueUrl": queue, "MessageBody": "of the runbook's test"});
        scene.aws.sqs("SendMessage", &message).await.unwrap();
    }
    let row = json!({"tenantId": {"S": TENANT}, "printerRef": {"S": PRINTER}});
    let put = json!({"TableName": outputs.table_name, "Item": row});
    scene.aws.dynamodb("PutItem", &put).await.unwrap();
    let key = json!({"KeyId": outputs.key_arn});
    scene.aws.json("kms", "TrentService", "DisableKey", &key).await.unwrap();
    let subscription = subscription(&scene).await;

    let mut person = Person::new(scene.environment(&scene.owner())).await;
    let minute_before = (Timestamp::now() - SignedDuration::from_mins(1))
        .strftime("%FT%TZ")
        .to_string();
    for (name, value) in [
        ("SUBSCRIPTION_ARN", subscription.as_str()),
        ("YOUR_QUEUE_ARN", "arn:aws:sqs:us-east-1:000000000000:runbook"),
        ("TENANT_ID", TENANT),
        ("PRINTER_REF", PRINTER),
        ("MINUTE_BEFORE", &minute_before),
    ] {
        person.set(name, value).await;
    }
    let (mut seen, mut runs) = (0, 0);
    person
        .types_all(RUNBOOK, async |block, screen| {
            seen += screen.matches("of the runbook's test").count();
            if block.commands.contains("renew '{") {
                assert!(
                    screen.contains("\"StatusCode\": 200") && !screen.contains("FunctionError"),
                    "{screen}"
                );
                runs += 1;
            }
        })
        .await;

    assert!(seen >= 2, "each queue's message was looked at: {seen}");
    assert!(runs >= 7, "{runs}");
    for queue in [&outputs.dead_letter_queue_url, &failed_runs] {
        eventually("an empty queue", async || {
            (waiting(&scene, queue).await == 0).then_some(())
        })
        .await;
    }
    assert_eq!(bad_row(&scene).await, Value::Null);
    let key = scene
        .aws
        .json("kms", "TrentService", "DescribeKey", &key)
        .await
        .unwrap();
    assert_eq!(key["KeyMetadata"]["KeyState"], "Enabled");
    let attributes = [("SubscriptionArn", subscription.as_str())];
    let attributes = scene.aws.sns("GetSubscriptionAttributes", &attributes).await.unwrap();
    assert!(attributes.contains("deadLetterTargetArn"), "{attributes}");
    let restored = json!({"TableName": "printbell-restored"});
    let restored = scene.aws.dynamodb("DescribeTable", &restored).await.unwrap();
    assert_eq!(restored["Table"]["TableName"], "printbell-restored");
}

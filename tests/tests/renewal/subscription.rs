//! What the topic says, as a subscriber hears it.

use serde_json::{Value, json};

use crate::world::{World, eventually};

const PREFIX: &str = "dev.printbell.registration.";

/// A queue that gets what the topic says about this test's registrations, and about those of its other tenant.
pub struct Subscription<'a> {
    world: &'a World,
    queue: String,
}

impl<'a> Subscription<'a> {
    pub async fn new(world: &'a World) -> Self {
        let created = world
            .aws
            .sqs("CreateQueue", &json!({"QueueName": world.tenant}))
            .await
            .unwrap();
        let queue = created["QueueUrl"].as_str().unwrap().to_owned();
        let request = json!({"QueueUrl": queue, "AttributeNames": ["QueueArn"]});
        let attributes = world.aws.sqs("GetQueueAttributes", &request).await.unwrap();
        let arn = attributes["Attributes"]["QueueArn"].as_str().unwrap();
        let topic_may_send = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": world.stack.outputs.topic_arn}},
        }]});
        let policy = json!({"QueueUrl": queue, "Attributes": {"Policy": topic_may_send.to_string()}});
        world.aws.sqs("SetQueueAttributes", &policy).await.unwrap();
        let of_this_test = json!({"tenantId": [world.tenant, world.another_tenant().tenant]}).to_string();
        let subscribe = [
            ("TopicArn", world.stack.outputs.topic_arn.as_str()),
            ("Protocol", "sqs"),
            ("Endpoint", arn),
            ("Attributes.entry.1.key", "RawMessageDelivery"),
            ("Attributes.entry.1.value", "true"),
            ("Attributes.entry.2.key", "FilterPolicy"),
            ("Attributes.entry.2.value", &of_this_test),
        ];
        world.aws.sns("Subscribe", &subscribe).await.unwrap();
        Self { world, queue }
    }

    /// The first `count` events, in the order of their times: `p1 active`.
    pub async fn receive(&self, count: usize) -> Vec<String> {
        let mut events: Vec<(String, String)> = Vec::new();
        eventually("lifecycle events", async || {
            let request = json!({"QueueUrl": self.queue, "MaxNumberOfMessages": 10});
            let received = self.world.aws.sqs("ReceiveMessage", &request).await.unwrap();
            for message in received["Messages"].as_array().into_iter().flatten() {
                let event: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
                let news = event["type"].as_str().unwrap().trim_start_matches(PREFIX);
                let text = format!("{} {news}", event["printerref"].as_str().unwrap());
                events.push((event["time"].to_string(), text));
                let handle = json!({"QueueUrl": self.queue, "ReceiptHandle": message["ReceiptHandle"]});
                self.world.aws.sqs("DeleteMessage", &handle).await.unwrap();
            }
            (events.len() >= count).then_some(())
        })
        .await;
        events.sort();
        events.into_iter().map(|(_, text)| text).collect()
    }
}

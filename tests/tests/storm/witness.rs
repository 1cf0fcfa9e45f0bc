//! Sees what comes out of the topic.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use printbell_harness::aws::Aws;
use printbell_harness::stack::Stack;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A notification that came out.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The number in its payload.
    pub number: usize,
    /// How often it came.
    pub copies: usize,
    /// From its receipt to its coming out, the first time.
    pub delay: SignedDuration,
}

type Arrivals = HashMap<String, Arrival>;

/// A queue that is subscribed to one tenant's notifications, and read all the time.
pub struct Witness {
    arrivals: watch::Receiver<Arrivals>,
    reading: JoinHandle<()>,
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Witness {
    pub async fn subscribe(stack: &Stack, tenant: &str) -> Self {
        let aws = stack.aws();
        let topic = &stack.outputs.topic_arn;
        let created = aws.sqs("CreateQueue", &json!({"QueueName": tenant})).await.unwrap();
        let queue = created["QueueUrl"].as_str().unwrap().to_owned();
        let request = json!({"QueueUrl": queue, "AttributeNames": ["QueueArn"]});
        let attributes = aws.sqs("GetQueueAttributes", &request).await.unwrap();
        let arn = attributes["Attributes"]["QueueArn"].as_str().unwrap().to_owned();
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }]});
        let attributes = json!({"QueueUrl": queue, "Attributes": {"Policy": policy.to_string()}});
        aws.sqs("SetQueueAttributes", &attributes).await.unwrap();
        let filter = json!({"tenantId": [tenant]}).to_string();
        let subscription = [
            ("TopicArn", topic.as_str()),
            ("Protocol", "sqs"),
            ("Endpoint", &arn),
            ("Attributes.entry.1.key", "RawMessageDelivery"),
            ("Attributes.entry.1.value", "true"),
            ("Attributes.entry.2.key", "FilterPolicy"),
            ("Attributes.entry.2.value", &filter),
        ];
        aws.sns("Subscribe", &subscription).await.unwrap();
        let (sender, arrivals) = watch::channel(Arrivals::new());
        let reading = tokio::spawn(read(aws, queue, sender));
        Self { arrivals, reading }
    }

    /// Waits until all of these have come out and nothing more comes, or for so long; tells everything that came.
    pub async fn wait_for<'a>(mut self, ids: impl Iterator<Item = &'a str>, patience: Duration) -> Arrivals {
        let ids: Vec<_> = ids.collect();
        let until = Instant::now() + patience;
        loop {
            let complete = {
                let arrivals = self.arrivals.borrow_and_update();
                ids.iter().all(|id| arrivals.contains_key(*id))
            };
            let quiet = tokio::time::timeout(Duration::from_secs(5), self.arrivals.changed())
                .await
                .is_err();
            if (complete && quiet) || Instant::now() > until {
                return self.arrivals.borrow().clone();
            }
        }
    }
}

async fn read(aws: Aws, queue: String, sender: watch::Sender<Arrivals>) {
    let receive = json!({"QueueUrl": queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1});
    loop {
        let Ok(answer) = aws.sqs("ReceiveMessage", &receive).await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        if messages.is_empty() {
            continue;
        }
        let handle =
            |(n, message): (usize, &Value)| json!({"Id": n.to_string(), "ReceiptHandle": message["ReceiptHandle"]});
        let handles: Vec<_> = messages.iter().enumerate().map(handle).collect();
        sender.send_modify(|arrivals| messages.iter().for_each(|message| take(arrivals, message)));
        // One that isn't deleted comes again, and is counted as a duplicate: so it must be.
        aws.sqs("DeleteMessageBatch", &json!({"QueueUrl": queue, "Entries": handles}))
            .await
            .unwrap();
    }
}

fn take(arrivals: &mut Arrivals, message: &Value) {
    let event: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
    let number = usize::try_from(event["data"]["Number"].as_u64().unwrap()).unwrap();
    let id = event["id"].as_str().unwrap().to_owned();
    let received: Timestamp = event["time"].as_str().unwrap().parse().unwrap();
    let first = Arrival {
        number,
        copies: 0,
        delay: Timestamp::now().duration_since(received),
    };
    arrivals.entry(id).or_insert(first).copies += 1;
}

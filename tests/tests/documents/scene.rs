//! A stack that a test has to itself, as somebody sees it who believes that it is on AWS.

use std::time::Duration;

use http::Method;
use printbell_harness::aws::{Aws, Credentials};
use printbell_harness::deployment::physical_id;
use printbell_harness::stack::{DOCUMENTS_STACKS_VARIABLE, Lease, Stack};
use printbell_harness::surroundings::Surroundings;
use printbell_simulator::{AppConnection, Control, NewPrinter};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Longest wait for something that comes by itself.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Scene {
    pub stack: Stack,
    pub aws: Aws,
    pub control: Control,
    surroundings: Surroundings,
    _lease: Lease,
}

impl Scene {
    /// The doors answer under their own names, with TLS, to a `curl` that is told where they are.
    pub async fn set() -> Self {
        let lease = Stack::lease(DOCUMENTS_STACKS_VARIABLE).await.unwrap();
        let stack = lease.stack.clone();
        Self {
            aws: stack.aws(),
            control: Control::new(&stack.simulator),
            surroundings: Surroundings::of(&stack).await.unwrap(),
            stack,
            _lease: lease,
        }
    }

    /// What `aws` and `curl` find in their environment.
    pub fn environment(&self, principal: &Credentials) -> Vec<(&'static str, String)> {
        self.surroundings.environment(principal)
    }

    /// Who has deployed the stack.
    pub fn owner(&self) -> Credentials {
        self.stack.owner.clone()
    }

    /// A role that may do nothing, until a document says what.
    pub async fn make_role(&self, name: &str) {
        let anybody = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole",
        }]});
        let role = [("RoleName", name), ("AssumeRolePolicyDocument", &anybody.to_string())];
        self.aws.iam("CreateRole", &role).await.unwrap();
    }

    /// A session of a role.
    pub async fn assume(&self, name: &str) -> Credentials {
        let arn = format!("arn:aws:iam::000000000000:role/{name}");
        self.aws.assume_role(&arn, "documents").await.unwrap()
    }

    /// A printer whose owner has just been through the portal.
    pub async fn issue(&self) -> AppConnection {
        self.control
            .issue_printer(&NewPrinter::named("Workshop"))
            .await
            .unwrap()
    }

    /// Deletes every registration, the other tests' included.
    pub async fn unregister_all(&self) {
        let (api, owner) = (self.stack.api(), &self.stack.owner);
        let all = api
            .call_as(owner, Method::GET, "/registrations", &Value::Null)
            .await
            .unwrap();
        for item in all.json().unwrap()["items"].as_array().unwrap() {
            let [tenant, printer] = ["tenantId", "printerRef"].map(|name| item[name].as_str().unwrap());
            let path = format!("/registrations/{tenant}/{printer}");
            let deleted = api.call_as(owner, Method::DELETE, &path, &Value::Null).await.unwrap();
            assert_eq!(deleted.status, 204, "{path}: {}", deleted.text());
        }
    }

    /// Registers a printer as this one of a tenant's, in every other registration's place.
    pub async fn register_alone(&self, tenant: &str, printer: &str) {
        self.unregister_all().await;
        let body = json!({"appToken": self.issue().await.token.expose()});
        let path = format!("/registrations/{tenant}/{printer}");
        let (api, owner) = (self.stack.api(), &self.stack.owner);
        let put = api.call_as(owner, Method::PUT, &path, &body).await.unwrap();
        assert_eq!(put.status, 201, "{}", put.text());
    }

    /// A queue that gets what the topic has, as this subscription's other attributes say; answers with its URL.
    pub async fn subscribe(&self, queue: &str, attributes: &[(&str, &str)]) -> String {
        let topic = self.stack.outputs.topic_arn.as_str();
        let arn = format!("arn:aws:sqs:{}:000000000000:{queue}", self.stack.region);
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }]});
        let create = json!({"QueueName": queue, "Attributes": {"Policy": policy.to_string()}});
        let created = self.aws.sqs("CreateQueue", &create).await.unwrap();
        let mut subscribe = vec![("TopicArn", topic), ("Protocol", "sqs"), ("Endpoint", &arn)];
        let raw = [("RawMessageDelivery", "true")];
        let names: Vec<[String; 2]> = (1..=attributes.len() + raw.len())
            .map(|number| ["key", "value"].map(|part| format!("Attributes.entry.{number}.{part}")))
            .collect();
        for ([key, value], attribute) in names.iter().zip(raw.iter().chain(attributes)) {
            subscribe.extend([(key.as_str(), attribute.0), (value, attribute.1)]);
        }
        self.aws.sns("Subscribe", &subscribe).await.unwrap();
        created["QueueUrl"].as_str().unwrap().to_owned()
    }

    /// The queue's messages, taken out.
    pub async fn messages(&self, queue_url: &str) -> Vec<Value> {
        let request = json!({"QueueUrl": queue_url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1});
        let received = self.aws.sqs("ReceiveMessage", &request).await.unwrap();
        let messages = received["Messages"].as_array().cloned().unwrap_or_default();
        for message in &messages {
            let handle = json!({"QueueUrl": queue_url, "ReceiptHandle": message["ReceiptHandle"]});
            self.aws.sqs("DeleteMessage", &handle).await.unwrap();
        }
        messages
    }

    /// What a resource is called outside of the template.
    pub async fn resource(&self, logical_id: &str) -> String {
        physical_id(&self.aws, "printbell", logical_id).await.unwrap()
    }
}

/// Looks again until `look` finds it.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

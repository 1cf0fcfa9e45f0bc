//! A webhook function with a stub AWS around it, and callbacks to send it.

use printbell_harness::binaries::{self, Binary};
use printbell_harness::http_event;
use printbell_harness::runtime_api::{Function, HttpAnswer, Launch};
use printbell_harness::stub_aws::{Queued, StubAws};
use printbell_shared::callback::{self, CallbackKey};
use printbell_shared::id::RegistrationKey;
use printbell_shared::metadata::Metadata;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

pub const TOPIC: &str = "arn:aws:sns:eu-central-1:000000000000:topic";
pub const FALLBACK_QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/000000000000/fallback";
pub const DEAD_LETTER_QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/000000000000/dead-letter";
const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:callback";

/// A signing key under its version's id.
pub struct Key {
    pub version: &'static str,
    pub secret: &'static str,
}

pub const KEY: Key = Key {
    version: "0f1e2d3c-0000-4000-8000-000000000001",
    secret: "the first secret of these tests",
};

impl Key {
    fn signs(&self) -> CallbackKey {
        CallbackKey::new(self.version, &SecretString::from(self.secret))
    }

    /// The query of a callback for tenant `abc123`'s printer `p42`, in room `lab`.
    pub fn query(&self) -> String {
        self.query_for("abc123", "p42")
    }

    /// The query of a callback for this printer.
    pub fn query_for(&self, tenant: &str, printer: &str) -> String {
        let registration = RegistrationKey {
            tenant: tenant.parse().unwrap(),
            printer: printer.parse().unwrap(),
        };
        let mut metadata = Metadata::default();
        metadata.insert("room", "lab").unwrap();
        let url = callback::url("https://example.com", &registration, &metadata, &self.signs());
        url.expose_secret().split_once('?').unwrap().1.to_owned()
    }
}

/// How a function of the stack is started.
pub fn launch(binary: Binary, aws: &StubAws) -> Launch {
    Launch::new(binaries::path(binary))
        .aws(aws)
        .env("TOPIC_ARN", TOPIC)
        .env("FALLBACK_QUEUE_URL", FALLBACK_QUEUE)
        .env("DEAD_LETTER_QUEUE_URL", DEAD_LETTER_QUEUE)
        .env("CALLBACK_SECRET_ARN", SECRET)
}

/// A stub AWS with the key in it.
pub async fn aws() -> StubAws {
    let aws = StubAws::start().await.unwrap();
    aws.secrets(|secrets| secrets.rotate(KEY.version, KEY.secret));
    aws
}

/// A running receiver.
pub async fn receiver(aws: &StubAws) -> Function {
    launch(Binary::Webhook, aws).start().await.unwrap()
}

/// What a callback is answered.
pub async fn send(function: &Function, query: &str, body: &str) -> HttpAnswer {
    call(function, &http_event::callback(query, body)).await
}

/// What an event is answered; it must be answered.
pub async fn call(function: &Function, event: &Value) -> HttpAnswer {
    let call = function.call(event.to_string()).await;
    call.http()
        .unwrap_or_else(|error| panic!("{error:#}\n{}", function.output()))
}

/// The event's id, as the answer tells it.
pub fn id(answer: &HttpAnswer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    body["id"].as_str().unwrap_or_default().to_owned()
}

/// The event in a message.
pub fn event(message: &str) -> Value {
    serde_json::from_str(message).unwrap()
}

/// The queue message as Lambda hands it to redrive.
pub fn record(queued: &Queued, id: &str, receives: u32) -> Value {
    let attributes = queued.attributes.iter().map(|(name, (data_type, value))| {
        let attribute = serde_json::json!({
            "stringValue": value, "stringListValues": [], "binaryListValues": [], "dataType": data_type,
        });
        (name.clone(), attribute)
    });
    serde_json::json!({
        "messageId": id,
        "receiptHandle": format!("receipt of {id}"),
        "body": queued.body,
        "attributes": {
            "ApproximateReceiveCount": receives.to_string(),
            "SentTimestamp": "1795514400000",
            "SenderId": "AROAEXAMPLE:webhook",
            "ApproximateFirstReceiveTimestamp": "1795514400001",
        },
        "messageAttributes": attributes.collect::<serde_json::Map<_, _>>(),
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:fallback",
        "awsRegion": "eu-central-1",
    })
}

//! What is measured: the functions, and what they are measured against.

use std::path::PathBuf;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use clap::ValueEnum;
use hmac::{Hmac, KeyInit as _, Mac as _};
use printbell_harness::binaries::{self, Binary};
use printbell_harness::http_event;
use printbell_harness::runtime_api::Launch;
use printbell_harness::stub_aws::{Behaviour, Service, StubAws};
use printbell_harness::stub_octoeverywhere::StubOctoEverywhere;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::Sha256;

/// The secret's one version, and what it holds.
const KEY_ID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
const KEY: &str = "benchmark-key-benchmark-key-benchmark-key-benchmark-key-benchmark";

const TOPIC: &str = "arn:aws:sns:eu-central-1:000000000000:printbell";
const QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/000000000000/fallback";
const DEAD_LETTERS: &str = "https://sqs.eu-central-1.amazonaws.com/000000000000/dead-letters";

/// A program to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// The least that a function on `lambda_runtime` can be: one thread, no logger.
    Least,
    /// As `cargo lambda new` writes it.
    Hello,
    /// One Publish by the SDK and nothing else.
    BarePublish,
    /// Ours.
    Webhook,
    /// The webhook's job with every crate's defaults.
    SdkDefaults,
    /// The webhook's job in Python.
    Python,
    /// The webhook's job in Node.js.
    Node,
    /// Ours, with nothing due.
    Renew,
    /// Ours, reading one registration.
    Register,
    /// Ours, publishing one message that had waited.
    Redrive,
}

impl Variant {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 10] = [
        Self::Least,
        Self::Hello,
        Self::BarePublish,
        Self::Webhook,
        Self::SdkDefaults,
        Self::Python,
        Self::Node,
        Self::Renew,
        Self::Register,
        Self::Redrive,
    ];

    /// What the table calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Least => "the least on `lambda_runtime`",
            Self::Hello => "hello world on `lambda_runtime`",
            Self::BarePublish => "a bare SDK publish",
            Self::Webhook => "**webhook**",
            Self::SdkDefaults => "the webhook's job, SDK defaults",
            Self::Python => "the webhook's job, Python",
            Self::Node => "the webhook's job, Node.js",
            Self::Renew => "**renew** (nothing due)",
            Self::Register => "**register** (one GET)",
            Self::Redrive => "**redrive** (one message)",
        }
    }

    /// Where its program is; for an interpreted one, its script.
    pub fn program(self) -> PathBuf {
        let root = binaries::workspace();
        let baseline = |name: &str| root.join("target/baselines/lambda").join(name).join("bootstrap");
        match self {
            Self::Least => baseline("baseline-least"),
            Self::Hello => baseline("baseline-hello"),
            Self::BarePublish => baseline("baseline-bare-publish"),
            Self::SdkDefaults => baseline("baseline-sdk-defaults"),
            Self::Python => root.join(".local/bench/python/bin/python"),
            Self::Node => root.join(".local/bench/node/runtime.mjs"),
            Self::Webhook => binaries::path(Binary::Webhook),
            Self::Renew => binaries::path(Binary::Renew),
            Self::Register => binaries::path(Binary::Register),
            Self::Redrive => binaries::path(Binary::Redrive),
        }
    }

    /// Whether what is deployed is one native binary, whose size says something.
    pub fn is_native(self) -> bool {
        !matches!(self, Self::Python | Self::Node)
    }

    /// Whether an answer says that the job was done.
    pub fn is_right(self, answer: &[u8]) -> bool {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        match self {
            Self::Renew => answer.is_object(),
            Self::Redrive => answer["batchItemFailures"].as_array().is_none_or(Vec::is_empty),
            _ => answer["statusCode"] == 200,
        }
    }

    /// How it is started, and found everything that it needs.
    pub fn launch(self, world: &World) -> Launch {
        let program = self.program();
        let launch = match self {
            Self::Python => {
                let folder = binaries::workspace().join("bench/baselines/python");
                Launch::new(program)
                    .arg("-m")
                    .arg("awslambdaric")
                    .arg("webhook.receive")
                    .env("PYTHONPATH", folder.display().to_string())
                    // What it compiles is kept, as on Lambda, but not in the repository.
                    .env(
                        "PYTHONPYCACHEPREFIX",
                        binaries::workspace().join("target/pycache").display().to_string(),
                    )
                    .env("LAMBDA_TASK_ROOT", folder.display().to_string())
            }
            Self::Node => Launch::new(world.node.clone()).arg(program),
            _ => Launch::new(program),
        };
        launch
            .aws(&world.aws)
            .env("TOPIC_ARN", TOPIC)
            .env("FALLBACK_QUEUE_URL", QUEUE)
            .env("DEAD_LETTER_QUEUE_URL", DEAD_LETTERS)
            .env(
                "CALLBACK_SECRET_ARN",
                "arn:aws:secretsmanager:eu-central-1:000000000000:secret:callback-AbCdEf",
            )
            .env("TABLE_NAME", "registrations")
            .env("OCTOEVERYWHERE_URL", world.octoeverywhere.url())
            .env("PUBLIC_URL", "https://bell.example.com")
            .env("MAX_CALLS_IN_FLIGHT", "32")
            .env("MAX_CALLS_PER_SECOND", "20")
    }

    /// The event it gets, over and over.
    pub fn event(self, world: &World) -> Bytes {
        let event = match self {
            Self::Renew => json!({}),
            Self::Register => http_event::request(
                "GET /registrations/{tenantId}/{printerRef}",
                "/registrations/abc123/p42",
                "",
                None,
            ),
            Self::Redrive => world.waited.clone(),
            _ => http_event::callback(&query(), &payload()),
        };
        Bytes::from(event.to_string())
    }
}

/// What the programs talk to.
pub struct World {
    /// AWS.
    pub aws: StubAws,
    /// OctoEverywhere.
    pub octoeverywhere: StubOctoEverywhere,
    /// Node.js, as it was found on `PATH`.
    node: PathBuf,
    /// A batch for redrive, with one message.
    waited: Value,
}

impl World {
    /// Starts the stubs, and fills them with what the variants look for.
    pub async fn start(variants: &[Variant]) -> Result<Self> {
        let aws = StubAws::start().await?;
        aws.secrets(|secrets| secrets.rotate(KEY_ID, KEY));
        let registration = json!({
            "tenantId": {"S": "abc123"},
            "printerRef": {"S": "p42"},
            "appToken": {"S": "an-app-token"},
        });
        if let Value::Object(registration) = registration {
            aws.table(|table| table.put(registration));
        }
        let octoeverywhere = StubOctoEverywhere::start().await?;
        let node = binaries::on_path("node").unwrap_or_else(|| "node".into());
        let mut world = Self {
            aws,
            octoeverywhere,
            node,
            waited: Value::Null,
        };
        if variants.contains(&Variant::Redrive) {
            world.waited = world.let_one_wait().await?;
        }
        world.aws.record_nothing();
        world.octoeverywhere.record_nothing();
        Ok(world)
    }

    /// What the webhook puts into the fallback queue while SNS is down, as SQS hands it to redrive.
    async fn let_one_wait(&self) -> Result<Value> {
        self.aws.set(Service::Sns, Behaviour::Status500);
        let webhook = Variant::Webhook.launch(self).start().await?;
        let call = webhook.call(Variant::Webhook.event(self)).await;
        self.aws.set(Service::Sns, Behaviour::Ok);
        let (_, queued) = self.aws.drain();
        let message = queued
            .first()
            .with_context(|| format!("nothing in the fallback queue: {:?}", call.outcome))?;
        let attributes: serde_json::Map<_, _> = message
            .attributes
            .iter()
            .map(|(name, (kind, value))| (name.clone(), json!({"dataType": kind, "stringValue": value})))
            .collect();
        Ok(json!({"Records": [{
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": "1795514400000",
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1795514400001",
            },
            "messageAttributes": attributes,
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:fallback",
            "awsRegion": "eu-central-1",
        }]}))
    }
}

/// A callback's query, with its token.
fn query() -> String {
    let mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes());
    let mac = mac.unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
    let signature = URL_SAFE_NO_PAD.encode(mac.chain_update(b"abc123\0p42").finalize().into_bytes());
    format!(
        "tenantId=abc123&printerRef=p42&callbackToken={}.{signature}&room=lab",
        &KEY_ID[..8]
    )
}

/// A notification of a usual size, with everything that a print in progress has.
fn payload() -> String {
    json!({
        "PrinterId": "8fd1c2a6b7e94d5f8a3b6c9d0e1f2a3b4c5d6e7f",
        "PrintId": "b1946ac92492d2347c6235b4d2611184",
        "EventType": 6,
        "PrinterName": "Prusa MK4, left of the window",
        "SecretKey": "set-by-the-user",
        "SnapshotUrl": "https://octoeverywhere.com/api/live/snapshot/8fd1c2a6b7e94d5f8a3b6c9d0e1f2a3b4c5d6e7f.jpg",
        "QuickViewUrl": "https://octoeverywhere.com/quickview?id=8fd1c2a6b7e94d5f8a3b6c9d0e1f2a3b4c5d6e7f",
        "FileName": "bracket_v7_0.2mm_PETG_MK4_3h12m.gcode",
        "DurationSec": 5321,
        "Progress": 42,
        "TimeRemainingSec": 7301,
        "ZOffsetMM": 0.05,
        "CurrentLayer": 87,
        "TotalLayers": 213,
    })
    .to_string()
}

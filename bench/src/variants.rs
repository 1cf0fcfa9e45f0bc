//! What is measured: the functions, and what they are measured against.

use std::path::PathBuf;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::ValueEnum;
use printbell_harness::fixtures::{self, KEY, PUBLIC_URL, REGISTRATIONS};
use printbell_harness::runtime_api::Launch;
use printbell_harness::stub_aws::{Behaviour, Service, StubAws, item};
use printbell_harness::stub_octoeverywhere::StubOctoEverywhere;
use printbell_harness::template::Template;
use printbell_harness::{http_event, queue_event, workspace};
use serde::Serialize;
use serde_json::{Value, json};

use crate::trust::Trust;

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

    /// The function that it is, by the name of its Cargo package, if it is one of ours.
    pub fn function(self) -> Option<&'static str> {
        match self {
            Self::Webhook => Some("webhook"),
            Self::Renew => Some("renew"),
            Self::Register => Some("register"),
            Self::Redrive => Some("redrive"),
            _ => None,
        }
    }

    /// Where its program is; for an interpreted one, its script.
    pub fn program(self) -> Result<PathBuf> {
        let root = workspace::root();
        let baseline = |name: &str| root.join("target/baselines/lambda").join(name).join("bootstrap");
        Ok(match self {
            Self::Least => baseline("baseline-least"),
            Self::Hello => baseline("baseline-hello"),
            Self::BarePublish => baseline("baseline-bare-publish"),
            Self::SdkDefaults => baseline("baseline-sdk-defaults"),
            Self::Python => root.join(".local/bench/python/bin/python"),
            Self::Node => root.join(".local/bench/node/runtime.mjs"),
            Self::Webhook | Self::Renew | Self::Register | Self::Redrive => {
                let function = self.function().context("not one of ours")?;
                Template::read()?.function(function)?.binary()
            }
        })
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
    pub fn launch(self, world: &World) -> Result<Launch> {
        let program = self.program()?;
        let launch = match self {
            Self::Python => {
                let root = workspace::root();
                let folder = root.join("bench/baselines/python").display().to_string();
                Launch::new(program)
                    .arg("-m")
                    .arg("awslambdaric")
                    .arg("webhook.receive")
                    .env("PYTHONPATH", folder.clone())
                    // What it compiles is kept, as on Lambda, but not in the repository.
                    .env("PYTHONPYCACHEPREFIX", root.join("target/pycache").display().to_string())
                    .env("LAMBDA_TASK_ROOT", folder)
            }
            Self::Node => Launch::new(world.node.clone()).arg(program),
            _ => Launch::new(program),
        };
        let template = Template::read()?.with(&[
            ("OctoEverywhereUrl", &world.octoeverywhere.url()),
            ("PublicUrl", PUBLIC_URL),
        ])?;
        // What isn't ours has the configuration of the one whose job it does.
        let function = template.function(self.function().unwrap_or("webhook"))?;
        let launch = launch.envs(function.variables).aws(&world.aws);
        Ok(match &world.trust {
            None => launch,
            Some(trust) => trust.tell(self, launch),
        })
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
            Self::Redrive => world.batch.clone(),
            _ => http_event::callback(&KEY.query(), &payload()),
        };
        Bytes::from(event.to_string())
    }
}

/// How the programs talk to AWS. The Runtime API is plain HTTP, on AWS too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Without encryption: what is left is the programs' own work.
    Http,
    /// With TLS, as on AWS.
    Https,
}

/// What the programs talk to.
pub struct World {
    /// AWS.
    pub aws: StubAws,
    /// In whom, if AWS speaks TLS.
    trust: Option<Trust>,
    /// OctoEverywhere.
    pub octoeverywhere: StubOctoEverywhere,
    /// Node.js, as it was found on `PATH`.
    node: PathBuf,
    /// A batch for redrive, with one message.
    batch: Value,
}

impl World {
    /// Starts the stubs, and fills them with what the variants look for.
    pub async fn start(variants: &[Variant], protocol: Protocol) -> Result<Self> {
        let (aws, trust) = match protocol {
            Protocol::Http => (StubAws::start().await?, None),
            Protocol::Https => {
                let aws = StubAws::start_encrypted().await?;
                let trust = Trust::in_authority_of(&aws)?;
                (aws, Some(trust))
            }
        };
        aws.secrets(|secrets| secrets.rotate(&KEY));
        let registration = fixtures::registration("abc123", "p42", "an-app-token");
        aws.table(REGISTRATIONS, |table| table.put(item(&registration)));
        let octoeverywhere = StubOctoEverywhere::start().await?;
        let node = workspace::on_path("node").unwrap_or_else(|| "node".into());
        let mut world = Self {
            aws,
            trust,
            octoeverywhere,
            node,
            batch: Value::Null,
        };
        if variants.contains(&Variant::Redrive) {
            world.batch = world.let_one_wait().await?;
        }
        world.aws.record_nothing();
        world.octoeverywhere.record_nothing();
        Ok(world)
    }

    /// What the webhook puts into the fallback queue while SNS is down, as SQS hands it to redrive.
    async fn let_one_wait(&self) -> Result<Value> {
        self.aws.set(Service::Sns, Behaviour::Status500);
        let webhook = Variant::Webhook.launch(self)?.start().await?;
        let call = webhook.call(Variant::Webhook.event(self)).await;
        self.aws.set(Service::Sns, Behaviour::Ok);
        let (_, queued) = self.aws.drain();
        let message = queued
            .first()
            .with_context(|| format!("nothing in the fallback queue: {:?}", call.completion))?;
        Ok(queue_event::batch([message], 1))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_measured() {
        for function in Template::read().unwrap().functions().unwrap() {
            let variant = Variant::from_str(&function.name, false).unwrap();
            assert_eq!(variant.function(), Some(function.name.as_str()));
        }
    }
}

//! A pretended stack whose clock moves, and the metrics that its functions log.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use printbell_harness::fixtures::{self, KEY, PUBLIC_URL, REGISTRATIONS, STATE};
use printbell_harness::http_event;
use printbell_harness::runtime_api::{Call, Completion, Function, Launch};
use printbell_harness::stub_aws::{StubAws, item};
use printbell_harness::stub_octoeverywhere::{AppBehaviour, StubOctoEverywhere};
use printbell_harness::template::{Alarm, Template};
use serde_json::{Value, json};

use crate::cloudwatch::{Metrics, State};

pub const HOUR: i64 = 3600;
pub const DAY: i64 = 24 * HOUR;

/// The callback's route.
pub const CALLBACK: &str = "POST /octoeverywhere/webhook";

pub struct Stage {
    pub aws: StubAws,
    pub octoeverywhere: StubOctoEverywhere,
    pub template: Template,
    pub alarms: Vec<Alarm>,
    pub metrics: Metrics,
    /// When the stage was set.
    pub birth: i64,
    /// How far the functions' clocks are ahead, in seconds.
    offset: i64,
}

impl Stage {
    pub async fn new() -> Self {
        let aws = StubAws::start().await.unwrap();
        aws.secrets(|secrets| {
            secrets.rotate(&KEY);
            secrets.label(&KEY);
        });
        let template = Template::read().unwrap();
        let stage = Self {
            aws,
            octoeverywhere: StubOctoEverywhere::start().await.unwrap(),
            alarms: template.alarms().unwrap(),
            template,
            metrics: Metrics::default(),
            birth: machine_now(),
            offset: 0,
        };
        stage.note_url(PUBLIC_URL);
        stage
    }

    /// An earlier run has seen that this is the stack's URL.
    pub fn note_url(&self, url: &str) {
        let sweep = item(&json!({"id": "sweep", "revision": 1, "url": url}));
        self.aws.table(STATE, |table| table.put(sweep));
    }

    /// What the functions take for now.
    pub fn now(&self) -> i64 {
        machine_now() + self.offset
    }

    /// Moves the clock on.
    pub fn advance(&mut self, seconds: i64) {
        self.offset += seconds;
    }

    /// A function as the template configures it.
    pub fn launch(&self, function: &str) -> Launch {
        let parameters = [
            ("OctoEverywhereUrl", &*self.octoeverywhere.url()),
            ("PublicUrl", PUBLIC_URL),
        ];
        Launch::deployed(function, &parameters)
            .unwrap()
            .aws(&self.aws)
            .env("MAX_CALLS_PER_SECOND", "1000000")
            .env("CLOCK_OFFSET_SECONDS", self.offset.to_string())
    }

    /// Hands a new process of a function an event; what it logs becomes metrics, and so does its failure.
    pub async fn call(&mut self, function: &str, event: impl Into<Vec<u8>>) -> Call {
        let process = self.launch(function).start().await.unwrap();
        self.call_process(&process, Duration::from_secs(60), event).await
    }

    pub async fn call_process(&mut self, process: &Function, within: Duration, event: impl Into<Vec<u8>>) -> Call {
        let call = process.call_within(within, event.into()).await;
        self.metrics.read(&process.output());
        call
    }

    /// One run of renew; answers with its report.
    pub async fn run(&mut self) -> Value {
        let call = self.call("renew", "{}").await;
        call.json().unwrap()
    }

    /// A callback, by both doors: the status that it is answered with.
    pub async fn callback(&mut self, query: &str, body: &str) -> u16 {
        let process = self.launch("webhook").start().await.unwrap();
        let event = http_event::callback(query, body).to_string();
        let call = self.call_process(&process, Duration::from_secs(10), event).await;
        let status = call.http().unwrap().status;
        let now = self.now();
        self.metrics.access(&self.template, CALLBACK, status, now);
        let failures = f64::from(u8::from(status >= 500));
        self.lambda("WebhookFunction", "Url5xxCount", failures);
        status
    }

    /// One value of one of Lambda's own metrics, now.
    pub fn lambda(&mut self, function: &str, metric: &str, value: f64) {
        let now = self.now();
        self.metrics
            .add_own("AWS/Lambda", metric, ("FunctionName", function), now, value);
    }

    /// What SQS says of the number of messages in a queue, now.
    pub fn queue(&mut self, queue: &str, messages: usize) {
        let (name, now) = ("ApproximateNumberOfMessagesVisible", self.now());
        #[expect(clippy::cast_precision_loss, reason = "there are few")]
        self.metrics
            .add_own("AWS/SQS", name, ("QueueName", queue), now, messages as f64);
    }

    /// Registers printers `0..count`, each with a token of its own; `attributes` of each by its number.
    pub fn registrations(&self, count: i64, attributes: impl Fn(i64) -> Value) {
        for number in 0..count {
            let mut row = fixtures::registration("t", &format!("p{number}"), &format!("token-{number}"));
            row["renewedAt"] = (self.now() - 20 * DAY).into();
            row["dueShard"] = (number % 16).into();
            for (name, value) in attributes(number).as_object().unwrap() {
                row[name] = value.clone();
            }
            self.aws.table(REGISTRATIONS, |table| table.put(item(&row)));
        }
    }

    /// What OctoEverywhere answers everybody.
    pub fn everyone_gets(&self, status: u16) {
        self.octoeverywhere.set_behaviour(AppBehaviour::Status(status));
    }

    /// The alarms that are in `ALARM` now.
    pub fn ringing(&self) -> Vec<&str> {
        let now = self.now();
        let alarms = self.alarms.iter();
        let ringing = alarms.filter(|alarm| self.metrics.state(alarm, now) == State::Alarm);
        ringing.map(|alarm| alarm.logical_id.as_str()).collect()
    }
}

/// Whether Lambda counts a call among a function's errors.
pub fn is_error(call: &Call) -> bool {
    !matches!(call.completion, Completion::Answered(_))
}

fn machine_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

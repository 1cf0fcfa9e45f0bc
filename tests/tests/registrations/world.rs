//! The two functions, what they stand on, and short words for what the tests do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use printbell_harness::binaries::{self, Binary};
use printbell_harness::http_event;
use printbell_harness::runtime_api::{Function, HttpAnswer, Launch};
use printbell_harness::stub_aws::{Item, StubAws};
use printbell_harness::stub_octoeverywhere::{Outcome, StubOctoEverywhere};
use serde_json::{Value, json};

pub const DAY: i64 = 24 * 60 * 60;

/// An AppToken that must never be seen outside the table and the header.
pub const TOKEN: &str = "app-token-Zt4qW9";

pub struct World {
    pub aws: StubAws,
    pub octoeverywhere: StubOctoEverywhere,
    pub register: Function,
    pub renew: Function,
    /// How far the functions' clocks are ahead, in seconds.
    offset: i64,
}

impl World {
    pub async fn new() -> Self {
        let aws = StubAws::start().await.unwrap();
        aws.secrets(|secrets| secrets.rotate("0f1e2d3c-4b5a-6978", "a signing key for these tests"));
        let octoeverywhere = StubOctoEverywhere::start().await.unwrap();
        let start = async |binary| launch(&aws, &octoeverywhere, binary, 0).start().await.unwrap();
        let (register, renew) = (start(Binary::Register).await, start(Binary::Renew).await);
        Self {
            aws,
            octoeverywhere,
            register,
            renew,
            offset: 0,
        }
    }

    /// Moves the functions' clocks on.
    pub async fn advance(&mut self, seconds: i64) {
        self.offset += seconds;
        let start = async |binary| {
            let launch = launch(&self.aws, &self.octoeverywhere, binary, self.offset);
            launch.start().await.unwrap()
        };
        let functions = (start(Binary::Register).await, start(Binary::Renew).await);
        (self.register, self.renew) = functions;
    }

    /// What the functions take for now.
    pub fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        i64::try_from(now.as_secs()).unwrap() + self.offset
    }

    pub async fn put(&self, printer: &str, body: Value) -> HttpAnswer {
        self.call("PUT /registrations/{tenantId}/{printerRef}", printer, "", Some(body))
            .await
    }

    pub async fn get(&self, printer: &str) -> HttpAnswer {
        self.call("GET /registrations/{tenantId}/{printerRef}", printer, "", None)
            .await
    }

    pub async fn delete(&self, printer: &str) -> HttpAnswer {
        self.call("DELETE /registrations/{tenantId}/{printerRef}", printer, "", None)
            .await
    }

    pub async fn post(&self, printer: &str, what: &str) -> HttpAnswer {
        let route = format!("POST /registrations/{{tenantId}}/{{printerRef}}/{what}");
        self.call(&route, printer, "", None).await
    }

    pub async fn list(&self, query: &str) -> HttpAnswer {
        self.call("GET /registrations/{tenantId}", "", query, None).await
    }

    /// Calls a route for a printer of tenant `t`.
    pub async fn call(&self, route: &str, printer: &str, query: &str, body: Option<Value>) -> HttpAnswer {
        let (_, path) = route.split_once(' ').unwrap();
        let path = path.replace("{tenantId}", "t").replace("{printerRef}", printer);
        let body = body.map(|body| body.to_string());
        let event = http_event::request(route, &path, query, body.as_deref());
        let call = self
            .register
            .call_within(Duration::from_secs(29), event.to_string())
            .await;
        let answer = call
            .http()
            .unwrap_or_else(|error| panic!("{error:#}\n{}", self.register.output()));
        assert!(!answer.body.contains(TOKEN), "{}", answer.body);
        answer
    }

    /// One run of renew; answers with its report.
    pub async fn run(&self) -> Value {
        self.run_within(Duration::from_secs(60)).await
    }

    pub async fn run_within(&self, remaining: Duration) -> Value {
        let call = self.renew.call_within(remaining, "{}").await;
        let report = call
            .json()
            .unwrap_or_else(|error| panic!("{error:#}\n{}", self.renew.output()));
        for output in [self.renew.output(), self.register.output(), report.to_string()] {
            assert!(!output.contains(TOKEN), "{output}");
        }
        report
    }

    /// The row of a printer.
    pub fn row(&self, printer: &str) -> Option<Value> {
        self.aws
            .table(|table| table.get("t", printer).cloned())
            .map(|item| plain(&Value::Object(item)))
    }

    /// Writes a row as a person would, or changes some attributes of one.
    pub fn write_row(&self, printer: &str, attributes: Value) {
        let key = json!({"tenantId": "t", "printerRef": printer});
        let mut item = self
            .aws
            .table(|table| table.get("t", printer).cloned())
            .unwrap_or_default();
        item.extend(wire(&key));
        item.extend(wire(&attributes));
        self.aws.table(|table| table.put(item));
    }

    /// Makes a row due at this time.
    pub fn make_due(&self, printer: &str, at: i64) {
        self.write_row(printer, json!({"dueAt": at, "dueShard": 0}));
    }

    pub fn everyone_gets(&self, status: u16) {
        self.octoeverywhere.set_outcome(Outcome::Status(status));
    }

    /// The lifecycle events that were published so far.
    pub fn announced(&self) -> Vec<(String, String)> {
        let published = self.aws.published();
        let told = published.iter().map(|message| {
            assert!(!format!("{message:?}").contains(TOKEN));
            let event: Value = serde_json::from_str(&message.message).unwrap();
            (
                event["type"].as_str().unwrap().to_owned(),
                event["id"].as_str().unwrap().to_owned(),
            )
        });
        told.collect()
    }
}

/// A launch of a function as the template configures it, without a cap on the rate.
pub fn launch(aws: &StubAws, octoeverywhere: &StubOctoEverywhere, binary: Binary, offset: i64) -> Launch {
    Launch::new(binaries::path(binary))
        .aws(aws)
        .env("TABLE_NAME", "registrations")
        .env("TOPIC_ARN", "arn:aws:sns:eu-central-1:000000000000:topic")
        .env(
            "CALLBACK_SECRET_ARN",
            "arn:aws:secretsmanager:eu-central-1:000000000000:secret:key",
        )
        .env("OCTOEVERYWHERE_URL", octoeverywhere.url())
        .env("PUBLIC_URL", "https://bell.example.com")
        .env("MAX_CALLS_PER_SECOND", "1000000")
        .env("CLOCK_OFFSET_SECONDS", offset.to_string())
}

/// A JSON object as DynamoDB writes it.
pub fn wire(plain: &Value) -> Item {
    fn attribute(value: &Value) -> Value {
        match value {
            Value::String(text) => json!({"S": text}),
            Value::Number(number) => json!({"N": number.to_string()}),
            Value::Array(list) => json!({"L": list.iter().map(attribute).collect::<Vec<_>>()}),
            Value::Object(_) => json!({"M": wire(value)}),
            Value::Bool(flag) => json!({"BOOL": flag}),
            Value::Null => json!({"NULL": true}),
        }
    }
    let pairs = plain.as_object().unwrap().iter();
    pairs.map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// The other way round.
fn plain(item: &Value) -> Value {
    let attribute = |value: &Value| match value.as_object().unwrap().iter().next().unwrap() {
        (kind, number) if kind == "N" => serde_json::from_str(number.as_str().unwrap()).unwrap(),
        (kind, list) if kind == "L" => {
            let list = list.as_array().unwrap().iter();
            list.map(|value| plain(&json!({"value": value}))["value"].clone())
                .collect()
        }
        (kind, map) if kind == "M" => plain(map),
        (_, value) => value.clone(),
    };
    let pairs = item.as_object().unwrap().iter();
    Value::Object(pairs.map(|(name, value)| (name.clone(), attribute(value))).collect())
}

impl World {
    /// An answer's body.
    pub fn body(answer: &HttpAnswer) -> Value {
        serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {:?}", answer.body))
    }
}

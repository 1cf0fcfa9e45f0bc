//! The two functions, what they stand on, and short words for what the tests do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use printbell_harness::fixtures::{KEY, PUBLIC_URL, REGISTRATIONS, STATE};
use printbell_harness::http_event;
use printbell_harness::runtime_api::{Function, HttpResponse, Launch};
use printbell_harness::stub_aws::{StubAws, item, plain};
use printbell_harness::stub_octoeverywhere::{AppBehaviour, StubOctoEverywhere};
use printbell_tests::{messages, openapi};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

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
    /// What else is in their environment.
    settings: Vec<(String, String)>,
}

impl World {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With these variables in the functions' environment.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let settings = settings
            .iter()
            .map(|(name, value)| (String::from(*name), String::from(*value)));
        let settings: Vec<_> = settings.collect();
        let aws = StubAws::start().await.unwrap();
        aws.secrets(|secrets| secrets.rotate(&KEY));
        let octoeverywhere = StubOctoEverywhere::start().await.unwrap();
        let start = async |function| {
            let launch = launch(&aws, &octoeverywhere, function, 0).envs(settings.clone());
            launch.start().await.unwrap()
        };
        let (register, renew) = (start("register").await, start("renew").await);
        let world = Self {
            aws,
            octoeverywhere,
            register,
            renew,
            offset: 0,
            settings,
        };
        world.note_url(PUBLIC_URL);
        world
    }

    /// An earlier run has seen that this is the stack's URL.
    pub fn note_url(&self, url: &str) {
        let sweep = item(&json!({"id": "sweep", "revision": 1, "url": url}));
        self.aws.table(STATE, |table| table.put(sweep));
    }

    /// Moves the functions' clocks on.
    pub async fn advance(&mut self, seconds: i64) {
        self.offset += seconds;
        let start = async |function| {
            let launch = launch(&self.aws, &self.octoeverywhere, function, self.offset);
            launch.envs(self.settings.clone()).start().await.unwrap()
        };
        let functions = (start("register").await, start("renew").await);
        (self.register, self.renew) = functions;
    }

    /// How far the functions' clocks are ahead, in seconds.
    pub fn ahead(&self) -> i64 {
        self.offset
    }

    /// What the functions take for now.
    pub fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        i64::try_from(now.as_secs()).unwrap() + self.offset
    }

    pub async fn put(&self, printer: &str, body: Value) -> HttpResponse {
        self.call("PUT /registrations/{tenantId}/{printerRef}", printer, "", Some(body))
            .await
    }

    pub async fn get(&self, printer: &str) -> HttpResponse {
        self.call("GET /registrations/{tenantId}/{printerRef}", printer, "", None)
            .await
    }

    pub async fn delete(&self, printer: &str) -> HttpResponse {
        self.call("DELETE /registrations/{tenantId}/{printerRef}", printer, "", None)
            .await
    }

    pub async fn post(&self, printer: &str, what: &str) -> HttpResponse {
        let route = format!("POST /registrations/{{tenantId}}/{{printerRef}}/{what}");
        self.call(&route, printer, "", None).await
    }

    pub async fn list(&self, query: &str) -> HttpResponse {
        self.call("GET /registrations/{tenantId}", "", query, None).await
    }

    /// Calls a route for a printer of tenant `t`.
    pub async fn call(&self, route: &str, printer: &str, query: &str, body: Option<Value>) -> HttpResponse {
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
        openapi::assert_described(route, &answer);
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
            .table(REGISTRATIONS, |table| table.get(["t", printer]).cloned())
            .map(|item| plain(&item))
    }

    /// Writes a row as a person would, or changes some attributes of one; null takes one away.
    pub fn write_row(&self, printer: &str, attributes: Value) {
        let key = json!({"tenantId": "t", "printerRef": printer});
        let mut row = self
            .aws
            .table(REGISTRATIONS, |table| table.get(["t", printer]).cloned())
            .unwrap_or_default();
        row.extend(item(&key));
        row.extend(item(&attributes));
        row.retain(|_, value| value.get("NULL").is_none());
        self.aws.table(REGISTRATIONS, |table| table.put(row));
    }

    /// Makes a row due at this time.
    pub fn make_due(&self, printer: &str, at: i64) {
        self.write_row(printer, json!({"dueAt": at, "dueShard": 0}));
    }

    pub fn everyone_gets(&self, status: u16) {
        self.octoeverywhere.set_behaviour(AppBehaviour::Status(status));
    }

    /// The lifecycle events that were published so far.
    pub fn announced(&self) -> Vec<(String, String)> {
        let published = self.aws.published();
        let events = published.iter().map(|message| {
            assert!(!format!("{message:?}").contains(TOKEN));
            let event: Value = serde_json::from_str(&message.text).unwrap();
            messages::assert_described(&event);
            (
                event["type"].as_str().unwrap().to_owned(),
                event["id"].as_str().unwrap().to_owned(),
            )
        });
        events.collect()
    }
}

/// The key in `State` of the claim on a token.
pub fn claim(token: &str) -> String {
    let hash: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("token/{hash}")
}

/// A launch of a function as the template configures it, without a cap on the rate.
pub fn launch(aws: &StubAws, octoeverywhere: &StubOctoEverywhere, function: &str, offset: i64) -> Launch {
    let parameters = [("OctoEverywhereUrl", &*octoeverywhere.url()), ("PublicUrl", PUBLIC_URL)];
    Launch::deployed(function, &parameters)
        .unwrap()
        .aws(aws)
        .env("MAX_CALLS_PER_SECOND", "1000000")
        .env("CLOCK_OFFSET_SECONDS", offset.to_string())
}

impl World {
    /// An answer's body.
    pub fn body(answer: &HttpResponse) -> Value {
        serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {:?}", answer.body))
    }
}

//! Nothing leaks, whatever the log is set to and whatever is broken: no token, key, credential or secret of a payload is in a log, an
//! answer or a metric of webhook and redrive, nor in a message that it doesn't belong into.
//!
//! Where what belongs, by the contract: a payload's values go to the topic, and wait in the queues, less its `SecretKey`. A callback that
//! is `unverified` waits whole, token and all, and so does what redrive finds `unreadable`; one that is `quarantined` waits with its
//! body, and without its token.

use std::cell::{Cell, RefCell};

use printbell_harness::fixtures::{KEY, SECOND_KEY, THIRD_KEY};
use printbell_harness::http_event::{self, CALLBACK_PATH, Door};
use printbell_harness::leaks::{FINEST, Finder, Level, Search, at_every_level, whatever_is_broken};
use printbell_harness::queue_event;
use printbell_harness::runtime_api::{Completion, Function};
use printbell_harness::stub_aws::{Behaviour, QueueMessage, Service, StubAws};
use serde_json::{Value, json};

use crate::stage::{aws, launch, rotate};

const SECRET_KEY: &str = "the+user/s=secret\u{e9}\"&'key-5hT2";
const LINK: &str = "https://snap.example.com/x?sig=a+link/that=opens&the-camera-7Qw";
const PUSH_TOKEN: &str = "ExponentPushToken[xB+9/fQ==-device-of-somebody]";
const AWS_SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYz0123456789";
const SESSION_TOKEN: &str = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUC+session/of+the+role==";

/// Who is looked at.
const FUNCTIONS: &str = "webhook and redrive";

/// How AWS is broken.
const BROKEN: [Behaviour; 6] = [
    Behaviour::Status500,
    Behaviour::Throttled,
    Behaviour::Denied,
    Behaviour::BadSignature,
    Behaviour::Refused,
    Behaviour::LostAnswer,
];

fn callback_token(query: &str) -> &str {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("callbackToken="))
        .unwrap()
}

/// A good one, one of a key that doesn't count, and one that was signed for another printer.
fn queries() -> [String; 3] {
    [KEY.query(), THIRD_KEY.query(), KEY.query().replace("p42", "p43")]
}

fn body() -> String {
    json!({
        "EventType": 1, "PrinterId": "the-printer", "PrintId": "the-print", "DurationSec": 60, "SecretKey": SECRET_KEY,
        "SnapshotUrl": LINK, "Device": {"PushToken": PUSH_TOKEN},
    })
    .to_string()
}

fn search() -> RefCell<Search> {
    let queries: Vec<_> = queries().into_iter().chain([SECOND_KEY.query()]).collect();
    let tokens = queries.iter().map(|query| ("callback token", callback_token(query)));
    let others = [
        ("key", KEY.secret),
        ("older key", SECOND_KEY.secret),
        ("AWS secret key", AWS_SECRET_KEY),
        ("AWS session token", SESSION_TOKEN),
        ("SecretKey", SECRET_KEY),
        ("payload's link", LINK),
        ("payload's push token", PUSH_TOKEN),
    ];
    RefCell::new(Search::new(Finder::new(others.into_iter().chain(tokens))))
}

/// Both functions at one level, and what is looked for in what they leave.
struct Scene<'a> {
    aws: StubAws,
    webhook: Function,
    redrive: Function,
    search: &'a RefCell<Search>,
    name: String,
    calls: Cell<usize>,
    /// What waits in the fallback queue.
    waiting: RefCell<Vec<QueueMessage>>,
}

impl<'a> Scene<'a> {
    async fn new(search: &'a RefCell<Search>, level: Level, format: &str, broken: &[(Service, Behaviour)]) -> Self {
        let aws = aws().await;
        aws.secrets(|secrets| rotate(secrets, &SECOND_KEY));
        for (service, behaviour) in broken {
            aws.set(*service, *behaviour);
        }
        let start = async |function: &str| {
            let launch = { level.into_iter() }
                .fold(launch(function, &aws), |launch, (name, value)| launch.env(name, value))
                .env("AWS_LAMBDA_LOG_FORMAT", format)
                .env("AWS_SECRET_ACCESS_KEY", AWS_SECRET_KEY)
                .env("AWS_SESSION_TOKEN", SESSION_TOKEN)
                .env("RUST_BACKTRACE", "full");
            launch.start().await.unwrap()
        };
        let (webhook, redrive) = (start("webhook").await, start("redrive").await);
        Self {
            aws,
            webhook,
            redrive,
            search,
            name: format!("{level:?} {format} {broken:?}"),
            calls: Cell::new(0),
            waiting: RefCell::default(),
        }
    }

    async fn call(&self, function: &Function, event: impl Into<Vec<u8>>) {
        let call = function.call(event.into()).await;
        match &call.completion {
            Completion::Answered(body) => self.look("answers", &String::from_utf8_lossy(body), &[]),
            Completion::Failed(error) => self.look("errors", &String::from_utf8_lossy(error), &[]),
            // What isn't text ends the process; its log is looked at.
            Completion::Died => {}
            Completion::TimedOut => panic!("no answer\n{}", function.output()),
        }
        self.calls.set(self.calls.get() + 1);
        for call in self.aws.calls() {
            let mut headers = call.headers;
            headers.remove("x-amz-security-token");
            self.look("headers to AWS", &format!("{headers:?}"), &[]);
            if call.service == Service::SecretsManager {
                self.look("requests to Secrets Manager", &String::from_utf8_lossy(&call.body), &[]);
            }
        }
        let (published, queued) = self.aws.drain();
        for message in published {
            self.look("messages", &message.text, &["payload"]);
            self.look("attributes", &format!("{:?}", message.attributes), &[]);
        }
        for message in queued {
            let allowed: &[&str] = match message.attributes["printbell"].1.as_str() {
                "notification" => &["payload"],
                "quarantined" => &["payload", "SecretKey"],
                "unverified" | "unreadable" => &["payload", "SecretKey", "callback token"],
                other => panic!("what is {other}?"),
            };
            self.look("queue messages", &message.body, allowed);
            self.look("attributes", &format!("{:?}", message.attributes), &[]);
            self.waiting.borrow_mut().push(message);
        }
    }

    fn look(&self, place: &'static str, text: &str, allowed: &[&str]) {
        self.search.borrow_mut().look_but_for(place, &self.name, text, allowed);
    }

    async fn callback(&self, query: &str, body: &str) {
        self.call(&self.webhook, http_event::callback(query, body).to_string())
            .await;
    }

    /// Callbacks, good and bad.
    async fn callbacks(&self) {
        let [good, unknown, forged] = queries();
        let body = body();
        for door in Door::ALL {
            self.call(&self.webhook, door.callback(&good, &body).to_string()).await;
        }
        let long = format!(
            "{}{}",
            body.trim_end_matches('}'),
            format_args!(",\"x\":\"{}\"}}", "x".repeat(130 * 1024))
        );
        for body in [
            &format!("[{body}]"),
            body.trim_end_matches('}'),
            SECRET_KEY,
            &long,
            "",
            "null",
        ] {
            self.callback(&good, body).await;
        }
        let doubled = format!("{good}&{good}");
        let cut = &good[..good.len() - 20];
        let percent: String = good.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let moved = good.replace("callbackToken", "token");
        for query in [
            &unknown,
            &forged,
            "",
            &doubled,
            cut,
            &percent,
            &moved,
            callback_token(&good),
        ] {
            self.callback(query, &body).await;
        }
        for (method, path) in [("GET", CALLBACK_PATH), ("POST", "/"), ("POST", callback_token(&good))] {
            let event = http_event::function_url(method, path, &good, Some(&body));
            self.call(&self.webhook, event.to_string()).await;
        }
    }

    /// What waits, so often received, and what is there by mistake.
    async fn redrive(&self) {
        let waiting = self.waiting.take();
        let mut odd = waiting.clone();
        odd.retain(|message| message.body.len() < 4096);
        let mut spoilt = odd.clone();
        for message in &mut odd {
            message.attributes.remove("printbell");
        }
        for message in &mut spoilt {
            message.body.insert(0, '{');
        }
        for batch in waiting.chunks(5).chain(odd.chunks(10)).chain(spoilt.chunks(10)) {
            self.call(&self.redrive, queue_event::batch(batch, 3).to_string()).await;
        }
    }

    /// Events of another kind, or none at all.
    async fn odd_events(&self) {
        let [good, ..] = queries();
        let event = http_event::callback(&good, &body());
        let events = [
            json!([event]),
            json!(good),
            json!({"Records": event}),
            json!({"Records": [event, good, {"messageId": "0", "receiptHandle": "0", "body": {"query": good}}]}),
            json!({"rawQueryString": [good], "body": {"SecretKey": SECRET_KEY}}),
            json!({"rawQueryString": good, "body": {"SecretKey": SECRET_KEY}}),
            json!({"queryStringParameters": {"callbackToken": callback_token(&good)}, "body": body()}),
        ];
        let whole = event.to_string();
        let nested = format!("{}{whole}{}", "[".repeat(200), "]".repeat(200));
        let texts = [
            whole[..whole.len() - 3].to_owned(),
            whole.replace("\"version\"", "version"),
            nested,
            good,
        ];
        for event in events.iter().map(Value::to_string).chain(texts) {
            self.call(&self.webhook, event.clone()).await;
            self.call(&self.redrive, event).await;
        }
        // What isn't text, at last: it ends the process.
        for function in [&self.webhook, &self.redrive] {
            self.call(function, [whole.as_bytes(), b"\xFF\xFE"].concat()).await;
        }
    }

    /// The logs, metrics among them, once everything is over.
    fn finish(self) -> usize {
        for function in [&self.webhook, &self.redrive] {
            self.look("logs and metrics", &function.output(), &[]);
        }
        self.calls.get()
    }
}

#[tokio::test]
async fn no_secret_is_anywhere_at_any_level() {
    at_every_level(FUNCTIONS, search(), async |search, level, format| {
        let scene = Scene::new(search, level, format, &[]).await;
        scene.callbacks().await;
        scene.redrive().await;
        // One that came while SNS failed, and others while nobody could tell.
        scene.aws.set(Service::Sns, Behaviour::Status500);
        let [good, ..] = queries();
        scene.callback(&good, &body()).await;
        scene.redrive().await;
        scene.aws.set(Service::Sns, Behaviour::Ok);
        scene.redrive().await;
        scene.odd_events().await;
        scene.finish()
    })
    .await;
}

#[tokio::test]
async fn no_secret_is_anywhere_whatever_is_broken() {
    let services = [Service::Sns, Service::Sqs, Service::SecretsManager];
    whatever_is_broken(
        FUNCTIONS,
        search(),
        &services,
        &BROKEN,
        36,
        async |search, service, broken, format| {
            let scene = Scene::new(search, FINEST, format, &[(service, broken)]).await;
            let queries = queries();
            for query in &queries {
                scene.callback(query, &body()).await;
            }
            let before = scene.waiting.borrow().clone();
            scene.redrive().await;
            // Nobody takes what is to be set aside: eight seconds, and an error.
            scene.callback(&queries[0], SECRET_KEY).await;
            scene.aws.set(service, Behaviour::Ok);
            scene.aws.secrets(|secrets| secrets.retire(&KEY));
            scene.waiting.replace(before);
            scene.redrive().await;
            // And neither way is open.
            scene.aws.set(Service::Sns, broken);
            scene.aws.set(Service::Sqs, broken);
            scene.callback(&SECOND_KEY.query(), &body()).await;
            scene.finish()
        },
    )
    .await;
}

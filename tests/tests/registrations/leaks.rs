//! Nothing leaks, whatever the log is set to, whoever quotes what, and whatever is broken: no token, key or credential is in a log,
//! an answer, a message, or an attribute that isn't its own.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use printbell_harness::fixtures::{KEY, PUBLIC_URL, REGISTRATIONS, SECOND_KEY, STATE};
use printbell_harness::http_event;
use printbell_harness::leaks::{
    FINEST, Finder, Level, SPELLINGS, Search, at_every_level, report, spelled, whatever_is_broken,
};
use printbell_harness::runtime_api::{Call, Completion, Function};
use printbell_harness::stub_aws::{Behaviour, Service, plain};
use printbell_harness::stub_octoeverywhere::{AppAnswer, AppBehaviour};
use serde_json::{Value, json};

use crate::world::{DAY, World, launch};

/// AppTokens, of all that every spelling changes, some of which look like spellings of something else.
const PRESENT: &str = "pre/sent+=\"&'<%41>\\u0041;{}~9f3Kq";
const NEW: &str = "the+new/one=&amp;\"%2B'Jb7-vQ2x";
const OLD: &str = "old\\one/+%25'\"&#43;=Zt4qW9-mm";
const TAKEN: &str = "QUJDREVGR0hJSktM-taken_9d8Xr/+Vw==";
const BEFORE: &str = "before:that~one|^`!@#$(x)*,8Yh2";

/// Further than a header takes, and than an answer is read.
fn long() -> String {
    (0..500).map(|n| format!("long{n:03}/+=")).collect()
}

const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYz0123456789";
const SESSION_TOKEN: &str = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUC+session/of+the+role==";

/// Who is looked at.
const FUNCTIONS: &str = "register and renew";

/// How OctoEverywhere answers.
const ANSWERS: [AppBehaviour; 18] = [
    AppBehaviour::Status(200),
    AppBehaviour::Status(204),
    AppBehaviour::Status(302),
    AppBehaviour::Status(400),
    AppBehaviour::Status(401),
    AppBehaviour::Status(404),
    AppBehaviour::Status(413),
    AppBehaviour::Status(429),
    AppBehaviour::Status(500),
    AppBehaviour::Status(503),
    AppBehaviour::Status(600),
    AppBehaviour::Status(601),
    AppBehaviour::Status(604),
    AppBehaviour::Status(605),
    AppBehaviour::Status(606),
    AppBehaviour::RetryAfter(60),
    AppBehaviour::Refused,
    AppBehaviour::LostAnswer,
];

/// Of these at every level some, which are different paths of ours; the others where most is logged.
const SOME: [AppBehaviour; 5] = [
    AppBehaviour::Status(200),
    AppBehaviour::Status(500),
    AppBehaviour::Status(605),
    AppBehaviour::Status(606),
    AppBehaviour::RetryAfter(60),
];

/// How AWS is broken.
const BROKEN: [Behaviour; 7] = [
    Behaviour::Status500,
    Behaviour::Throttled,
    Behaviour::Busy,
    Behaviour::Denied,
    Behaviour::BadSignature,
    Behaviour::Refused,
    Behaviour::LostAnswer,
];

/// The printers that are called for.
const PRINTERS: [&str; 3] = ["p1", "p2", "p9"];

/// What speaks for a printer, under the present key or an older one.
fn callback_token(printer: &str, key: &printbell_harness::fixtures::SigningKey) -> String {
    let query = key.query_for("t", printer);
    let (_, rest) = query.split_once("callbackToken=").unwrap();
    rest.split('&').next().unwrap().to_owned()
}

fn callback_tokens() -> impl Iterator<Item = String> {
    let keys = [KEY, SECOND_KEY];
    PRINTERS
        .iter()
        .flat_map(move |printer| keys.map(|key| callback_token(printer, &key)))
}

fn search() -> RefCell<Search> {
    let long = long();
    let callback_tokens: Vec<_> = callback_tokens().collect();
    let known = [
        ("token PRESENT", PRESENT),
        ("token NEW", NEW),
        ("token OLD", OLD),
        ("token TAKEN", TAKEN),
        ("token BEFORE", BEFORE),
        ("token LONG", &long),
        ("key", KEY.secret),
        ("older key", SECOND_KEY.secret),
        ("AWS secret key", SECRET_KEY),
        ("AWS session token", SESSION_TOKEN),
    ];
    let callback_tokens = callback_tokens.iter().map(|token| ("callback token", token.as_str()));
    RefCell::new(Search::new(Finder::new(known.into_iter().chain(callback_tokens))))
}

/// A world at one level, and what is looked for in it.
struct Scene<'a> {
    world: World,
    search: &'a RefCell<Search>,
    name: String,
    /// What OctoEverywhere says to who knows so many tokens, one after the other.
    quotes: [Vec<AppAnswer>; 5],
    next: Cell<usize>,
    calls: Cell<usize>,
}

/// Who knows which tokens.
#[derive(Clone, Copy)]
enum Knows {
    /// A row with everything that it can have.
    All,
    /// The same before it was given a new token.
    ButNew,
    /// One that took the present token from another one.
    Taker,
    /// One whose token was taken, and that has it back.
    Giver,
    /// One of which nothing else can be read.
    Itself,
}

/// Texts that quote these tokens, two spellings in each: little enough for a `lastError`.
fn quotes(tokens: &[&str]) -> Vec<AppAnswer> {
    let url = format!(
        "{PUBLIC_URL}/octoeverywhere/webhook?{}",
        SECOND_KEY.query_for("t", "p1")
    );
    let texts = tokens.iter().map(|token| String::from(*token));
    let texts: Vec<_> = texts.chain(callback_tokens()).chain([url]).collect();
    let spelled = SPELLINGS.iter().filter(|(name, _)| !is_for_programs(name));
    let pieces: Vec<_> = spelled
        .flat_map(|(_, spell)| texts.iter().map(|text| spell(text)))
        .collect();
    let answers = pieces.chunks(2).zip(0..).map(|(pieces, n)| {
        let quoted = pieces.join(" for ");
        let (content_type, body) = match n % 4 {
            0 => ("application/json", format!("{{\"Status\":1,\"Error\":\"{quoted}\"}}")),
            1 => (
                "text/html",
                format!("<!doctype html><title>{quoted}</title><h1>Sorry</h1>"),
            ),
            2 => ("text/plain", quoted),
            _ => ("application/json", format!("{{\"a\":[{{\"b\":\"{quoted}\"}}]}}")),
        };
        let headers = [
            ("content-type", content_type),
            ("x-quoted", tokens[n % tokens.len()]),
            ("location", &pieces[0]),
            ("retry-after", tokens[n % tokens.len()]),
        ];
        let headers = headers.into_iter().filter_map(|(name, value)| {
            let value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
            Some((HeaderName::from_static(name), value))
        });
        AppAnswer {
            headers: headers.collect::<HeaderMap>(),
            body: body.into(),
        }
    });
    answers.collect()
}

/// Whether only a program's own log would spell a text so.
fn is_for_programs(spelling: &str) -> bool {
    spelling == "a list of bytes"
}

impl<'a> Scene<'a> {
    async fn new(search: &'a RefCell<Search>, level: Level, format: &str) -> Self {
        let settings = level.into_iter().chain([
            ("AWS_LAMBDA_LOG_FORMAT", format),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_SESSION_TOKEN", SESSION_TOKEN),
            ("RUST_BACKTRACE", "full"),
        ]);
        let settings: Vec<_> = settings.collect();
        Self {
            world: World::with(&settings).await,
            search,
            name: format!("{level:?} {format}"),
            quotes: [
                quotes(&[PRESENT, NEW, OLD, TAKEN, BEFORE, &long()[..64]]),
                quotes(&[PRESENT, OLD, TAKEN, BEFORE, &long()[..64]]),
                quotes(&[PRESENT, OLD]),
                quotes(&[TAKEN, BEFORE]),
                quotes(&[PRESENT]),
            ],
            next: Cell::new(0),
            calls: Cell::new(0),
        }
    }

    /// One row with everything that it can have, and nothing else.
    fn set_the_stage(&self) {
        let world = &self.world;
        let (now, later) = (world.now(), world.now() + 100 * DAY);
        for name in [REGISTRATIONS, STATE] {
            world.aws.table(name, |table| table.clear());
        }
        world.note_url(PUBLIC_URL);
        world.write_row(
            "p1",
            json!({
                "appToken": PRESENT, "status": "active", "revision": 3, "version": 2, "applied": 1, "attempts": 0,
                "createdAt": now - DAY, "renewedAt": now - DAY, "eventTypes": [1], "metadata": {"room": "lab"},
                "oldTokens": [{"appToken": OLD, "expiresAt": later}, {"appToken": long(), "expiresAt": later}],
                "takenFrom": [{"tenantId": "t", "printerRef": "p9", "appToken": TAKEN, "place": "present",
                               "previous": {"appToken": BEFORE}}],
                "webhookUrl": PUBLIC_URL, "keyVersion": SECOND_KEY.version_id,
            }),
        );
        world.write_row("p9", json!({"status": "replaced", "revision": 1, "version": 1}));
    }

    /// Has OctoEverywhere quote what the called row knows, each time in another spelling.
    fn quote(&self, knows: Knows) {
        let n = self.next.replace(self.next.get() + 1);
        let quote = |knows: Knows| {
            let quotes = &self.quotes[knows as usize];
            quotes[n % quotes.len()].clone()
        };
        for token in [PRESENT, NEW, OLD, &long()] {
            self.world.octoeverywhere.set_answer(token, quote(knows));
        }
        for token in [TAKEN, BEFORE] {
            self.world.octoeverywhere.set_answer(token, quote(Knows::Giver));
        }
    }

    async fn register(&self, request: &str, query: &str, body: Option<&str>) {
        let (method, path) = request.split_once(' ').unwrap();
        let mut places = path.split('/').skip(2);
        let (tenant, printer, what) = (places.next(), places.next(), places.next());
        let names = [tenant.map(|_| "/{tenantId}"), printer.map(|_| "/{printerRef}")];
        let what = what.map(|what| format!("/{what}")).unwrap_or_default();
        let route = format!(
            "{method} /registrations{}{what}",
            names.map(Option::unwrap_or_default).concat()
        );
        let event = http_event::request(&route, path, query, body);
        self.call(&self.world.register, request, event.to_string()).await;
    }

    async fn renew(&self, event: impl Into<Vec<u8>>) {
        self.call(&self.world.renew, "renew", event).await;
    }

    async fn call(&self, function: &Function, what: &str, event: impl Into<Vec<u8>>) {
        let call = function.call_within(Duration::from_secs(29), event.into()).await;
        self.look_at(&call, what);
        self.look_around(what);
        self.calls.set(self.calls.get() + 1);
    }

    fn look_at(&self, call: &Call, what: &str) {
        let (place, body) = match &call.completion {
            Completion::Answered(body) => ("answers", body),
            Completion::Failed(error) => ("errors", error),
            // What isn't text ends the process; its log is looked at.
            Completion::Died => return,
            Completion::TimedOut => panic!("{what}: no answer"),
        };
        self.look(place, what, &String::from_utf8_lossy(body));
    }

    fn look(&self, place: &'static str, what: &str, text: &str) {
        let which = format!("{}, {what}", self.name);
        self.search.borrow_mut().look(place, &which, text);
    }

    /// What a call has left in tables, topic and queues, and what it sent.
    fn look_around(&self, what: &str) {
        let world = &self.world;
        for name in [REGISTRATIONS, STATE] {
            let rows: Vec<Value> = world.aws.table(name, |table| table.items().map(plain).collect());
            for row in rows {
                self.look("rows, but for their tokens", what, &without_tokens(row).to_string());
            }
        }
        for call in world.aws.calls() {
            let mut headers = call.headers;
            headers.remove("x-amz-security-token");
            self.look("headers to AWS", what, &format!("{headers:?}"));
            if call.service != Service::DynamoDb {
                let body = String::from_utf8_lossy(&call.body);
                self.look("requests to SNS, SQS and Secrets Manager", what, &body);
            }
        }
        let (published, queued) = world.aws.drain();
        for message in published {
            self.look(
                "messages, with attributes",
                what,
                &format!("{}{:?}", message.text, message.attributes),
            );
        }
        assert!(queued.is_empty(), "neither of them has a queue");
        for mut call in world.octoeverywhere.calls() {
            let in_header = call.headers.remove("apptoken");
            let in_body = call.body.as_object_mut().and_then(|body| body.remove("AppToken"));
            assert!(in_header.is_some() != in_body.is_some(), "the token is in one place");
            let url = call.body.as_object_mut().and_then(|body| body.remove("WebhookUrl"));
            let url = url.as_ref().and_then(Value::as_str).unwrap_or_default();
            let (before, rest) = url.split_once("callbackToken=").unwrap_or((url, ""));
            let after = rest.split_once('&').map_or("", |(_, after)| after);
            let rest = format!("{} {:?} {} {before} {after}", call.target, call.headers, call.body);
            self.look("calls of OctoEverywhere, but for what they are about", what, &rest);
        }
        world.octoeverywhere.reset();
    }

    /// The logs, once everything is over.
    fn finish(self) -> usize {
        for function in [&self.world.register, &self.world.renew] {
            self.look("logs", "all", &function.output());
        }
        self.calls.get()
    }

    /// Every path to OctoEverywhere, answered in this way.
    async fn call_for(&self, behaviour: AppBehaviour) {
        self.world.octoeverywhere.set_behaviour(behaviour);
        let put = |token: &str| json!({"appToken": token, "metadata": {"room": "lab"}}).to_string();
        for (request, body, knows) in [
            ("PUT /registrations/t/p1", Some(put(NEW)), Knows::All),
            ("PUT /registrations/t/p1", Some("{}".to_owned()), Knows::ButNew),
            ("POST /registrations/t/p1/test", None, Knows::ButNew),
            ("POST /registrations/t/p1/renew", None, Knows::ButNew),
            ("DELETE /registrations/t/p1", None, Knows::ButNew),
        ] {
            self.set_the_stage();
            self.quote(knows);
            self.register(request, "", body.as_deref()).await;
            for request in ["GET /registrations/t/p1", "GET /registrations/t", "GET /registrations"] {
                self.register(request, "", None).await;
            }
        }
        self.set_the_stage();
        self.world.write_row(
            "p1",
            json!({"takenFrom": null, "oldTokens": [{"appToken": OLD, "expiresAt": i64::from(i32::MAX)}]}),
        );
        // So that it is known who holds what.
        self.renew(r#"{"rebuild":{}}"#).await;
        self.quote(Knows::Taker);
        self.register("PUT /registrations/t/p2", "", Some(&put(PRESENT))).await;
        for event in [json!({}), json!({"reapply": {}})] {
            self.set_the_stage();
            self.world.make_due("p1", self.world.now() - 1);
            self.quote(Knows::ButNew);
            self.renew(event.to_string()).await;
            self.renew(r#"{"run":{}}"#).await;
            self.register("GET /registrations/t", "", None).await;
        }
    }

    /// What nobody should send, and what isn't well.
    async fn err(&self) {
        self.set_the_stage();
        self.renew(r#"{"rebuild":{}}"#).await;
        let long = long();
        let completion = format!("https://app.example.com/done?success=false&appApiToken={NEW}&id=1");
        let bodies = [
            json!({"appToken": [PRESENT]}),
            json!({"appToken": {PRESENT: NEW}}),
            json!({"appToken": format!("{PRESENT} {NEW}")}),
            json!({"appToken": format!("{PRESENT}é")}),
            json!({"appToken": format!("AppToken: {PRESENT}")}),
            json!({"appToken": format!("https://x/?appApiToken={PRESENT}")}),
            json!({"appToken": long.repeat(3)}),
            json!({"token": PRESENT, PRESENT: "appToken", NEW: {}}),
            json!({"appToken": PRESENT, "metadata": {"token": PRESENT, PRESENT: "x", "room": [NEW]}}),
            json!({"appToken": PRESENT, "metadata": PRESENT, "eventTypes": PRESENT}),
            json!({"appToken": PRESENT, "eventTypes": [PRESENT, NEW, {OLD: 1}]}),
            json!({"completionUrl": completion}),
            json!({"completionUrl": completion, "appToken": PRESENT}),
            json!({"completionUrl": {"url": completion}}),
            json!({"completionUrl": format!("{NEW}?appApiToken={NEW}&appApiToken={OLD}")}),
            json!([PRESENT, NEW]),
            json!(PRESENT),
            json!(json!({"appToken": PRESENT}).to_string()),
        ];
        let texts = [
            String::new(),
            format!("{{\"appToken\":\"{long}\""),
            format!("{{\"appToken\": {PRESENT}}}"),
            format!("appToken={NEW}"),
            NEW.to_owned(),
        ];
        let bodies = bodies.iter().map(Value::to_string).chain(texts);
        for body in bodies {
            self.register("PUT /registrations/t/p1", "", Some(&body)).await;
        }
        for query in [
            "appToken=the%2Bnew%2Fone%3D%26amp%3B%22%252B%27Jb7-vQ2x",
            "QUJDREVGR0hJSktM-taken_9d8Xr/%2BVw==",
            "status=QUJDREVGR0hJSktM-taken_9d8Xr",
            "next=QUJDREVGR0hJSktM-taken_9d8Xr&limit=QUJDREVGR0hJSktM-taken_9d8Xr",
        ] {
            self.register("PUT /registrations/t/p3", query, Some("{}")).await;
            self.register("GET /registrations/t", query, None).await;
        }
        for request in [
            "GET /registrations",
            "GET /registrations/t/absent",
            "DELETE /registrations/t/absent",
            "POST /registrations/t/absent/test",
            "POST /registrations/t/p9/test",
            "POST /registrations/t/p9/renew",
            "PUT /registrations/t/p9",
            "PUT /registrations/other/p1",
        ] {
            self.register(request, "", Some(&json!({"appToken": NEW}).to_string()))
                .await;
        }
        self.register(
            "PUT /registrations/other/p1",
            "",
            Some(&json!({"appToken": PRESENT}).to_string()),
        )
        .await;
        self.unreadable_rows().await;
        self.odd_events().await;
    }

    /// Rows that a person got wrong.
    async fn unreadable_rows(&self) {
        for attributes in [
            json!({"appToken": format!("{PRESENT} {NEW}")}),
            json!({"appToken": [PRESENT]}),
            json!({"appToken": {"appToken": PRESENT}}),
            json!({"oldTokens": [{"appToken": format!("{OLD}\n"), "expiresAt": 1}]}),
            json!({"oldTokens": [{"appToken": OLD}]}),
            json!({"takenFrom": [{"appToken": TAKEN, "tenantId": "t"}]}),
            json!({"previous": {"appToken": [BEFORE]}}),
        ] {
            self.set_the_stage();
            self.quote(Knows::Itself);
            self.world.write_row("p1", attributes);
            self.world.write_row("p1", json!({"dueAt": 0, "dueShard": 0}));
            self.register("GET /registrations/t/p1", "", None).await;
            self.register("GET /registrations/t", "status=unreadable", None).await;
            self.register("POST /registrations/t/p1/renew", "", None).await;
            self.renew("{}").await;
            self.renew(records().to_string()).await;
        }
    }

    /// Events of another kind, or none at all, with a row in them.
    async fn odd_events(&self) {
        self.set_the_stage();
        let row = json!({"tenantId": {"S": "t"}, "printerRef": {"S": "p1"}, "appToken": {"S": PRESENT}});
        let mut other = records();
        other["Records"][0]["eventSource"] = PRESENT.into();
        let events = [
            records(),
            other,
            row.clone(),
            json!([row]),
            json!(PRESENT),
            json!({"Records": row}),
            json!({"Records": PRESENT}),
            json!({"reapply": {"tenantId": PRESENT}}),
            json!({"reapply": {"status": PRESENT}}),
            json!({"reapply": {PRESENT: 1}}),
            json!({"retire": {"keyId": KEY.key_id()}}),
            json!({"retire": {"keyId": KEY.key_id(), "force": PRESENT}}),
            json!({"retire": {PRESENT: PRESENT}}),
            json!({"rebuild": {"after": PRESENT}}),
            json!({"rebuild": {}}),
            json!({"run": PRESENT}),
            json!({PRESENT: {}}),
            json!({"source": "aws.cloudwatch", "alarmData": {"state": {"value": PRESENT}}}),
        ];
        let texts = [
            format!("{{\"Records\":[{{\"appToken\":\"{PRESENT}"),
            NEW.to_owned(),
            format!("{{\"body\":\"{NEW}\",\"rawQueryString\":7,\"headers\":[\"{NEW}\"]"),
            format!("{}\"{NEW}\"{}", "[".repeat(200), "]".repeat(200)),
        ];
        for event in events.iter().map(Value::to_string).chain(texts) {
            self.renew(event.clone()).await;
            self.call(&self.world.register, "an odd event", event).await;
        }
    }
}

/// What the table's stream tells of the row.
fn records() -> Value {
    let keys = json!({"tenantId": {"S": "t"}, "printerRef": {"S": "p1"}});
    let mut row = keys.clone();
    row["appToken"] = json!({"S": PRESENT});
    json!({"Records": [{"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": {"Keys": keys, "NewImage": row}}]})
}

/// A row without what its tokens' own attributes hold.
fn without_tokens(row: Value) -> Value {
    match row {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(name, _)| name != "appToken");
            kept.map(|(name, value)| (name, without_tokens(value)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.into_iter().map(without_tokens).collect(),
        other => other,
    }
}

#[tokio::test]
async fn no_secret_is_anywhere_at_any_level() {
    at_every_level(FUNCTIONS, search(), async |search, level, format| {
        let scene = Scene::new(search, level, format).await;
        let is_finest = level == FINEST;
        let answers = if is_finest { &ANSWERS[..] } else { &SOME };
        for behaviour in answers {
            scene.call_for(*behaviour).await;
        }
        scene.err().await;
        scene.finish()
    })
    .await;
}

#[tokio::test]
async fn no_secret_is_anywhere_whatever_is_broken() {
    let services = [Service::Sns, Service::SecretsManager, Service::DynamoDb];
    whatever_is_broken(
        FUNCTIONS,
        search(),
        &services,
        &BROKEN,
        16,
        async |search, service, broken, format| {
            let scene = Scene::new(search, FINEST, format).await;
            scene.set_the_stage();
            scene.world.make_due("p1", scene.world.now() - 1);
            scene.quote(Knows::ButNew);
            // Refused for long, so that there is something to be told.
            scene
                .world
                .write_row("p1", json!({"refusals": {"count": 9, "first": 1}}));
            scene.world.everyone_gets(606);
            scene.world.aws.set(service, broken);
            scene.renew("{}").await;
            let body = json!({"appToken": NEW}).to_string();
            for request in ["GET", "PUT", "DELETE"] {
                scene.set_the_stage();
                scene.quote(if request == "PUT" { Knows::All } else { Knows::ButNew });
                scene
                    .register(&format!("{request} /registrations/t/p1"), "", Some(&body))
                    .await;
            }
            scene.set_the_stage();
            scene.quote(Knows::ButNew);
            scene.register("POST /registrations/t/p1/renew", "", None).await;
            scene.finish()
        },
    )
    .await;
}

#[tokio::test]
async fn no_spelling_of_a_secret_comes_through() {
    let search = search();
    let scene = Scene::new(&search, FINEST, "JSON").await;
    let long = long();
    let mut spellings = 0;
    let mut answers = vec![String::new()];
    for text in [
        PRESENT,
        NEW,
        OLD,
        TAKEN,
        BEFORE,
        &callback_token("p1", &KEY),
        &callback_token("p1", &SECOND_KEY),
    ] {
        let found =
            spelled(text).filter(|(name, _)| !name.split(", ").any(is_for_programs) && !name.contains("a list"));
        for (_, spelled) in found {
            spellings += 1;
            if answers.last().is_some_and(|last| last.len() + spelled.len() > 3_900) {
                answers.push(String::new());
            }
            answers.last_mut().unwrap().push_str(&format!("{spelled} | "));
        }
    }
    // What an answer says beyond what is read cuts each of them somewhere.
    let cut = SPELLINGS
        .iter()
        .filter(|(name, _)| !is_for_programs(name))
        .flat_map(|(_, spell)| {
            let spelled = spell(&long);
            (0..7).map(move |n| format!("{}{spelled}", ".".repeat(4_080 + n)))
        });
    let whole = SPELLINGS
        .iter()
        .filter(|(name, _)| !is_for_programs(name))
        .map(|(_, spell)| spell(&long));
    answers.extend(cut.chain(whole).collect::<Vec<_>>());
    let count = answers.len();
    scene.set_the_stage();
    scene.world.write_row("p1", json!({"previous": {"appToken": NEW}}));
    for body in answers {
        for status in [200, 500] {
            scene.world.everyone_gets(status);
            let answer = AppAnswer {
                headers: HeaderMap::new(),
                body: body.clone().into(),
            };
            scene.world.octoeverywhere.set_answer(PRESENT, answer);
            scene.register("POST /registrations/t/p1/test", "", None).await;
        }
    }
    scene.finish();
    report(
        search,
        &format!("{spellings} spellings of spellings, in {count} answers to TestWebhook"),
    );
}

#[tokio::test]
async fn a_start_that_fails_says_nothing_of_what_it_was_given() {
    let search = search();
    let world = World::new().await;
    let mut starts = 0;
    for function in ["register", "renew"] {
        let launch = || {
            launch(&world.aws, &world.octoeverywhere, function, 0)
                .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
                .env("AWS_SESSION_TOKEN", SESSION_TOKEN)
                .env("AWS_LAMBDA_LOG_LEVEL", "TRACE")
        };
        for launch in [
            launch().without("AWS_REGION"),
            launch().without("AWS_ACCESS_KEY_ID"),
            launch().without("TABLE_NAME"),
            launch().env("OCTOEVERYWHERE_URL", "nonsense"),
            launch().env("AWS_CA_BUNDLE", "/nowhere"),
        ] {
            let error = launch.start().await.err().map(|error| format!("{error:#}"));
            let error = error.unwrap_or_else(|| panic!("{function} has started"));
            search.borrow_mut().look("failed starts", function, &error);
            starts += 1;
        }
    }
    report(search, &format!("register and renew: {starts} starts that fail"));
}

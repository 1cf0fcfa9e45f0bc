//! Floods at the registrations API: what each of them costs, held against its bound.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use printbell_harness::abuse::{self, LARGEST_EVENT, Meter, Sender, case, cases};
use printbell_harness::fixtures::{KEY, PUBLIC_URL, REGISTRATIONS, STATE};
use printbell_harness::http_event;
use printbell_harness::runtime_api::Function;
use printbell_harness::stub_aws::{StubAws, item};
use printbell_harness::stub_octoeverywhere::{AppBehaviour, StubOctoEverywhere};
use serde_json::{Value, json};

use crate::world::launch;

const PUT: &str = "PUT /registrations/{tenantId}/{printerRef}";
const GET: &str = "GET /registrations/{tenantId}/{printerRef}";
const DELETE: &str = "DELETE /registrations/{tenantId}/{printerRef}";
const LIST: &str = "GET /registrations";
const TEST: &str = "POST /registrations/{tenantId}/{printerRef}/test";
const RENEW: &str = "POST /registrations/{tenantId}/{printerRef}/renew";

/// The requests of a flood.
struct Flood {
    what: &'static str,
    /// Processes that it goes to, each as many requests.
    processes: usize,
    requests: u32,
    octoeverywhere: AppBehaviour,
    statuses: &'static [u16],
    /// What there is before.
    before: fn(&Ground),
    /// The request with this number.
    event: fn(u32) -> Value,
}

/// What the functions stand on.
struct Ground {
    aws: StubAws,
    octoeverywhere: StubOctoEverywhere,
}

impl Ground {
    async fn new() -> Self {
        let aws = StubAws::start().await.unwrap();
        aws.secrets(|secrets| secrets.rotate(&KEY));
        let sweep = item(&json!({"id": "sweep", "revision": 1, "url": PUBLIC_URL}));
        aws.table(STATE, |table| table.put(sweep));
        let octoeverywhere = StubOctoEverywhere::start().await.unwrap();
        Self { aws, octoeverywhere }
    }

    async fn register(&self) -> Function {
        launch(&self.aws, &self.octoeverywhere, "register", 0)
            .start()
            .await
            .unwrap()
    }

    /// So many registrations, of which none is suspended.
    fn fill(&self, count: u32) {
        self.aws.table(REGISTRATIONS, |table| {
            for number in 0..count {
                let printer = format!("p{number}");
                table.put(item(&printbell_harness::fixtures::registration(
                    "t",
                    &printer,
                    &token(number),
                )));
            }
        });
    }
}

/// One as long as a token can be.
fn token(number: u32) -> String {
    format!("{number:08}{}", "x".repeat(8 * 1024 - 8))
}

fn request(route: &str, printer: &str, body: Option<&Value>) -> Value {
    let (_, path) = route.split_once(' ').unwrap();
    let path = path.replace("{tenantId}", "t").replace("{printerRef}", printer);
    http_event::request(route, &path, "", body.map(Value::to_string).as_deref())
}

fn put(printer: &str, token: &str) -> Value {
    request(
        PUT,
        printer,
        Some(&json!({"appToken": token, "metadata": {"room": "lab"}})),
    )
}

/// A PUT with this body, whatever it is.
fn put_text(body: &str) -> Value {
    let path = "/registrations/t/p1";
    http_event::request(PUT, path, "", Some(body))
}

const MANY: u32 = 40;
const FEW: u32 = 5;

const PLAIN: Flood = Flood {
    what: "",
    processes: 1,
    requests: MANY,
    octoeverywhere: AppBehaviour::Status(200),
    statuses: &[200, 201],
    before: |_| {},
    event: |_| Value::Null,
};

const FLOODS: [Flood; 17] = [
    Flood {
        what: "PUT, the same once more",
        event: |_| put("p1", &token(1)),
        ..PLAIN
    },
    Flood {
        what: "PUT, each another printer",
        event: |number| put(&format!("p{number}"), &token(number)),
        ..PLAIN
    },
    Flood {
        what: "PUT, each with a new token",
        event: |number| put("p1", &token(number)),
        ..PLAIN
    },
    Flood {
        what: "PUT, each with a new token while OctoEverywhere fails",
        octoeverywhere: AppBehaviour::Status(503),
        statuses: &[202, 409],
        event: |number| put("p1", &token(number)),
        ..PLAIN
    },
    Flood {
        what: "PUT, each with a new token that OctoEverywhere refuses",
        octoeverywhere: AppBehaviour::Status(604),
        statuses: &[422],
        event: |number| put("p1", &token(number)),
        ..PLAIN
    },
    Flood {
        what: "PUT, two registrations taking one token from each other",
        event: |number| put(&format!("p{}", number % 2), &token(1)),
        ..PLAIN
    },
    Flood {
        what: "PUT, 20 of one registration at once",
        processes: 20,
        requests: 3,
        statuses: &[200, 201, 202, 409, 503],
        event: |number| put("p1", &token(number)),
        ..PLAIN
    },
    Flood {
        what: "PUT, the largest body",
        requests: FEW,
        statuses: &[400],
        event: |_| put_text(&format!("[{}0]", "0,".repeat(LARGEST_EVENT / 2 - 2048))),
        ..PLAIN
    },
    Flood {
        what: "PUT, the deepest body",
        requests: FEW,
        statuses: &[400],
        event: |_| put_text(&"[".repeat(LARGEST_EVENT - 4096)),
        ..PLAIN
    },
    Flood {
        what: "PUT, as many unknown fields as a body can have",
        requests: FEW,
        statuses: &[400],
        event: |_| {
            let fields: Vec<_> = (0..13_000).map(|number| format!("\"{number:x}\":0")).collect();
            put_text(&format!("{{{}}}", fields.join(",")))
        },
        ..PLAIN
    },
    Flood {
        what: "DELETE of what there is not",
        statuses: &[204],
        event: |number| request(DELETE, &format!("p{number}"), None),
        ..PLAIN
    },
    Flood {
        what: "PUT and DELETE, by turns",
        statuses: &[200, 201, 204],
        event: |number| match number % 2 {
            0 => put("p1", &token(1)),
            _ => request(DELETE, "p1", None),
        },
        ..PLAIN
    },
    Flood {
        what: "POST …/renew",
        statuses: &[200],
        before: |ground| ground.fill(1),
        event: |_| request(RENEW, "p0", None),
        ..PLAIN
    },
    Flood {
        what: "POST …/test",
        statuses: &[200],
        before: |ground| ground.fill(1),
        event: |_| request(TEST, "p0", None),
        ..PLAIN
    },
    Flood {
        what: "GET of one registration",
        statuses: &[200],
        before: |ground| ground.fill(1),
        event: |_| request(GET, "p0", None),
        ..PLAIN
    },
    Flood {
        what: "GET of all, a page of 100",
        statuses: &[200],
        before: |ground| ground.fill(1_500),
        event: |_| request(LIST, "", None),
        ..PLAIN
    },
    Flood {
        what: "GET of all with a status that none has",
        statuses: &[200],
        before: |ground| ground.fill(1_500),
        event: |_| http_event::request(LIST, "/registrations", "status=suspended", None),
        ..PLAIN
    },
];

async fn measure(flood: &Flood) -> Result<String, String> {
    let ground = Ground::new().await;
    (flood.before)(&ground);
    let functions = join_all((0..flood.processes).map(|_| ground.register())).await;
    ground.octoeverywhere.set_behaviour(flood.octoeverywhere);
    let meter = Meter::begin(&functions, &ground.aws, Some(&ground.octoeverywhere)).unwrap();
    let processes = u32::try_from(functions.len()).unwrap();
    let one = async |first: u32, function: &Function| {
        let mut answered = 0;
        for number in 0..flood.requests {
            let event = (flood.event)(first + processes * number).to_string();
            let call = function.call_within(Duration::from_secs(29), event).await;
            let answer = call.http().map_err(|error| format!("{}: {error:#}", flood.what))?;
            if !flood.statuses.contains(&answer.status) {
                return Err(format!("{}: {} {}", flood.what, answer.status, answer.body));
            }
            answered += answer.raw.to_string().len();
        }
        Ok(answered)
    };
    let all = (0..processes)
        .zip(&functions)
        .map(|(first, function)| one(first, function));
    let answered: Result<usize, String> = join_all(all).await.into_iter().sum();
    let cost = meter.end(processes * flood.requests, answered?).unwrap();
    let check = case(flood.what).unwrap().check(&cost);
    check.map_err(|error| error.to_string())
}

#[tokio::test]
async fn each_flood_of_the_registrations_api_stays_within_its_bound() {
    let here = cases()
        .iter()
        .filter(|case| case.sender == Sender::Backend)
        .map(|case| case.what);
    let sent = FLOODS.iter().map(|flood| flood.what);
    assert_eq!(sent.collect::<BTreeSet<_>>(), here.collect());
    let mut results = Vec::new();
    for flood in &FLOODS {
        results.push(measure(flood).await);
    }
    abuse::report("floods of the registrations API", results);
}

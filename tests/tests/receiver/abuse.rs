//! Floods at the callbacks' door: what each of them costs, held against its bound.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use printbell_harness::abuse::{self, LARGEST_EVENT, LARGEST_KEPT, Meter, Sender, case, cases};
use printbell_harness::fixtures::{KEY, SigningKey};
use printbell_harness::http_event::{self, Door};
use printbell_harness::queue_event;
use printbell_harness::stub_aws::{Behaviour, Service, StubAws};

use crate::forms;
use crate::stage::{launch, receiver, rotate};

/// The requests of a flood.
struct Flood {
    what: &'static str,
    requests: u32,
    /// How long it goes on at least.
    lasts: Duration,
    secrets_manager: Behaviour,
    status: u16,
    /// The request with this number.
    event: fn(u32) -> String,
}

/// As many versions as can bear a label of ours: so much there is to read.
const VERSIONS: [SigningKey; 16] = {
    let mut versions = [KEY; 16];
    let ids = [
        "10000000-0000-4000-8000-000000000001",
        "11000000-0000-4000-8000-000000000001",
        "12000000-0000-4000-8000-000000000001",
        "13000000-0000-4000-8000-000000000001",
        "14000000-0000-4000-8000-000000000001",
        "15000000-0000-4000-8000-000000000001",
        "16000000-0000-4000-8000-000000000001",
        "17000000-0000-4000-8000-000000000001",
        "18000000-0000-4000-8000-000000000001",
        "19000000-0000-4000-8000-000000000001",
        "1a000000-0000-4000-8000-000000000001",
        "1b000000-0000-4000-8000-000000000001",
        "1c000000-0000-4000-8000-000000000001",
        "1d000000-0000-4000-8000-000000000001",
        "1e000000-0000-4000-8000-000000000001",
    ];
    let mut place = 0;
    while place < ids.len() {
        versions[place].version_id = ids[place];
        place += 1;
    }
    versions
};

/// A notification.
const BODY: &str = r#"{"EventType":3,"PrinterId":"fKq3v8Zt","PrintId":"b1946ac9","DurationSec":1530,"Progress":41}"#;

fn unsigned() -> &'static str {
    "tenantId=abc123&printerRef=p42"
}

/// The query under a key that there isn't, another one for each number.
fn made_up(number: u32) -> String {
    KEY.query().replace(KEY.key_id(), &format!("{number:08x}"))
}

fn text(query: &str, body: &str) -> String {
    http_event::callback(query, body).to_string()
}

fn base64(query: &str, length: usize) -> String {
    let body = STANDARD.encode(vec![0xFF; length]);
    forms::event(Door::FunctionUrl, query, &body, true).to_string()
}

/// The longest text of an event that Lambda takes.
fn longest(query: &str, pattern: &str) -> String {
    text(query, &pattern.repeat((LARGEST_EVENT - 4096) / pattern.len()))
}

/// The largest body whose event in base64 Lambda takes.
const LARGEST_BODY: usize = (LARGEST_EVENT - 4096) / 4 * 3;

/// Longer than a read of the keys that failed keeps the next one away.
const SECOND_READ: Duration = Duration::from_secs(11);

const FEW: u32 = 20;
const MANY: u32 = 300;

const FLOODS: [Flood; 16] = [
    Flood {
        what: "no token",
        requests: MANY,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Ok,
        status: 401,
        event: |_| text(unsigned(), BODY),
    },
    Flood {
        what: "a token of another form",
        requests: MANY,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Ok,
        status: 401,
        event: |number| text(&format!("{}&callbackToken={number}", unsigned()), BODY),
    },
    Flood {
        what: "another path or method, at the function URL",
        requests: MANY,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Ok,
        status: 404,
        event: |number| http_event::function_url("GET", &format!("/{number}"), &KEY.query(), None).to_string(),
    },
    Flood {
        what: "a wrong signature under a key that counts",
        requests: MANY,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Ok,
        status: 401,
        event: |_| {
            text(
                &format!("{}&callbackToken={}.{}", unsigned(), KEY.key_id(), "A".repeat(43)),
                BODY,
            )
        },
    },
    Flood {
        what: "the token of another printer",
        requests: MANY,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Ok,
        status: 401,
        event: |number| text(&KEY.query().replace("p42", &format!("p{}", 100 + number)), BODY),
    },
    Flood {
        what: "keys that there are not, each another one",
        requests: MANY,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Ok,
        status: 401,
        event: |number| text(&made_up(number), BODY),
    },
    Flood {
        what: "the same while Secrets Manager is slow",
        requests: MANY,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Slow(Duration::from_millis(150)),
        status: 401,
        event: |number| text(&made_up(number), BODY),
    },
    Flood {
        what: "the same while Secrets Manager denies",
        requests: MANY,
        lasts: SECOND_READ,
        secrets_manager: Behaviour::Denied,
        status: 200,
        event: |number| text(&made_up(number), BODY),
    },
    Flood {
        what: "the same while Secrets Manager is down",
        requests: MANY,
        lasts: SECOND_READ,
        secrets_manager: Behaviour::Hang,
        status: 200,
        event: |number| text(&made_up(number), BODY),
    },
    Flood {
        what: "the same with the largest body that is kept whole",
        requests: FEW,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Status500,
        status: 200,
        event: |number| base64(&made_up(number), LARGEST_KEPT),
    },
    Flood {
        what: "no token, the largest text",
        requests: FEW,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Ok,
        status: 401,
        event: |_| longest(unsigned(), "x"),
    },
    Flood {
        what: "no token, the largest body in base64",
        requests: FEW,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Ok,
        status: 401,
        event: |_| base64(unsigned(), LARGEST_BODY),
    },
    Flood {
        what: "no token, three million brackets",
        requests: FEW,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Ok,
        status: 401,
        event: |_| {
            text(unsigned(), "").replace(
                r#""body":"""#,
                &format!(r#""body":{}{}"#, "[".repeat(3_000_000), "]".repeat(3_000_000)),
            )
        },
    },
    Flood {
        what: "a good token, notifications",
        requests: MANY,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Ok,
        status: 200,
        event: |_| text(&KEY.query(), BODY),
    },
    Flood {
        what: "a good token, the largest body that is kept whole",
        requests: FEW,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Ok,
        status: 200,
        event: |_| base64(&KEY.query(), LARGEST_KEPT),
    },
    Flood {
        what: "a good token, the largest body",
        requests: FEW,
        lasts: Duration::ZERO,
        secrets_manager: Behaviour::Ok,
        status: 200,
        event: |_| base64(&KEY.query(), LARGEST_BODY),
    },
];

/// A stub AWS with as many keys as there can be.
async fn aws() -> StubAws {
    let aws = StubAws::start().await.unwrap();
    for key in VERSIONS {
        aws.secrets(|secrets| rotate(secrets, &key));
    }
    aws
}

async fn measure(flood: &Flood) -> Result<String, String> {
    let aws = aws().await;
    let functions = [receiver(&aws).await];
    let [function] = &functions;
    aws.set(Service::SecretsManager, flood.secrets_manager);
    let meter = Meter::begin(&functions, &aws, None).unwrap();
    let (began, mut sent, mut answered) = (Instant::now(), 0, 0);
    while sent < flood.requests || began.elapsed() < flood.lasts {
        let answer = function.call((flood.event)(sent)).await.http();
        let answer = answer.map_err(|error| format!("{}: {error:#}", flood.what))?;
        if answer.status != flood.status {
            return Err(format!("{}: {}", flood.what, answer.status));
        }
        answered += answer.raw.to_string().len();
        sent += 1;
    }
    let cost = meter.end(sent, answered).unwrap();
    case(flood.what)
        .unwrap()
        .check(&cost)
        .map_err(|error| error.to_string())
}

/// What becomes of callbacks that were queued under keys that there are not.
struct Waiting {
    what: &'static str,
    /// Bytes of each callback's body.
    body: usize,
    /// As many as Lambda takes at once.
    batch: u32,
    secrets_manager: Behaviour,
}

const WAITING: [Waiting; 3] = [
    Waiting {
        what: "what was queued so, each time that it is tried in vain",
        body: 64,
        batch: 10,
        secrets_manager: Behaviour::Status500,
    },
    Waiting {
        what: "what was queued so, once Secrets Manager answers",
        body: 64,
        batch: 10,
        secrets_manager: Behaviour::Ok,
    },
    Waiting {
        what: "the same of the largest bodies",
        body: LARGEST_KEPT,
        batch: 5,
        secrets_manager: Behaviour::Ok,
    },
];

async fn measure_waiting(waiting: &Waiting) -> Result<String, String> {
    let aws = aws().await;
    aws.set(Service::SecretsManager, Behaviour::Status500);
    let function = receiver(&aws).await;
    for number in 0..waiting.batch {
        function
            .call(base64(&made_up(number), waiting.body))
            .await
            .http()
            .unwrap();
    }
    let messages = aws.queued();
    drop(function);
    aws.drain();
    aws.set(Service::SecretsManager, waiting.secrets_manager);
    let functions = [launch("redrive", &aws).start().await.unwrap()];
    let [redrive] = &functions;
    let meter = Meter::begin(&functions, &aws, None).unwrap();
    let event = queue_event::batch(&messages, 1).to_string();
    for _ in 0..BATCHES {
        let answer = redrive
            .call(event.clone())
            .await
            .json()
            .map_err(|error| format!("{error:#}"))?;
        let failed = answer["batchItemFailures"].as_array().map(Vec::len);
        let expected = if waiting.secrets_manager == Behaviour::Ok {
            0
        } else {
            messages.len()
        };
        assert_eq!(failed, Some(expected), "{}", waiting.what);
    }
    let cost = meter.end(BATCHES * waiting.batch, 0).unwrap();
    case(waiting.what)
        .unwrap()
        .check(&cost)
        .map_err(|error| error.to_string())
}

const BATCHES: u32 = 5;

#[tokio::test]
async fn each_flood_of_callbacks_stays_within_its_bound() {
    let here = cases().iter().filter(|case| case.sender != Sender::Backend);
    let sent = FLOODS.iter().map(|flood| flood.what);
    let sent: BTreeSet<_> = sent.chain(WAITING.iter().map(|waiting| waiting.what)).collect();
    assert_eq!(sent, here.map(|case| case.what).collect());
    let mut results = Vec::new();
    for flood in &FLOODS {
        results.push(measure(flood).await);
    }
    for waiting in &WAITING {
        results.push(measure_waiting(waiting).await);
    }
    abuse::report("floods of callbacks", results);
}

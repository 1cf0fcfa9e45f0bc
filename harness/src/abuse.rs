//! What a flood may cost, case by case: a bound for each figure, which the tests at the binaries assert and docs/limits.md shows, with
//! the money that it comes to.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::runtime_api::Function;
use crate::stub_aws::{Service, StubAws};
use crate::stub_octoeverywhere::StubOctoEverywhere;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The largest event that Lambda takes, in bytes (Lambda Developer Guide, "Lambda quotas").
pub const LARGEST_EVENT: usize = 6 * MIB;
/// The largest body that is kept whole in a queue, in bytes (`docs/decisions/0034`).
pub const LARGEST_KEPT: usize = 700 * KIB;
/// What SQS bills as one request, in bytes.
const QUEUE_UNIT: usize = 64 * KIB;

/// Who sends a flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Anybody, at the callbacks' door.
    Stranger,
    /// Who knows a callback URL, at the same door.
    UrlHolder,
    /// Redrive, of what strangers have sent.
    Queue,
    /// Who may call the registrations API.
    Backend,
}

/// A kind of flood.
#[derive(Clone, Copy, Debug)]
pub struct Abuse {
    /// What is sent; unique.
    pub what: &'static str,
    /// By whom.
    pub sender: Sender,
    /// Bytes of each event, roughly.
    pub event: usize,
    /// Whether its reads are of whole pages.
    pub lists: bool,
    /// What it may cost.
    pub most: Cost,
}

/// What a flood costs: of each request, on the average, but for the last two.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Messages published to SNS.
    pub publishes: f64,
    /// What is sent to the queues, in SQS's units of 64 KiB.
    pub queue_units: f64,
    /// Read requests to DynamoDB.
    pub reads: f64,
    /// KiB in write requests to DynamoDB; those of a transaction count twice.
    pub written: f64,
    /// Calls to OctoEverywhere.
    pub app_calls: f64,
    /// Milliseconds on a processor.
    pub processor: f64,
    /// Bytes of log.
    pub log: f64,
    /// Bytes of the answer.
    pub answer: f64,
    /// Calls to Secrets Manager of a process in its first eleven seconds, its start included, however many requests there are.
    pub secret_calls: f64,
    /// The most memory that the process has resident, in MiB.
    pub memory: f64,
}

impl Cost {
    /// The figures, by their names.
    fn figures(&self) -> [(&'static str, f64); 10] {
        [
            ("SNS", self.publishes),
            ("SQS", self.queue_units),
            ("reads", self.reads),
            ("KiB written", self.written),
            ("OctoEverywhere", self.app_calls),
            ("ms", self.processor),
            ("B of log", self.log),
            ("B of answer", self.answer),
            ("Secrets Manager", self.secret_calls),
            ("MiB", self.memory),
        ]
    }
}

/// A small request that is read and refused.
const REFUSED: Cost = Cost {
    publishes: 0.0,
    queue_units: 0.0,
    reads: 0.0,
    written: 0.0,
    app_calls: 0.0,
    processor: 2.0,
    log: 0.0,
    answer: 260.0,
    secret_calls: 1.0,
    memory: 16.0,
};

/// A large one.
const REFUSED_LARGE: Cost = Cost {
    processor: 30.0,
    memory: 40.0,
    ..REFUSED
};

/// One under a key id that isn't known: every version is read, once.
const UNKNOWN: Cost = Cost {
    log: 2.0,
    secret_calls: 17.0,
    ..REFUSED
};

/// One that can't be told from an authentic callback.
const QUEUED: Cost = Cost {
    queue_units: 1.0,
    processor: 4.0,
    log: 3.0,
    secret_calls: 5.0,
    memory: 18.0,
    ..REFUSED
};

/// A request to the registrations API that comes to nothing.
const INVALID: Cost = Cost {
    processor: 8.0,
    answer: 500.0,
    secret_calls: 0.0,
    memory: 20.0,
    ..REFUSED
};

/// One that is applied at OctoEverywhere. The first one of a process looks which key to sign with.
const APPLIED: Cost = Cost {
    publishes: 1.0,
    reads: 3.0,
    app_calls: 1.0,
    processor: 30.0,
    secret_calls: 4.0,
    ..INVALID
};

const CASES: [Abuse; 36] = [
    Abuse {
        what: "no token",
        sender: Sender::Stranger,
        event: KIB,
        lists: false,
        most: REFUSED,
    },
    Abuse {
        what: "a token of another form",
        sender: Sender::Stranger,
        event: KIB,
        lists: false,
        most: REFUSED,
    },
    Abuse {
        what: "another path or method, at the function URL",
        sender: Sender::Stranger,
        event: KIB,
        lists: false,
        most: REFUSED,
    },
    Abuse {
        what: "a wrong signature under a key that counts",
        sender: Sender::Stranger,
        event: KIB,
        lists: false,
        most: Cost {
            secret_calls: 17.0,
            ..REFUSED
        },
    },
    Abuse {
        what: "the token of another printer",
        sender: Sender::Stranger,
        event: KIB,
        lists: false,
        most: Cost {
            secret_calls: 17.0,
            ..REFUSED
        },
    },
    Abuse {
        what: "keys that there are not, each another one",
        sender: Sender::Stranger,
        event: KIB,
        lists: false,
        most: UNKNOWN,
    },
    Abuse {
        what: "the same while Secrets Manager is slow",
        sender: Sender::Stranger,
        event: KIB,
        lists: false,
        most: UNKNOWN,
    },
    Abuse {
        what: "the same while Secrets Manager denies",
        sender: Sender::Stranger,
        event: KIB,
        lists: false,
        most: Cost {
            secret_calls: 3.0,
            ..QUEUED
        },
    },
    Abuse {
        what: "the same while Secrets Manager is down",
        sender: Sender::Stranger,
        event: KIB,
        lists: false,
        most: QUEUED,
    },
    Abuse {
        what: "the same with the largest body that is kept whole",
        sender: Sender::Stranger,
        event: MIB,
        lists: false,
        most: Cost {
            queue_units: 15.0,
            processor: 60.0,
            log: 30.0,
            memory: 32.0,
            ..QUEUED
        },
    },
    Abuse {
        what: "what was queued so, each time that it is tried in vain",
        sender: Sender::Queue,
        event: KIB,
        lists: false,
        most: Cost {
            log: 600.0,
            answer: 0.0,
            secret_calls: 2.0,
            ..QUEUED
        },
    },
    Abuse {
        what: "what was queued so, once Secrets Manager answers",
        sender: Sender::Queue,
        event: KIB,
        lists: false,
        most: Cost {
            log: 0.0,
            answer: 0.0,
            secret_calls: 17.0,
            ..QUEUED
        },
    },
    Abuse {
        what: "the same of the largest bodies",
        sender: Sender::Queue,
        event: MIB,
        lists: false,
        most: Cost {
            queue_units: 15.0,
            log: 0.0,
            answer: 0.0,
            secret_calls: 17.0,
            processor: 60.0,
            memory: 48.0,
            ..QUEUED
        },
    },
    Abuse {
        what: "no token, the largest text",
        sender: Sender::Stranger,
        event: LARGEST_EVENT,
        lists: false,
        most: REFUSED_LARGE,
    },
    Abuse {
        what: "no token, the largest body in base64",
        sender: Sender::Stranger,
        event: LARGEST_EVENT,
        lists: false,
        most: REFUSED_LARGE,
    },
    Abuse {
        what: "no token, three million brackets",
        sender: Sender::Stranger,
        event: LARGEST_EVENT,
        lists: false,
        most: Cost {
            processor: 80.0,
            ..REFUSED_LARGE
        },
    },
    Abuse {
        what: "a good token, notifications",
        sender: Sender::UrlHolder,
        event: KIB,
        lists: false,
        most: Cost {
            publishes: 1.0,
            processor: 4.0,
            ..REFUSED
        },
    },
    Abuse {
        what: "a good token, the largest body that is kept whole",
        sender: Sender::UrlHolder,
        event: MIB,
        lists: false,
        most: Cost {
            queue_units: 15.0,
            processor: 60.0,
            log: 600.0,
            memory: 32.0,
            ..REFUSED
        },
    },
    Abuse {
        what: "a good token, the largest body",
        sender: Sender::UrlHolder,
        event: LARGEST_EVENT,
        lists: false,
        most: Cost {
            queue_units: 3.0,
            processor: 120.0,
            log: 600.0,
            memory: 48.0,
            ..REFUSED
        },
    },
    Abuse {
        what: "PUT, the same once more",
        sender: Sender::Backend,
        event: 9 * KIB,
        lists: false,
        most: Cost {
            written: 32.0,
            ..APPLIED
        },
    },
    Abuse {
        what: "PUT, each another printer",
        sender: Sender::Backend,
        event: 9 * KIB,
        lists: false,
        most: Cost {
            written: 46.0,
            ..APPLIED
        },
    },
    Abuse {
        what: "PUT, each with a new token",
        sender: Sender::Backend,
        event: 9 * KIB,
        lists: false,
        most: Cost {
            written: 92.0,
            app_calls: 3.0,
            ..APPLIED
        },
    },
    Abuse {
        what: "PUT, each with a new token while OctoEverywhere fails",
        sender: Sender::Backend,
        event: 9 * KIB,
        lists: false,
        most: Cost {
            written: 12.0,
            reads: 2.0,
            ..APPLIED
        },
    },
    Abuse {
        what: "PUT, each with a new token that OctoEverywhere refuses",
        sender: Sender::Backend,
        event: 9 * KIB,
        lists: false,
        most: Cost {
            written: 26.0,
            ..APPLIED
        },
    },
    Abuse {
        what: "PUT, two registrations taking one token from each other",
        sender: Sender::Backend,
        event: 9 * KIB,
        lists: false,
        most: Cost {
            written: 68.0,
            ..APPLIED
        },
    },
    Abuse {
        what: "PUT, 20 of one registration at once",
        sender: Sender::Backend,
        event: 9 * KIB,
        lists: false,
        most: Cost {
            reads: 60.0,
            written: 800.0,
            app_calls: 2.0,
            processor: 250.0,
            secret_calls: 6.0,
            ..APPLIED
        },
    },
    Abuse {
        what: "PUT, the largest body",
        sender: Sender::Backend,
        event: LARGEST_EVENT,
        lists: false,
        most: Cost {
            processor: 100.0,
            memory: 48.0,
            ..INVALID
        },
    },
    Abuse {
        what: "PUT, the deepest body",
        sender: Sender::Backend,
        event: LARGEST_EVENT,
        lists: false,
        most: Cost {
            processor: 100.0,
            memory: 48.0,
            ..INVALID
        },
    },
    Abuse {
        what: "PUT, as many unknown fields as a body can have",
        sender: Sender::Backend,
        event: 128 * KIB,
        lists: false,
        most: Cost {
            processor: 100.0,
            answer: 7000.0,
            memory: 24.0,
            ..INVALID
        },
    },
    Abuse {
        what: "DELETE of what there is not",
        sender: Sender::Backend,
        event: KIB,
        lists: false,
        most: Cost { reads: 1.0, ..INVALID },
    },
    Abuse {
        what: "PUT and DELETE, by turns",
        sender: Sender::Backend,
        event: 5 * KIB,
        lists: false,
        most: Cost {
            written: 32.0,
            ..APPLIED
        },
    },
    Abuse {
        what: "POST …/renew",
        sender: Sender::Backend,
        event: KIB,
        lists: false,
        most: Cost {
            written: 25.0,
            ..APPLIED
        },
    },
    Abuse {
        what: "POST …/test",
        sender: Sender::Backend,
        event: KIB,
        lists: false,
        most: Cost {
            reads: 1.0,
            app_calls: 1.0,
            ..INVALID
        },
    },
    Abuse {
        what: "GET of one registration",
        sender: Sender::Backend,
        event: KIB,
        lists: false,
        most: Cost { reads: 1.0, ..INVALID },
    },
    Abuse {
        what: "GET of all, a page of 100",
        sender: Sender::Backend,
        event: KIB,
        lists: true,
        most: Cost {
            reads: 1.0,
            processor: 80.0,
            answer: 33000.0,
            memory: 28.0,
            ..INVALID
        },
    },
    Abuse {
        what: "GET of all with a status that none has",
        sender: Sender::Backend,
        event: KIB,
        lists: true,
        most: Cost {
            reads: 10.0,
            processor: 40.0,
            ..INVALID
        },
    },
];

/// The cases, in the document's order.
pub fn cases() -> &'static [Abuse] {
    &CASES
}

/// The case of this name.
///
/// # Errors
/// When there is none.
pub fn case(what: &str) -> Result<&'static Abuse> {
    CASES
        .iter()
        .find(|case| case.what == what)
        .with_context(|| format!("no case {what:?}"))
}

/// The largest row: five tokens of 8 KiB, and what is around them, in DynamoDB's read units of 4 KiB.
const ROW_UNITS: f64 = 11.0;
/// What DynamoDB reads for one page at most, 1 MiB, in half units, for lists are read eventually consistent.
const PAGE_UNITS: f64 = 128.0;

impl Abuse {
    /// Read units of DynamoDB's that a request takes at most.
    pub fn read_units(&self) -> f64 {
        self.most.reads * if self.lists { PAGE_UNITS } else { ROW_UNITS }
    }

    /// Holds what was measured against the bounds; the text shows both.
    ///
    /// # Errors
    /// When a bound is broken; the text says which.
    pub fn check(&self, measured: &Cost) -> Result<String> {
        let pairs = measured.figures().into_iter().zip(self.most.figures());
        let shown: Vec<_> = { pairs.clone() }
            .filter(|((_, measured), (_, most))| *measured > 0.0 || *most > 0.0)
            .map(|((name, measured), (_, most))| format!("{} of {most} {name}", rounded(measured)))
            .collect();
        let text = format!("{:?}, {}: {}", self.sender, self.what, shown.join(", "));
        let broken: Vec<_> = { pairs }
            .filter(|((_, measured), (_, most))| measured > most)
            .map(|((name, _), _)| name)
            .collect();
        ensure!(broken.is_empty(), "{text}\nover the bound: {}", broken.join(", "));
        Ok(text)
    }
}

/// Prints what held, and how many cases there were.
///
/// # Panics
/// When something didn't; with all of it.
pub fn report(what: &str, results: Vec<Result<String, String>>) {
    let count = results.len();
    let mut broken = Vec::new();
    for result in results {
        match result {
            Ok(line) => println!("{line}"),
            Err(line) => broken.push(line),
        }
    }
    println!("{count} {what}, {} of them within their bounds", count - broken.len());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

/// Looks at one function, and what it calls, from its start or from now on.
pub struct Meter<'a> {
    functions: &'a [Function],
    aws: &'a StubAws,
    octoeverywhere: Option<&'a StubOctoEverywhere>,
    processor: Duration,
    log: usize,
    app_calls: u64,
    aws_calls: usize,
}

impl<'a> Meter<'a> {
    /// Begins to measure what these processes do between them.
    ///
    /// # Errors
    /// When one is gone.
    pub fn begin(
        functions: &'a [Function],
        aws: &'a StubAws,
        octoeverywhere: Option<&'a StubOctoEverywhere>,
    ) -> Result<Self> {
        Ok(Self {
            functions,
            aws,
            octoeverywhere,
            processor: processor(functions)?,
            log: log(functions),
            app_calls: octoeverywhere.map_or(0, |octoeverywhere| octoeverywhere.load().calls),
            aws_calls: aws.calls().len(),
        })
    }

    /// What so many requests have cost since, which were answered by so many bytes. Calls to Secrets Manager, and memory, are those of a process since its start.
    ///
    /// # Errors
    /// When a process is gone.
    pub fn end(self, requests: u32, answered: usize) -> Result<Cost> {
        let each = |sum: f64| sum / f64::from(requests);
        let calls = self.aws.calls();
        let since = calls.get(self.aws_calls..).unwrap_or_default();
        let of = |service| since.iter().filter(move |call| call.service == service);
        let (mut queue_units, mut reads, mut written) = (0, 0.0, 0.0);
        for call in of(Service::Sqs) {
            queue_units += call.body.len().div_ceil(QUEUE_UNIT);
        }
        for call in of(Service::DynamoDb) {
            let kib = call.body.len().div_ceil(KIB) as f64;
            match call.action.as_str() {
                "GetItem" | "Query" | "Scan" | "BatchGetItem" | "TransactGetItems" | "DescribeTable" => reads += 1.0,
                "TransactWriteItems" => written += 2.0 * kib,
                _ => written += kib,
            }
        }
        let secret_calls = calls
            .iter()
            .filter(|call| call.service == Service::SecretsManager)
            .count();
        let mut memory = 0;
        for function in self.functions {
            memory = memory.max(function.peak_memory()?);
        }
        let app_calls = self
            .octoeverywhere
            .map_or(0, |octoeverywhere| octoeverywhere.load().calls);
        Ok(Cost {
            publishes: each(of(Service::Sns).filter(|call| call.action == "Publish").count() as f64),
            queue_units: each(queue_units as f64),
            reads: each(reads),
            written: each(written),
            app_calls: each((app_calls - self.app_calls) as f64),
            processor: each((processor(self.functions)? - self.processor).as_secs_f64() * 1e3),
            answer: each(answered as f64),
            log: each((log(self.functions) - self.log) as f64),
            secret_calls: secret_calls as f64 / self.functions.len() as f64,
            memory: memory as f64 / MIB as f64,
        })
    }
}

fn processor(functions: &[Function]) -> Result<Duration> {
    functions.iter().map(Function::cpu_time).sum()
}

fn log(functions: &[Function]) -> usize {
    functions.iter().map(|function| function.output().len()).sum()
}

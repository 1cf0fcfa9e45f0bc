//! A pretend AWS on one loopback port: SNS, SQS, Secrets Manager and DynamoDB, as far as the functions use them.
//!
//! Each service has a [`Behaviour`] that can be changed at any time, and everything that came in is recorded. Like the
//! real services the stub refuses what they refuse (a message over 256 KiB, a character that XML can't carry), so that a
//! test that passes here isn't passed by a lenient stub.
//!
//! The functions reach all services through the one `AWS_ENDPOINT_URL`. So [`Behaviour::Refused`] can't be a closed port:
//! the connection is accepted, and reset once the request tells which service it is for.

mod dynamodb;
mod secrets;
mod sns;
mod sqs;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::server::{Reply, Request, Server, answer, hang};
use crate::template::Template;
use dynamodb::Database;
pub use dynamodb::{IndexSchema, Item, KeyAttribute, KeySchema, Projection, Table, TableSchema, item, plain};
pub use secrets::{SecretVersion, Secrets};
pub use sns::Published;
pub use sqs::Queued;

/// The services that the stub plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Simple Notification Service, in the query protocol.
    Sns,
    /// Simple Queue Service, in the JSON protocol.
    Sqs,
    /// Secrets Manager.
    SecretsManager,
    /// DynamoDB.
    DynamoDb,
}

/// How a service behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Does its work.
    Ok,
    /// Answers 500, and does nothing.
    Status500,
    /// Answers that the caller is too fast, and does nothing.
    Throttled,
    /// Denies access, and does nothing.
    Denied,
    /// Resets the connection, and does nothing.
    Refused,
    /// Takes the request, does nothing, and never answers.
    Hang,
    /// Does its work, and answers after this time.
    Slow(Duration),
    /// Does its work, and drops the connection instead of answering.
    LostAnswer,
}

/// A request that came in, whatever became of it.
#[derive(Clone, Debug)]
pub struct Received {
    /// For which service.
    pub service: Service,
    /// The operation, such as `Publish`.
    pub action: String,
    /// The body, as it was sent.
    pub body: Bytes,
    /// When it had arrived.
    pub at: Instant,
    /// How the service behaved.
    pub behaviour: Behaviour,
}

/// The stub. It stops when it is dropped.
pub struct StubAws {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    behaviours: HashMap<Service, Behaviour>,
    scripts: HashMap<Service, VecDeque<Behaviour>>,
    received: Vec<Received>,
    counts: HashMap<(Service, String), u64>,
    forgetful: bool,
    next_id: u64,
    published: Vec<Published>,
    queued: Vec<Queued>,
    secrets: Secrets,
    database: Database,
}

impl StubAws {
    /// Starts the stub on a free port; every service works, and the template's tables are there, with nothing in them.
    ///
    /// # Errors
    /// When no port can be had, or the template's tables can't be told.
    pub async fn start() -> Result<Self> {
        let mut state = State::default();
        for schema in Template::read()?.tables()? {
            state.database.create(schema);
        }
        let state = Arc::new(Mutex::new(state));
        let server = {
            let state = Arc::clone(&state);
            Server::start(move |request| reply(Arc::clone(&state), request)).await?
        };
        Ok(Self { server, state })
    }

    /// What `AWS_ENDPOINT_URL` has to be.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// From now on the service behaves like this.
    pub fn set(&self, service: Service, behaviour: Behaviour) {
        let mut state = self.state();
        state.behaviours.insert(service, behaviour);
        state.scripts.remove(&service);
    }

    /// The service's next requests meet these behaviours, one each; then it is as [`Self::set`] left it.
    pub fn script(&self, service: Service, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.state().scripts.insert(service, behaviours.into_iter().collect());
    }

    /// What came in so far, in order.
    pub fn received(&self) -> Vec<Received> {
        self.state().received.clone()
    }

    /// How many requests for this operation came in, answered or not.
    pub fn count(&self, service: Service, action: &str) -> u64 {
        self.state()
            .counts
            .get(&(service, action.to_owned()))
            .copied()
            .unwrap_or_default()
    }

    /// What SNS has accepted so far, in order.
    pub fn published(&self) -> Vec<Published> {
        self.state().published.clone()
    }

    /// What the queues have accepted so far, in order.
    pub fn queued(&self) -> Vec<Queued> {
        self.state().queued.clone()
    }

    /// Takes out what SNS and the queues have accepted, and forgets what came in. Secrets and tables stay.
    pub fn drain(&self) -> (Vec<Published>, Vec<Queued>) {
        let mut state = self.state();
        state.received.clear();
        state.counts.clear();
        (std::mem::take(&mut state.published), std::mem::take(&mut state.queued))
    }

    /// Keeps counts only, from now on, and takes what is published as it comes (for benchmarks and long runs).
    pub fn record_nothing(&self) {
        self.state().forgetful = true;
    }

    /// Looks at the secret, or changes it.
    pub fn secrets<T>(&self, look: impl FnOnce(&mut Secrets) -> T) -> T {
        look(&mut self.state().secrets)
    }

    /// Makes another table.
    pub fn create_table(&self, schema: TableSchema) {
        self.state().database.create(schema);
    }

    /// Looks at a table, or changes it.
    ///
    /// # Panics
    /// When there is none of this name.
    #[expect(clippy::expect_used, reason = "for tests, which have to be told")]
    pub fn table<T>(&self, name: &str, look: impl FnOnce(&mut Table) -> T) -> T {
        look(self.state().database.table(name).expect("a table of this name"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a service says: its status and its document.
struct Said {
    status: u16,
    body: Vec<u8>,
}

impl Said {
    fn json(value: &Value) -> Self {
        Self {
            status: 200,
            body: value.to_string().into_bytes(),
        }
    }

    fn error(service: Service, status: u16, code: &str, message: &str) -> Self {
        let body = match service {
            Service::Sns => sns::error(status, code, message),
            _ => json!({"__type": code, "message": message, "Message": message}).to_string(),
        };
        Self {
            status,
            body: body.into_bytes(),
        }
    }
}

async fn reply(state: Arc<Mutex<State>>, request: Request) -> Reply {
    let Some((service, action)) = addressee(&request) else {
        return answer(400, "text/plain", "the stub doesn't know this service");
    };
    let behaviour = {
        let mut state = lock(&state);
        let scripted = state.scripts.get_mut(&service).and_then(VecDeque::pop_front);
        let behaviour = scripted
            .or(state.behaviours.get(&service).copied())
            .unwrap_or(Behaviour::Ok);
        *state.counts.entry((service, action.clone())).or_default() += 1;
        if !state.forgetful {
            let (action, body) = (action.clone(), request.body.clone());
            state.received.push(Received {
                service,
                action,
                body,
                at: Instant::now(),
                behaviour,
            });
        }
        behaviour
    };
    let work = || {
        let mut state = lock(&state);
        match service {
            Service::Sns => sns::work(&mut state, &action, &request.body),
            Service::Sqs => sqs::work(&mut state, &action, &request.body),
            Service::SecretsManager => secrets::work(&state.secrets, &action, &request.body),
            Service::DynamoDb => dynamodb::work(&mut state.database, &action, &request.body),
        }
    };
    let said = match behaviour {
        Behaviour::Ok => work(),
        Behaviour::Status500 => Said::error(service, 500, "InternalFailure", "as asked for"),
        Behaviour::Throttled => throttled(service),
        Behaviour::Denied => Said::error(service, 403, denied(service), "as asked for"),
        Behaviour::Refused => return Reply::Reset,
        Behaviour::Hang => return hang().await,
        Behaviour::Slow(time) => {
            let said = work();
            tokio::time::sleep(time).await;
            said
        }
        Behaviour::LostAnswer => {
            work();
            return Reply::Drop;
        }
    };
    let content_type = match service {
        Service::Sns => "text/xml",
        Service::SecretsManager => "application/x-amz-json-1.1",
        Service::Sqs | Service::DynamoDb => "application/x-amz-json-1.0",
    };
    answer(said.status, content_type, said.body)
}

/// JSON services are told by a header, SNS by the action in its form.
fn addressee(request: &Request) -> Option<(Service, String)> {
    let Some(target) = request.headers.get("x-amz-target") else {
        let action = form(&request.body).find_map(|(name, value)| (name == "Action").then_some(value));
        return Some((Service::Sns, action?));
    };
    let (service, action) = target.to_str().ok()?.split_once('.')?;
    let service = match service {
        "AmazonSQS" => Service::Sqs,
        "secretsmanager" => Service::SecretsManager,
        "DynamoDB_20120810" => Service::DynamoDb,
        _ => return None,
    };
    Some((service, action.to_owned()))
}

/// Each service's own way to say it (`aws-runtime`'s list of throttling error codes).
fn throttled(service: Service) -> Said {
    let (status, code) = match service {
        Service::Sns => (429, "Throttled"),
        Service::Sqs => (400, "RequestThrottled"),
        Service::SecretsManager => (400, "ThrottlingException"),
        Service::DynamoDb => (400, "ProvisionedThroughputExceededException"),
    };
    Said::error(service, status, code, "Rate exceeded")
}

fn denied(service: Service) -> &'static str {
    match service {
        Service::Sns => "AuthorizationError",
        _ => "AccessDeniedException",
    }
}

/// The pairs of a form (`application/x-www-form-urlencoded`), decoded.
fn form(body: &[u8]) -> impl Iterator<Item = (String, String)> {
    body.split(|byte| *byte == b'&').filter_map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let decode = |text: &[u8]| {
            let spaced: Vec<u8> = text
                .iter()
                .map(|byte| if *byte == b'+' { b' ' } else { *byte })
                .collect();
            percent_encoding::percent_decode(&spaced)
                .decode_utf8_lossy()
                .into_owned()
        };
        Some((decode(halves.next()?), decode(halves.next().unwrap_or_default())))
    })
}

impl State {
    /// Ids like AWS's, unique in this stub.
    fn fresh_id(&mut self) -> String {
        self.next_id += 1;
        format!("00000000-0000-4000-9000-{:012}", self.next_id)
    }
}

//! A pretend AWS on one loopback port: SNS, SQS, Secrets Manager and DynamoDB, as far as the functions use them.
//!
//! Each service has a [`Behaviour`] that can be changed at any time, and everything that came in is recorded. Like the
//! real services the stub refuses what they refuse (a message over 256 KiB, a character that XML can't carry), so that a
//! test that passes here isn't passed by a lenient stub.
//!
//! The functions reach all services through the one `AWS_ENDPOINT_URL`. So [`Behaviour::Refused`] can't be a closed port:
//! the connection is accepted, and reset once the request tells which service it is for.

mod dispatch;
mod dynamodb;
mod form;
mod secrets;
mod sns;
mod sqs;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::encryption::Encryption;
use crate::server::Server;
use crate::template::Template;
use dynamodb::Database;
pub use dynamodb::{IndexSchema, Item, KeyAttribute, KeySchema, Projection, Table, TableSchema, item, plain};
use secrets::Vault;
pub use secrets::{LabelRefusal, MOST_LABELS, SecretVersion, Secrets};
pub use sns::TopicMessage;
pub use sqs::QueueMessage;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Does its work.
    #[default]
    Ok,
    /// Answers 500, and does nothing.
    Status500,
    /// Answers that the caller is too fast, and does nothing.
    Throttled,
    /// DynamoDB alone: somebody else's transaction is at the item. Writes nothing; a read is answered.
    Busy,
    /// Denies access, and does nothing.
    Denied,
    /// Says that the signature doesn't match, and what should have been signed: all headers that were, and of the body its hash.
    BadSignature,
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
pub struct ServiceCall {
    /// For which service.
    pub service: Service,
    /// The operation, such as `Publish`.
    pub action: String,
    /// All headers.
    pub headers: HeaderMap,
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
    encryption: Option<Arc<Encryption>>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    behaviours: HashMap<Service, Behaviour>,
    scripts: HashMap<Service, VecDeque<Behaviour>>,
    strikes: HashMap<String, VecDeque<Behaviour>>,
    calls: Vec<ServiceCall>,
    counts: HashMap<(Service, String), u64>,
    forgetful: bool,
    next_id: u64,
    topic: Vec<TopicMessage>,
    queues: Vec<QueueMessage>,
    secrets: Vault,
    database: Database,
}

impl StubAws {
    /// Starts the stub on a free port; every service works, and the template's tables are there, with nothing in them.
    ///
    /// # Errors
    /// When no port can be had, or the template's tables can't be told.
    pub async fn start() -> Result<Self> {
        Self::serve(None).await
    }

    /// The same, speaking TLS under an authority of its own, [`Self::authority`].
    ///
    /// # Errors
    /// As [`Self::start`]; and when no certificate or no temporary file can be made.
    pub async fn start_encrypted() -> Result<Self> {
        Self::serve(Some(Arc::new(Encryption::new(&["127.0.0.1"])?))).await
    }

    async fn serve(encryption: Option<Arc<Encryption>>) -> Result<Self> {
        let mut state = State::default();
        for schema in Template::read()?.tables()? {
            state.database.create(schema);
        }
        let state = Arc::new(Mutex::new(state));
        let handler = {
            let state = Arc::clone(&state);
            move |request| dispatch::react(Arc::clone(&state), request)
        };
        let server = match &encryption {
            None => Server::start(handler).await?,
            Some(encryption) => Server::start_encrypted(handler, Arc::clone(encryption)).await?,
        };
        Ok(Self {
            server,
            encryption,
            state,
        })
    }

    /// What `AWS_ENDPOINT_URL` has to be.
    pub fn url(&self) -> String {
        let scheme = if self.encryption.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.server.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// The PEM file of the one authority that vouches for it, if it speaks TLS.
    pub fn authority(&self) -> Option<&Path> {
        self.encryption.as_ref().map(|encryption| encryption.authority())
    }

    /// How many connections were opened whose client trusted it; 0 without TLS.
    pub fn handshakes(&self) -> usize {
        self.encryption.as_ref().map_or(0, |encryption| encryption.handshakes())
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

    /// The next requests for this operation meet these behaviours, one each, whatever the service does otherwise.
    pub fn strike(&self, action: &str, behaviours: impl IntoIterator<Item = Behaviour>) {
        let behaviours = behaviours.into_iter().collect();
        self.state().strikes.insert(action.to_owned(), behaviours);
    }

    /// What came in so far, in order.
    pub fn calls(&self) -> Vec<ServiceCall> {
        self.state().calls.clone()
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
    pub fn published(&self) -> Vec<TopicMessage> {
        self.state().topic.clone()
    }

    /// What the queues have accepted so far, in order.
    pub fn queued(&self) -> Vec<QueueMessage> {
        self.state().queues.clone()
    }

    /// Takes out what SNS and the queues have accepted, and forgets what came in. Secrets and tables stay.
    pub fn drain(&self) -> (Vec<TopicMessage>, Vec<QueueMessage>) {
        let mut state = self.state();
        state.calls.clear();
        state.counts.clear();
        (std::mem::take(&mut state.topic), std::mem::take(&mut state.queues))
    }

    /// Keeps counts only, from now on, and takes what is published as it comes (for benchmarks and long runs).
    pub fn record_nothing(&self) {
        self.state().forgetful = true;
    }

    /// Looks at the secret that requests are about which name none of [`Self::secret`], or changes it.
    pub fn secrets<T>(&self, look: impl FnOnce(&mut Secrets) -> T) -> T {
        look(&mut self.state().secrets.any)
    }

    /// Looks at the secret with this ARN, or changes it; it has no versions until it gets one.
    pub fn secret<T>(&self, arn: &str, look: impl FnOnce(&mut Secrets) -> T) -> T {
        look(self.state().secrets.others.entry(arn.to_owned()).or_default())
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
struct StubResponse {
    status: u16,
    body: Vec<u8>,
}

impl StubResponse {
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

impl State {
    /// Ids like AWS's, unique in this stub.
    fn fresh_id(&mut self) -> String {
        self.next_id += 1;
        format!("00000000-0000-4000-9000-{:012}", self.next_id)
    }
}

//! What the functions that work on registrations have in common before there is any work: their settings and clients.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use printbell_shared::registration::protocol::WRITE_TIMEOUT;
use printbell_shared::registration::renewal::Cycle;
use thiserror::Error;

use super::Worker;
use crate::aws::{self, AwsConfigError, Lazy};
use crate::callback_secret::CallbackSecret;
use crate::clock::{Clock, end_of_invocation, machine_now};
use crate::dynamodb::table::Table;
use crate::environment::Environment;
use crate::http::{Connections, is_base};
use crate::octoeverywhere::{ClientError, OctoEverywhere};
use crate::old_secret::OldSecret;
use crate::registrations::RegistrationsTable;
use crate::registrations::restore::Source;
use crate::signing_keys::SigningKeys;
use crate::sns::Topic;
use crate::state::State;
use crate::state::keys::SigningRecords;

/// How long an AWS call may take, every retry included.
const AWS_TIMEOUT: Duration = WRITE_TIMEOUT.unsigned_abs();
/// How long one try of it may take: DynamoDB answers in milliseconds or is in trouble.
const AWS_TRY_TIMEOUT: Duration = Duration::from_millis(1500);
const AWS_TRIES: u32 = 3;

/// The settings, as the environment gives them.
#[derive(Debug, Clone)]
pub struct Settings {
    table: String,
    /// The table of what isn't a registration.
    state_table: String,
    topic: String,
    secret: String,
    octoeverywhere: ServiceUrl,
    public: PublicUrl,
    cycle: Cycle,
    /// The table whose registrations are taken over; empty: there is none.
    source: String,
    /// What time it is.
    pub clock: Clock,
}

/// Where OctoEverywhere is. A rehearsal's may be plain HTTP.
#[derive(Debug, Clone, Default)]
struct ServiceUrl(String);

/// What callback URLs begin with. OctoEverywhere takes HTTPS only, and would refuse every registration.
#[derive(Debug, Clone, Default)]
struct PublicUrl(String);

/// Why a text isn't such a URL.
#[derive(Debug, Error)]
enum InvalidUrl {
    #[error("it must be an http(s):// URL without a query")]
    Service,
    #[error("it must be an https:// URL without a query")]
    Public,
}

impl FromStr for ServiceUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let is_usable = is_base(text, &["https", "http"]);
        is_usable.then(|| Self(text.to_owned())).ok_or(InvalidUrl::Service)
    }
}

impl FromStr for PublicUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let is_usable = is_base(text, &["https"]);
        is_usable.then(|| Self(text.to_owned())).ok_or(InvalidUrl::Public)
    }
}

impl Settings {
    /// Reads `TABLE_NAME`, `STATE_TABLE_NAME`, `TOPIC_ARN`, `CALLBACK_SECRET_ARN`, `OCTOEVERYWHERE_URL`, `PUBLIC_URL`,
    /// `RENEWAL_CYCLE_DAYS` and, where there is one, `RESTORE_FROM_TABLE`.
    pub fn read(environment: &Environment<'_>) -> Self {
        for name in ["OCTOEVERYWHERE_URL", "PUBLIC_URL"] {
            environment.required(name);
        }
        Self {
            table: environment.required("TABLE_NAME"),
            state_table: environment.required("STATE_TABLE_NAME"),
            topic: environment.required("TOPIC_ARN"),
            secret: environment.required("CALLBACK_SECRET_ARN"),
            octoeverywhere: environment.optional("OCTOEVERYWHERE_URL", ServiceUrl::default()),
            public: environment.optional("PUBLIC_URL", PublicUrl::default()),
            cycle: environment.optional("RENEWAL_CYCLE_DAYS", Cycle::DEFAULT),
            source: environment.optional("RESTORE_FROM_TABLE", String::new()),
            clock: environment.clock(),
        }
    }
}

/// What outlives an invocation: the settings, AWS's clients and the keys.
pub struct Setup {
    settings: Settings,
    sdk: SdkConfig,
    dynamodb: aws_sdk_dynamodb::Client,
    /// Most runs have no change of status to tell.
    sns: Arc<Lazy<aws_sdk_sns::Client>>,
    keys: Arc<SigningKeys>,
}

impl Setup {
    /// Makes the clients from what Lambda tells in the environment, which `lookup` reads.
    pub fn new(settings: Settings, lookup: impl Fn(&'static str) -> Option<String>) -> Result<Self, AwsConfigError> {
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(AWS_TIMEOUT)
            .operation_attempt_timeout(AWS_TRY_TIMEOUT)
            .build();
        let retries = RetryConfig::standard().with_max_attempts(AWS_TRIES);
        let sdk: SdkConfig = aws::configure(lookup, timeouts, retries, &Connections::default())?;
        let secret = CallbackSecret::new(&sdk, settings.secret.clone());
        let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
        // They outlive an invocation, and so does their writer's name.
        let state = Table::new(dynamodb.clone(), &settings.state_table, &format!("keys/{}", nonce()));
        Ok(Self {
            settings,
            dynamodb,
            sns: Arc::new(Lazy::new(&sdk, aws_sdk_sns::Client::new)),
            keys: Arc::new(SigningKeys::new(secret, SigningRecords::new(state))),
            sdk,
        })
    }

    /// The secret of the stack whose registrations are taken over, by its ARN, which may be empty.
    pub fn old_secret(&self, arn: &str) -> Option<OldSecret> {
        OldSecret::new(&self.sdk, arn, &self.settings.secret)
    }

    /// The table whose registrations are taken over, if there is one.
    pub fn source(&self) -> Option<Source> {
        let name = &self.settings.source;
        (!name.is_empty()).then(|| Source::new(self.dynamodb.clone(), name))
    }

    /// What time it is.
    pub fn clock(&self) -> Clock {
        self.settings.clock
    }

    /// The worker for one invocation, which Lambda calls `request_id` and ends at `deadline_ms`
    /// ([`end_of_invocation`]).
    pub fn worker(&self, request_id: &str, deadline_ms: u64) -> Result<Worker, ClientError> {
        let Settings {
            table,
            state_table,
            topic,
            octoeverywhere,
            public,
            cycle,
            source,
            clock,
            ..
        } = &self.settings;
        // Lambda may deliver one asynchronous event twice under one request id, and both deliveries are workers of their own.
        let name = format!("{request_id}/{}", nonce());
        let table = Table::new(self.dynamodb.clone(), table, &name);
        let source = Some(source.clone()).filter(|source| !source.is_empty());
        let state = Table::new(self.dynamodb.clone(), state_table, &name);
        Ok(Worker {
            table: RegistrationsTable::new(table, State::new(state), source),
            octoeverywhere: OctoEverywhere::new(&octoeverywhere.0, *clock)?,
            topic: Topic {
                client: Arc::clone(&self.sns),
                arn: topic.clone(),
            },
            keys: Arc::clone(&self.keys),
            public_url: public.0.clone(),
            cycle: *cycle,
            clock: *clock,
            deadline: clock.shift(end_of_invocation(deadline_ms, machine_now())),
        })
    }
}

/// What tells a writer from every other one.
fn nonce() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

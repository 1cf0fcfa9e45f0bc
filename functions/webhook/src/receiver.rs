//! What happens to a callback, and what it is answered.

use std::cell::RefCell;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use futures::FutureExt as _;
use lambda_runtime::{Error, LambdaEvent};
use printbell_adapters::api_gateway::request::HttpEvent;
use printbell_adapters::api_gateway::response::HttpResponse;
use printbell_adapters::aws;
use printbell_adapters::callback_secret::CallbackSecret;
use printbell_adapters::clock::{Clock, end_of_invocation, machine_now};
use printbell_adapters::http::Connections;
use printbell_adapters::key_ring::{KeyRings, KeySource, KeysUnavailable};
use printbell_adapters::publisher::aws::AwsSinks;
use printbell_adapters::publisher::{DeliveryError, Publisher, Sinks};
use printbell_shared::callback::keys::Verdict;
use printbell_shared::callback::query::Query;
use printbell_shared::notification::letter::body::Body;
use printbell_shared::notification::letter::{Callback, Letter};
use printbell_shared::notification::message::{Arrival, Origin};
use printbell_shared::problem::Problem;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout};

use crate::config::Config;
use crate::deadline::time_left;
use crate::door;
use crate::unknown_keys::UnknownKeys;

/// How long reading the keys may take.
const KEYS_LIMIT: Duration = Duration::from_secs(1);

/// How long opening a connection may take: longer than a lost packet costs twice.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a callback isn't taken.
#[derive(Debug)]
pub enum Refusal {
    /// Nothing proves where it comes from. The same answer for every reason.
    Unauthorized,
    /// Nothing made it durable in time.
    DeliveryError(DeliveryError),
}

/// The receiver: one process, one callback at a time.
pub struct Receiver<S, W> {
    keys: KeyRings<S>,
    publisher: Publisher<W>,
    connections: Connections,
    unknown_keys: RefCell<UnknownKeys>,
    clock: Clock,
}

impl Receiver<CallbackSecret, AwsSinks> {
    /// A receiver on AWS, with the keys read and the connection to SNS opened as far as that works; `lookup` reads the
    /// environment.
    pub async fn start(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let config = Config::from_env(&lookup)?;
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build();
        let connections = Connections::default();
        let aws = aws::configure(lookup, timeouts, RetryConfig::disabled(), &connections)?;
        let keys = KeyRings::of(&aws, &config.callback_secret_arn, &config.old_secret_arn);
        let sinks = AwsSinks::new(
            &aws,
            config.topic_arn,
            config.fallback_queue_url,
            config.dead_letter_queue_url,
        );
        let (warm, ()) = tokio::join!(keys.warm_up(config.clock.now()), sinks.warm_up());
        if let Err(error) = warm {
            tracing::warn!(%error, "starting without the callback keys");
        }
        Ok(Self {
            connections,
            ..Self::new(keys, Publisher::new(sinks), config.clock)
        })
    }
}

impl<S: KeySource, W: Sinks> Receiver<S, W> {
    /// A receiver of these parts.
    pub fn new(keys: impl Into<KeyRings<S>>, publisher: Publisher<W>, clock: Clock) -> Self {
        Self {
            keys: keys.into(),
            publisher,
            connections: Connections::default(),
            unknown_keys: RefCell::default(),
            clock,
        }
    }

    /// Answers one event, whatever it holds.
    pub async fn receive(&self, event: LambdaEvent<Box<RawValue>>) -> Result<HttpResponse, Infallible> {
        let LambdaEvent { payload, context } = event;
        let event = HttpEvent::read(&payload);
        if let Err(misdirection) = door::check(&event.line()) {
            return Ok(misdirection.into());
        }
        let request = event.head();
        let now = machine_now();
        let remaining = time_left(now, request.arrived, end_of_invocation(context.deadline, now));
        let deadline = Instant::now() + remaining;
        let arrival = Arrival {
            received: self.clock.now(),
            // The door's own id is the same for each process that is asked; by hand there may be none.
            request_id: if request.id.is_empty() {
                context.request_id
            } else {
                request.id
            },
        };
        let accepted = self.accept(request.query, arrival, || event.body().into(), deadline);
        let accepted = AssertUnwindSafe(accepted).catch_unwind().await;
        // Nothing may be sent by a process that thaws.
        self.connections.close_abandoned().await;
        if let Some(line) = self
            .unknown_keys
            .borrow_mut()
            .take_line(&context.env_config.function_name, now)
        {
            println!("{line}");
        }
        Ok(match accepted {
            Ok(Ok(id)) => HttpResponse::raw_json(200, format!(r#"{{"id":"{id}"}}"#)),
            Ok(Err(refusal)) => HttpResponse::from(&Problem::from(refusal)),
            // The panic hook has told where. The sender may try again, and the next request finds a working process.
            Err(_) => HttpResponse::from(&unavailable()),
        })
    }

    /// Makes one callback durable, and returns its event's id. The body of one that is refused is never read.
    async fn accept(
        &self,
        raw_query: Vec<u8>,
        arrival: Arrival,
        body: impl FnOnce() -> Body,
        deadline: Instant,
    ) -> Result<String, Refusal> {
        let query = Query::read(&raw_query);
        let verdict = self.verify(&query, &arrival, deadline).await;
        let Some(claim) = query.claim else {
            return Err(Refusal::Unauthorized);
        };
        match verdict {
            Ok(Verdict::Authentic) | Err(_) => {}
            Ok(Verdict::Forged) => return Err(Refusal::Unauthorized),
            Ok(Verdict::NoSuchKey) => {
                self.unknown_keys.borrow_mut().count();
                return Err(Refusal::Unauthorized);
            }
        }
        let callback = Callback {
            query: raw_query,
            body: body(),
            arrival,
        };
        let letter = if verdict.is_ok() {
            let Query { metadata, .. } = query;
            let registration = claim.registration;
            Letter::authentic(Origin { registration, metadata }, callback)
        } else {
            Letter::Unverified(callback)
        };
        if let Letter::Quarantined { origin, reason, .. } = &letter {
            tracing::warn!(registration = %origin.registration, %reason, "an authentic callback can't be published");
        }
        match self.publisher.deliver(&letter, deadline).await {
            Ok(_) => Ok(letter.id()),
            Err(error) => {
                tracing::error!(%error, "a callback could not be saved");
                Err(Refusal::DeliveryError(error))
            }
        }
    }

    /// Reading the keys may take a second, and half of the time that there is: the rest is for making the callback durable.
    async fn verify(&self, query: &Query, arrival: &Arrival, deadline: Instant) -> Result<Verdict, KeysUnavailable> {
        let verifying = self
            .keys
            .verify(query.claim.as_ref(), arrival.received, arrival.received);
        let limit = (deadline.saturating_duration_since(Instant::now()) / 2).min(KEYS_LIMIT);
        let verdict = timeout(limit, verifying).await.unwrap_or_else(|_| {
            let reason = "no answer in the time that a callback has for it".to_owned();
            Err(KeysUnavailable::Unreachable(reason))
        });
        match &verdict {
            Ok(_) | Err(KeysUnavailable::Waiting) => {}
            Err(error) => tracing::warn!(%error, "callbacks are queued unverified"),
        }
        verdict
    }
}

fn unavailable() -> Problem {
    Problem::new(
        503,
        "Service Unavailable",
        "The notification could not be saved; send it again.",
    )
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unauthorized => Self::new(
                401,
                "Unauthorized",
                "The URL's callbackToken doesn't speak for this tenantId and printerRef.",
            ),
            Refusal::DeliveryError(_) => unavailable(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use lambda_runtime::Context;
    use printbell_adapters::key_ring::{KeyRing, Version};
    use printbell_shared::callback;
    use printbell_shared::callback::key::CallbackKey;
    use printbell_shared::callback::keys::Listing;
    use printbell_shared::id::RegistrationKey;
    use printbell_shared::metadata::Metadata;
    use printbell_shared::notification::sink::{SendError, Sink};
    use secrecy::{ExposeSecret as _, SecretString};

    use super::*;

    /// AWS, with a bug in the way to it.
    struct Buggy {
        panics: Cell<bool>,
    }

    impl KeySource for &Buggy {
        async fn list(&self) -> Result<Listing, KeysUnavailable> {
            let versions = [("thekey00", &["AWSCURRENT"][..])];
            Ok(Listing::new(versions).unwrap())
        }

        async fn key(&self, _: Version<'_>) -> Result<Option<CallbackKey>, KeysUnavailable> {
            Ok(Some(key()))
        }
    }

    impl Sinks for &Buggy {
        async fn attempt(&self, _: Sink, _: &Letter) -> Result<(), SendError> {
            assert!(!self.panics.get(), "a bug");
            Ok(())
        }
    }

    fn key() -> CallbackKey {
        CallbackKey::new("thekey00", &SecretString::from("a key for these tests"))
    }

    fn event() -> LambdaEvent<Box<RawValue>> {
        let registration = RegistrationKey {
            tenant: "abc123".parse().unwrap(),
            printer: "p42".parse().unwrap(),
        };
        let url = callback::url("https://example.com", &registration, &Metadata::default(), &key());
        let (_, query) = url.expose_secret().split_once('?').unwrap();
        let request = serde_json::json!({"rawQueryString": query, "body": "{}"});
        let mut context = Context::default();
        context.deadline = u64::MAX;
        LambdaEvent::new(serde_json::value::to_raw_value(&request).unwrap(), context)
    }

    #[tokio::test]
    async fn the_body_of_a_callback_that_is_refused_is_never_read() {
        let aws = Buggy {
            panics: Cell::new(true),
        };
        let receiver = Receiver::new(KeyRing::new(&aws), Publisher::new(&aws), Clock::default());
        let signature = "A".repeat(43);
        let wrong = format!("tenantId=abc123&printerRef=p42&callbackToken=thekey00.{signature}");
        for query in ["", "tenantId=abc123&printerRef=p42", &wrong] {
            let arrival = Arrival {
                received: machine_now(),
                request_id: String::new(),
            };
            let deadline = Instant::now() + Duration::from_secs(8);
            let accepted = receiver.accept(query.into(), arrival, || panic!("it was read"), deadline);
            assert!(matches!(accepted.await, Err(Refusal::Unauthorized)), "{query}");
        }
    }

    #[tokio::test]
    async fn a_panic_is_answered_and_the_next_callback_is_taken() {
        let aws = Buggy {
            panics: Cell::new(true),
        };
        let receiver = Receiver::new(KeyRing::new(&aws), Publisher::new(&aws), Clock::default());
        let response = receiver.receive(event()).await.unwrap();
        assert_eq!(
            (response.status_code, response.body.contains("send it again")),
            (503, true)
        );
        aws.panics.set(false);
        assert_eq!(receiver.receive(event()).await.unwrap().status_code, 200);
    }
}

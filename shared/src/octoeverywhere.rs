//! The client of OctoEverywhere's App APIs: one call, one classified [`Reply`]. It never retries; when to call again is
//! [`crate::renewal`]'s decision.
//!
//! The AppToken goes into the `AppToken` header and nowhere else, and nothing that a [`Reply`] holds repeats a secret,
//! whatever OctoEverywhere echoes.

mod reply;
mod scrub;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Request, Response, Url};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use thiserror::Error;

pub use reply::{Fault, Outcome, Reply};

use crate::clock::Clock;
use crate::event::EventType;
use scrub::Secrets;

/// The longest that one call takes, from the first packet to the last byte of the answer. OctoEverywhere's own TestWebhook
/// waits up to 10 s for our callback (`octoeverywhere.md`), everything else is over sooner.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest that a connection may take of that.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// How much of an answer is read: all that we know are a few hundred bytes, and an error page needs no more to be told.
const MAX_ANSWER: usize = 4 * 1024;

/// The header that carries the credential.
const APP_TOKEN: &str = "AppToken";

/// Why there can't be a client.
#[derive(Debug, Error)]
pub enum NoClient {
    /// The base URL isn't one that can be called.
    #[error("{0:?} is not an http(s) URL")]
    Url(String),
    /// The TLS or HTTP library refused its configuration.
    #[error("the HTTPS client can't be set up: {0}")]
    Setup(Box<dyn std::error::Error + Send + Sync>),
}

/// OctoEverywhere, as an app sees it.
///
/// Make one for each invocation (it takes microseconds): a connection that outlives one is likely to be dead by the next,
/// and a dead connection costs a registration a failed call.
pub struct OctoEverywhere {
    http: reqwest::Client,
    /// `…/api/appconnection/`
    base: Url,
    clock: Clock,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SetNotificationWebhook<'a> {
    webhook_url: &'a str,
    /// Absent or empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inclusive_event_types_filter: Vec<i64>,
}

impl OctoEverywhere {
    /// A client of the service at `url` (`https://octoeverywhere.com`). `clock` is what a `Retry-After` date is measured
    /// against.
    pub fn new(url: &str, clock: Clock) -> Result<Self, NoClient> {
        let base = Url::parse(&format!("{}/api/appconnection/", url.trim_end_matches('/')))
            .ok()
            .filter(|url| matches!(url.scheme(), "https" | "http") && url.query().is_none())
            .ok_or_else(|| NoClient::Url(url.to_owned()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls().map_err(|error| NoClient::Setup(error.into()))?)
            .user_agent(concat!("printbell/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .no_proxy()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .build()
            .map_err(|error| NoClient::Setup(error.into()))?;
        Ok(Self { http, base, clock })
    }

    /// Has notifications of `event_types` (all when empty) sent to `webhook_url` for 180 days. Overwrites every parameter
    /// of earlier calls, at once.
    pub async fn set_notification_webhook(
        &self,
        app_token: &SecretString,
        webhook_url: &SecretString,
        event_types: &[EventType],
    ) -> Reply {
        let body = serde_json::to_vec(&SetNotificationWebhook {
            webhook_url: webhook_url.expose_secret(),
            inclusive_event_types_filter: event_types.iter().map(|event| event.0).collect(),
        })
        .unwrap_or_default(); // a string and numbers: can't fail
        self.call(Method::POST, "SetNotificationWebhook", body, &[app_token, webhook_url])
            .await
    }

    /// Takes the webhook away.
    pub async fn delete_notification_webhook(&self, app_token: &SecretString) -> Reply {
        self.call(Method::POST, "DeleteNotificationWebhook", b"{}".to_vec(), &[app_token])
            .await
    }

    /// Has a test notification sent to the webhook, whatever its filter. The reply's text tells what our URL answered.
    pub async fn test_webhook(&self, app_token: &SecretString) -> Reply {
        self.call(Method::GET, "TestWebhook", Vec::new(), &[app_token]).await
    }

    /// Asks about the printer, and so whether the App Connection is still valid. The reply's text is the JSON.
    pub async fn info(&self, app_token: &SecretString) -> Reply {
        self.call(Method::GET, "info", Vec::new(), &[app_token]).await
    }

    /// `secrets` begins with the AppToken; none of them comes back in the reply.
    async fn call(&self, method: Method, name: &str, body: Vec<u8>, secrets: &[&SecretString]) -> Reply {
        let secrets = Secrets::new(secrets);
        let Some(request) = self.request(method, name, body, &secrets) else {
            return Reply::unsendable();
        };
        match self.exchange(request, &secrets).await {
            Ok(reply) => reply,
            Err(error) if error.is_timeout() => Reply::none("no answer in time"),
            Err(error) => Reply::none(&secrets.scrub(&cause(&error))),
        }
    }

    /// `None` when the AppToken holds characters that no HTTP header can.
    fn request(&self, method: Method, name: &str, body: Vec<u8>, secrets: &Secrets<'_>) -> Option<Request> {
        let mut token = HeaderValue::from_str(secrets.app_token()).ok()?;
        token.set_sensitive(true);
        let mut request = Request::new(method, self.base.join(name).ok()?);
        request.headers_mut().insert(APP_TOKEN, token);
        if !body.is_empty() {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            *request.body_mut() = Some(body.into());
        }
        Some(request)
    }

    async fn exchange(&self, request: Request, secrets: &Secrets<'_>) -> Result<Reply, reqwest::Error> {
        let response = self.http.execute(request).await?;
        let status = response.status().as_u16();
        let now = self.clock.now();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| reply::retry_after(value.to_str().ok()?, now));
        // The status is the answer; a body that breaks off takes nothing from it.
        let text = secrets.scrub_cut(&read(response).await, MAX_ANSWER);
        Ok(Reply::new(status, retry_after, &text))
    }
}

/// At most [`MAX_ANSWER`] bytes of the body.
async fn read(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < MAX_ANSWER
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(MAX_ANSWER);
    body
}

/// What lies at the bottom of a failed exchange: the upper layers only say that there was an error.
fn cause(error: &reqwest::Error) -> String {
    let mut deepest: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(source) = deepest.and_then(|error| error.source()) {
        deepest = Some(source);
    }
    match deepest {
        Some(cause) => cause.to_string(),
        None => "the request failed".to_owned(),
    }
}

/// Public roots compiled in, ring as everywhere in Printbell. `AWS_CA_BUNDLE` speaks of AWS, not of this.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests;

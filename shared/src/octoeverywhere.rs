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
use reqwest::{Method, RequestBuilder, Response, Url};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use thiserror::Error;

use crate::clock::Clock;
use crate::registration::{AppToken, EventFilter, Reply};
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
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    inclusive_event_types_filter: &'a [u16],
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

    /// Has the notifications that `events` lets through sent to `webhook_url` for 180 days. Overwrites every parameter
    /// of earlier calls, at once.
    pub async fn set_notification_webhook(
        &self,
        app_token: &AppToken,
        webhook_url: &SecretString,
        events: &EventFilter,
    ) -> Reply {
        let body = serde_json::to_vec(&SetNotificationWebhook {
            webhook_url: webhook_url.expose_secret(),
            inclusive_event_types_filter: events.types(),
        })
        .unwrap_or_default(); // a string and numbers: can't fail
        self.call(
            Method::POST,
            "SetNotificationWebhook",
            body,
            app_token,
            webhook_url.expose_secret(),
        )
        .await
    }

    /// Takes the webhook away.
    pub async fn delete_notification_webhook(&self, app_token: &AppToken) -> Reply {
        self.call(Method::POST, "DeleteNotificationWebhook", b"{}".to_vec(), app_token, "")
            .await
    }

    /// Has a test notification sent to the webhook, whatever its filter. The reply's message tells what our URL answered.
    pub async fn test_webhook(&self, app_token: &AppToken) -> Reply {
        self.call(Method::GET, "TestWebhook", Vec::new(), app_token, "").await
    }

    /// Asks about the printer, and so whether the App Connection is still valid. The reply's message is the JSON.
    pub async fn info(&self, app_token: &AppToken) -> Reply {
        self.call(Method::GET, "info", Vec::new(), app_token, "").await
    }

    /// Neither the token nor the `webhook_url` comes back in the reply.
    async fn call(&self, method: Method, name: &str, body: Vec<u8>, app_token: &AppToken, webhook_url: &str) -> Reply {
        let secrets = Secrets::new(&[app_token.expose(), webhook_url]);
        let mut request = self.http.request(method, format!("{}{name}", self.base));
        // An AppToken is visible ASCII, which every header value may be.
        if let Ok(mut token) = HeaderValue::from_str(app_token.expose()) {
            token.set_sensitive(true);
            request = request.header(APP_TOKEN, token);
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        match self.exchange(request, &secrets).await {
            Ok(reply) => reply,
            Err(error) if error.is_timeout() => reply::unanswered("no answer in time"),
            Err(error) => reply::unanswered(&secrets.scrub(&cause(&error))),
        }
    }

    async fn exchange(&self, request: RequestBuilder, secrets: &Secrets) -> Result<Reply, reqwest::Error> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let now = self.clock.now();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| reply::retry_after(value.to_str().ok()?, now));
        // The status is the answer; a body that breaks off takes nothing from it.
        let text = secrets.scrub_cut(&read(response).await, MAX_ANSWER);
        Ok(reply::answered(status, retry_after, &text))
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

//! The client of OctoEverywhere's App APIs: one call, one classified [`ServiceResponse`]. It never retries; when to call again is
//! [`printbell_shared::registration::renewal`]'s decision.
//!
//! The AppToken goes into the `AppToken` header, or, a long one, into the body, and nowhere else. Nothing that a [`ServiceResponse`] holds repeats a secret,
//! whatever OctoEverywhere echoes.

mod scrub;

use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use ::http::{Method, Request};
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use printbell_shared::registration::protocol::CALL_TIMEOUT;
use printbell_shared::registration::service_response::{self, ServiceResponse};
use printbell_shared::registration::wish::{AppToken, EventFilter};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::clock::Clock;
use crate::http::{self, Connections, Tls, Trust, TrustError};
use scrub::Secrets;

/// The longest that a connection may take of that.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// How much of an answer is read: all that we know are a few hundred bytes, and an error page needs no more to be told.
const MAX_ANSWER: usize = 4 * 1024;

/// The longest AppToken that is sent in a header where a body can have it, in bytes: many servers and proxies refuse
/// headers of more than 8 KiB together, and some of more than 4.
const MAX_IN_HEADER: usize = 4 * 1024;

/// The header that carries the credential, `AppToken` (names have no case).
const APP_TOKEN: HeaderName = HeaderName::from_static("apptoken");

/// Why there can't be a client.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The base URL isn't one that can be called.
    #[error("{0:?} is not an http(s) URL")]
    Url(String),
    /// Nothing can be encrypted.
    #[error(transparent)]
    Tls(#[from] TrustError),
}

/// OctoEverywhere, as an app sees it.
///
/// Make one for each invocation (it takes microseconds): a connection that outlives one is likely to be dead by the next,
/// and a dead connection costs a registration a failed call.
pub struct OctoEverywhere {
    http: http::Client,
    /// `…/api/appconnection/`
    base: String,
    clock: Clock,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SetNotificationWebhook<'a> {
    /// Only one that isn't in the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_token: Option<&'a str>,
    webhook_url: &'a str,
    /// Absent or empty means all.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    inclusive_event_types_filter: &'a [u16],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteNotificationWebhook<'a> {
    /// Only one that isn't in the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_token: Option<&'a str>,
}

/// The token of a POST, if it is one for the body.
fn in_body(app_token: &AppToken) -> Option<&str> {
    Some(app_token.expose()).filter(|token| token.len() > MAX_IN_HEADER)
}

impl OctoEverywhere {
    /// A client of the service at `url` (`https://octoeverywhere.com`). `clock` is what a `Retry-After` date is measured
    /// against.
    pub fn new(url: &str, clock: Clock) -> Result<Self, ClientError> {
        if !http::is_base(url, &["https", "http"]) {
            return Err(ClientError::Url(url.to_owned()));
        }
        let base = format!("{}/api/appconnection/", url.trim_end_matches('/'));
        // `AWS_CA_BUNDLE` speaks of AWS, not of this.
        let http = Tls::new(Trust::CompiledIn)?.client(Some(CONNECT_TIMEOUT), &Connections::default());
        Ok(Self { http, base, clock })
    }

    /// Has the notifications that `events` lets through sent to `webhook_url` for 180 days. Overwrites every parameter
    /// of earlier calls, at once.
    pub async fn set_notification_webhook(
        &self,
        app_token: &AppToken,
        webhook_url: &SecretString,
        events: &EventFilter,
    ) -> ServiceResponse {
        let body = serde_json::to_vec(&SetNotificationWebhook {
            app_token: in_body(app_token),
            webhook_url: webhook_url.expose_secret(),
            inclusive_event_types_filter: events.types(),
        })
        .unwrap_or_default(); // strings and numbers: can't fail
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
    pub async fn delete_notification_webhook(&self, app_token: &AppToken) -> ServiceResponse {
        let body = serde_json::to_vec(&DeleteNotificationWebhook {
            app_token: in_body(app_token),
        })
        .unwrap_or_default(); // a string: can't fail
        self.call(Method::POST, "DeleteNotificationWebhook", body, app_token, "")
            .await
    }

    /// Has a test notification sent to the webhook, whatever its filter. The response's message tells what our URL answered.
    pub async fn test_webhook(&self, app_token: &AppToken) -> ServiceResponse {
        self.call(Method::GET, "TestWebhook", Vec::new(), app_token, "").await
    }

    /// Asks about the printer, and so whether the App Connection is still valid. The response's message is the JSON.
    pub async fn info(&self, app_token: &AppToken) -> ServiceResponse {
        self.call(Method::GET, "info", Vec::new(), app_token, "").await
    }

    /// Neither the token nor the `webhook_url` comes back in the response.
    async fn call(
        &self,
        method: Method,
        name: &str,
        body: Vec<u8>,
        app_token: &AppToken,
        webhook_url: &str,
    ) -> ServiceResponse {
        let secrets = Secrets::new(app_token.expose(), webhook_url);
        let has_body = !body.is_empty();
        let is_token_in_body = has_body && in_body(app_token).is_some();
        let mut request = Request::new(SdkBody::from(body));
        *request.method_mut() = method;
        match format!("{}{name}", self.base).parse() {
            Ok(url) => *request.uri_mut() = url,
            Err(_) => return service_response::unanswered("its URL can't be called"),
        }
        let headers = request.headers_mut();
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("printbell/", env!("CARGO_PKG_VERSION"))),
        );
        if has_body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        // An AppToken is visible ASCII, which every header value may be.
        if !is_token_in_body && let Ok(mut token) = HeaderValue::from_str(app_token.expose()) {
            token.set_sensitive(true);
            headers.insert(APP_TOKEN, token);
        }
        let deadline = Instant::now() + CALL_TIMEOUT.unsigned_abs();
        let http = match timeout_at(deadline, self.http.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if !http::is_timeout(&error) => {
                // The upper layers only say that there was an error.
                let cause = http::causes(&error)
                    .last()
                    .map_or_else(String::new, ToString::to_string);
                return service_response::unanswered(&secrets.scrub(&cause));
            }
            Ok(Err(_)) | Err(_) => return service_response::unanswered("no answer in time"),
        };
        let status = http.status().as_u16();
        let now = self.clock.now();
        let retry_after = http
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| service_response::retry_after(value.to_str().ok()?, now));
        // The status is the answer; a body that breaks off takes nothing from it.
        let text = match read(http.into_body(), deadline).await {
            Text::Whole(text) => secrets.scrub(&String::from_utf8_lossy(&text)),
            Text::Cut(text) => secrets.scrub_cut(&String::from_utf8_lossy(&text)),
        };
        service_response::answered(status, retry_after, &text)
    }
}

/// What was read of an answer's body.
enum Text {
    Whole(Vec<u8>),
    /// There was more of it.
    Cut(Vec<u8>),
}

/// At most [`MAX_ANSWER`] bytes of the body.
async fn read(mut body: Incoming, deadline: Instant) -> Text {
    let mut read = Vec::new();
    loop {
        match timeout_at(deadline, body.frame()).await {
            Ok(None) => return Text::Whole(read),
            Ok(Some(Ok(frame))) => read.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
            Ok(Some(Err(_))) | Err(_) => return Text::Cut(read),
        }
        if read.len() > MAX_ANSWER {
            read.truncate(MAX_ANSWER);
            return Text::Cut(read);
        }
    }
}

#[cfg(test)]
mod tests;

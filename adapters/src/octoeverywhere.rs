//! The client of OctoEverywhere's App APIs: one call, one classified [`ServiceResponse`]. A connection that breaks before the
//! answer begins is replaced once, at once; when else to call again is [`printbell_shared::registration::renewal`]'s decision.
//!
//! The AppToken goes into the `AppToken` header, or, a long one, into the body, and nowhere else. Nothing that a [`ServiceResponse`] holds repeats a secret,
//! whatever OctoEverywhere echoes.

mod scrub;

use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use ::http::{Method, Request, Response, Uri};
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use printbell_shared::registration::Registration;
use printbell_shared::registration::app_connection::AppConnection;
use printbell_shared::registration::protocol::CALL_TIMEOUT;
use printbell_shared::registration::service_response::{self, Api, ServiceResponse};
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

/// What stands before the secret of a callback URL.
const CALLBACK_TOKEN: &str = "callbackToken=";

/// The AppTokens of a call.
pub struct Tokens<'a> {
    /// Whose webhook it is about.
    called: &'a AppToken,
    /// All that the registration has: the answer may quote an older one, too.
    known: Vec<&'a AppToken>,
}

impl<'a> Tokens<'a> {
    /// To call for one of a registration's connections.
    pub fn of(row: &'a Registration, called: &'a AppConnection) -> Self {
        Self {
            called: &called.token,
            known: row.connections().map(|connection| &connection.token).collect(),
        }
    }

    /// Those, and this callback URL's.
    fn secrets(&self, webhook_url: Option<&SecretString>) -> Secrets {
        let known = self.known.iter().copied();
        let app_tokens = [self.called].into_iter().chain(known).map(AppToken::expose);
        let in_url = webhook_url.and_then(|url| url.expose_secret().split_once(CALLBACK_TOKEN));
        let callback_token = in_url.and_then(|(_, rest)| rest.split('&').next());
        Secrets::new(app_tokens.chain(callback_token))
    }
}

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
    tls: Tls,
    connections: Connections,
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
        let tls = Tls::new(Trust::CompiledIn)?;
        let connections = Connections::default();
        Ok(Self {
            http: tls.client(Some(CONNECT_TIMEOUT), &connections),
            tls,
            connections,
            base,
            clock,
        })
    }

    /// Has the notifications that `events` lets through sent to `webhook_url` for 180 days. Overwrites every parameter
    /// of earlier calls, at once.
    pub async fn set_notification_webhook(
        &self,
        tokens: &Tokens<'_>,
        webhook_url: &SecretString,
        events: &EventFilter,
    ) -> ServiceResponse {
        let body = serde_json::to_vec(&SetNotificationWebhook {
            app_token: in_body(tokens.called),
            webhook_url: webhook_url.expose_secret(),
            inclusive_event_types_filter: events.types(),
        })
        .unwrap_or_default(); // strings and numbers: can't fail
        self.call(Api::Set, "SetNotificationWebhook", body, tokens, Some(webhook_url))
            .await
    }

    /// Takes the webhook away.
    pub async fn delete_notification_webhook(&self, tokens: &Tokens<'_>) -> ServiceResponse {
        let body = serde_json::to_vec(&DeleteNotificationWebhook {
            app_token: in_body(tokens.called),
        })
        .unwrap_or_default(); // a string: can't fail
        self.call(Api::Delete, "DeleteNotificationWebhook", body, tokens, None)
            .await
    }

    /// Has a test notification sent to the webhook, whatever its filter. The response's message tells what our URL answered.
    pub async fn test_webhook(&self, tokens: &Tokens<'_>) -> ServiceResponse {
        self.call(Api::Test, "TestWebhook", Vec::new(), tokens, None).await
    }

    /// Asks about the printer, and so whether the App Connection is still valid. The response's message is the JSON.
    pub async fn info(&self, tokens: &Tokens<'_>) -> ServiceResponse {
        self.call(Api::Test, "info", Vec::new(), tokens, None).await
    }

    /// No token comes back in the response, neither one of these nor one that signs a callback.
    async fn call(
        &self,
        api: Api,
        name: &str,
        body: Vec<u8>,
        tokens: &Tokens<'_>,
        webhook_url: Option<&SecretString>,
    ) -> ServiceResponse {
        let secrets = tokens.secrets(webhook_url);
        let Ok(url) = format!("{}{name}", self.base).parse() else {
            return service_response::unreached("its URL can't be called");
        };
        let call = HttpCall {
            url,
            headers: headers(&body, tokens.called),
            body,
        };
        // Both tries together take no longer than one.
        let deadline = Instant::now() + CALL_TIMEOUT.unsigned_abs();
        let http = match timeout_at(deadline, self.send(&call)).await {
            Ok(Ok(response)) => response,
            Ok(Err(Unanswered { error, is_sent })) => {
                let cause = match http::is_timeout(&error) {
                    true => "it can't be connected to in time".to_owned(),
                    // The upper layers only say that there was an error.
                    false => http::causes(&error)
                        .last()
                        .map_or_else(String::new, ToString::to_string),
                };
                let cause = secrets.scrub(&cause);
                return match is_sent {
                    true => service_response::unanswered(&cause),
                    false => service_response::unreached(&cause),
                };
            }
            // To connect takes less than that, so the call was sent.
            Err(_) => return service_response::unanswered("no answer in time"),
        };
        let status = http.status().as_u16();
        let now = self.clock.now();
        let header = |name| http.headers().get(name)?.to_str().ok();
        let retry_after = header(RETRY_AFTER).and_then(|value| service_response::retry_after(value, now));
        let content_type = header(CONTENT_TYPE).map(str::to_owned);
        // The status is the answer; a body that breaks off takes nothing from it.
        let text = match read(http.into_body(), deadline).await {
            Text::Whole(text) => secrets.scrub(&decode(&text)),
            Text::Cut(text) => secrets.scrub_cut(&decode(&text)),
        };
        service_response::answered(api, status, retry_after, content_type.as_deref(), &text)
    }

    /// The head of the answer. When the connection breaks before that, the call is made once more, on a new connection: the
    /// other side may just have closed the one that was kept, and those beside it with it.
    async fn send(&self, call: &HttpCall) -> Result<Response<Incoming>, Unanswered> {
        match self.http.request(call.request()).await {
            Ok(response) => Ok(response),
            Err(error) if http::is_broken(&error) => {
                // A client of its own has nothing in its pool. What it connects is among `connections`, so that it outlives it.
                let anew = self.tls.client(Some(CONNECT_TIMEOUT), &self.connections);
                let second = anew.request(call.request()).await;
                // The first one may have been carried out, whatever keeps the second one from being sent.
                second.map_err(|error| Unanswered { error, is_sent: true })
            }
            Err(error) => Err(Unanswered {
                is_sent: !error.is_connect(),
                error,
            }),
        }
    }
}

/// A call, as it is sent: twice, if need be.
struct HttpCall {
    url: Uri,
    headers: HeaderMap,
    /// Of a POST; a GET has none.
    body: Vec<u8>,
}

/// There is no answer.
struct Unanswered {
    error: legacy::Error,
    /// Whether OctoEverywhere may have got the call.
    is_sent: bool,
}

impl HttpCall {
    fn request(&self) -> Request<SdkBody> {
        let mut request = Request::new(SdkBody::from(self.body.clone()));
        if !self.body.is_empty() {
            *request.method_mut() = Method::POST;
        }
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

fn headers(body: &[u8], app_token: &AppToken) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("printbell/", env!("CARGO_PKG_VERSION"))),
    );
    if !body.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let is_in_body = !body.is_empty() && in_body(app_token).is_some();
    // An AppToken is visible ASCII, which every header value may be.
    if !is_in_body && let Ok(mut token) = HeaderValue::from_str(app_token.expose()) {
        token.set_sensitive(true);
        headers.insert(APP_TOKEN, token);
    }
    headers
}

/// What was read of an answer's body.
enum Text {
    Whole(Vec<u8>),
    /// There was more of it.
    Cut(Vec<u8>),
}

/// The text of a body, whose parts of another character set than UTF-8 nobody has to read. UTF-16 has a 0 beside each letter.
fn decode(body: &[u8]) -> String {
    String::from_utf8_lossy(body).replace('\0', "")
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

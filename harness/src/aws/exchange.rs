//! One request, signed or not, and its response.

use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;

use super::Credentials;

/// What a service answers, whatever its status.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub body: Bytes,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it isn't JSON; the text says what it is instead.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("status {} with a body that isn't JSON: {:?}", self.status, self.text()))
    }

    pub(super) fn succeeded(self, what: &str) -> Result<Self> {
        ensure!(
            (200..300).contains(&self.status),
            "{what} was answered {}: {}",
            self.status,
            self.text()
        );
        Ok(self)
    }
}

/// A request before it is signed.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, percent-encoded as they shall go out.
    pub path: String,
    /// The value of the `Host` header.
    pub host: String,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

/// Sends a request to `endpoint` (with its own `Host`), signed for `(service, region, principal)` if given.
///
/// # Errors
/// When there is no answer.
pub async fn send(
    http: &reqwest::Client,
    endpoint: &str,
    request: Request,
    signature: Option<(&str, &str, &Credentials)>,
) -> Result<Response> {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::HOST, HeaderValue::from_str(&request.host)?);
    for (name, value) in &request.headers {
        headers.append(*name, HeaderValue::from_str(value)?);
    }
    if let Some((service, region, credentials)) = signature {
        for (name, value) in signed_headers(&request, service, region, credentials)? {
            headers.insert(name, value);
        }
    }
    let url = format!("{endpoint}{}", request.path);
    let answer = http
        .request(request.method, &url)
        .headers(headers)
        .body(request.body)
        .send()
        .await
        .with_context(|| format!("no answer from {endpoint}"))?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer.bytes().await.with_context(|| format!("{endpoint} broke off"))?;
    Ok(Response { status, headers, body })
}

fn signed_headers(
    request: &Request,
    service: &str,
    region: &str,
    credentials: &Credentials,
) -> Result<Vec<(&'static str, HeaderValue)>> {
    let Credentials {
        access_key_id,
        secret_access_key,
        session_token,
    } = credentials.clone();
    let identity = aws_credential_types::Credentials::from_keys(access_key_id, secret_access_key, session_token).into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let named = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let signable = SignableRequest::new(
        request.method.as_str(),
        format!("https://{}{}", request.host, request.path),
        named,
        SignableBody::Bytes(&request.body),
    )?;
    let (headers, _) = sign(signable, &parameters)?.into_parts().0.into_parts();
    headers
        .into_iter()
        .map(|header| Ok((header.name(), HeaderValue::from_str(header.value())?)))
        .collect()
}

/// The HTTP client for everything on this machine, which no proxy reaches.
#[expect(clippy::expect_used, reason = "nothing in this set-up depends on the machine")]
pub fn http_client() -> reqwest::Client {
    // reqwest wants a TLS provider even where only plain HTTP is spoken. Another part of the process may have set it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build();
    client.expect("the client is well configured")
}

//! Calls a webhook: one POST, to the URL as it was set, with the whole answer due within the timeout. Never a second
//! try, and never a redirect: anything but 200 is a failure.

use std::error::Error;
use std::str::FromStr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

use super::tls;
use crate::service::webhook_url::WebhookUrl;
use crate::wire::delivery::DeliveryEnd;

/// How long a webhook is given to answer (octoeverywhere.md: 10 seconds).
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of an answer's body is text. The rest is read and forgotten.
const ANSWER_KEPT: usize = 64 * 1024;

/// Where every delivery goes in place of the URL's own host, in plain HTTP: like curl's `--connect-to` with the TLS
/// taken off. `Host`, path and query stay the URL's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliverVia(Authority);

/// Not a place to deliver via.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no http://HOST:PORT")]
pub struct InvalidPlace(String);

impl FromStr for DeliverVia {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let uri: Uri = text.parse().map_err(|_| InvalidPlace(text.to_owned()))?;
        let bare = uri.path() == "/" && uri.query().is_none() && uri.scheme() == Some(&Scheme::HTTP);
        match uri.into_parts().authority {
            Some(authority) if bare && authority.port_u16().is_some() => Ok(Self(authority)),
            _ => Err(InvalidPlace(text.to_owned())),
        }
    }
}

/// Sends notifications. A connection for each: one that the receiver had just closed would otherwise pass for a
/// failure of the webhook.
#[derive(Clone, Debug)]
pub(crate) struct Courier {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    via: Option<DeliverVia>,
    timeout: Duration,
}

impl Courier {
    pub(crate) fn new(via: Option<DeliverVia>, timeout: Duration) -> Self {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls::config())
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector);
        Self { client, via, timeout }
    }

    pub(crate) async fn deliver(&self, url: &WebhookUrl, content_type: &str, body: Bytes) -> DeliveryEnd {
        let start = Instant::now();
        let result = tokio::time::timeout(self.timeout, self.attempt(url, content_type, body)).await;
        let ms = start.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        match result {
            Ok(Ok((status, answer))) => DeliveryEnd::Answered { status, answer, ms },
            Ok(Err(error)) => DeliveryEnd::Unreachable {
                reason: with_causes(&*error),
                ms,
            },
            Err(_) => DeliveryEnd::TimedOut { ms },
        }
    }

    async fn attempt(
        &self,
        url: &WebhookUrl,
        content_type: &str,
        body: Bytes,
    ) -> Result<(u16, String), Box<dyn Error + Send + Sync>> {
        let request = Request::post(self.place(url)?)
            .header(header::HOST, url.host())
            .header(header::USER_AGENT, "OctoEverywhere (printbell-simulator)")
            .header(header::CONTENT_TYPE, content_type)
            .body(Full::new(body))?;
        let response = self.client.request(request).await?;
        let status = response.status().as_u16();
        Ok((status, beginning(response.into_body()).await?))
    }

    fn place(&self, url: &WebhookUrl) -> Result<Uri, http::Error> {
        let (scheme, authority) = match &self.via {
            Some(DeliverVia(authority)) => (Scheme::HTTP, authority.clone()),
            None => (url.scheme.clone(), url.authority.clone()),
        };
        Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query(url.target.clone())
            .build()
    }
}

async fn beginning(mut body: Incoming) -> Result<String, hyper::Error> {
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(chunk) = frame?.into_data() {
            let room = ANSWER_KEPT - text.len();
            text.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_to_deliver_via_is_a_plain_host_and_port() {
        for good in [
            "http://127.0.0.1:4566",
            "http://localhost:80",
            "http://127.0.0.1:4566/",
            "http://[::1]:9",
        ] {
            assert!(good.parse::<DeliverVia>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:4566",
            "http://127.0.0.1",
            "https://127.0.0.1:1",
            "http://h:1/x",
            "http://h:1?x",
        ] {
            assert!(bad.parse::<DeliverVia>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_detour_changes_where_a_request_goes_and_nothing_else() {
        let url = WebhookUrl::read(
            "https://a.example:8443/x/%2e?y=%20&&z",
            crate::service::webhook_url::Schemes::HttpsOnly,
        );
        let url = url.unwrap();
        let place = |via: Option<&str>| {
            let via = via.map(|via| via.parse().unwrap());
            Courier::new(via, DELIVERY_TIMEOUT).place(&url).unwrap().to_string()
        };
        assert_eq!(place(None), "https://a.example:8443/x/%2e?y=%20&&z");
        assert_eq!(
            place(Some("http://127.0.0.1:4566")),
            "http://127.0.0.1:4566/x/%2e?y=%20&&z"
        );
    }
}

//! [`crate::http`] as the HTTP client of the AWS SDK.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};

use crate::http::{Client, Connections, Tls, find, is_timeout};

/// The clients of one process: SDK clients with the same timeouts share their connections.
pub(super) struct Connectors {
    tls: Tls,
    connections: Connections,
    connectors: Mutex<Vec<(Timeouts, SharedHttpConnector)>>,
}

type Timeouts = (Option<Duration>, Option<Duration>);

impl Connectors {
    pub fn new(tls: Tls, connections: Connections) -> Self {
        Self {
            tls,
            connections,
            connectors: Mutex::default(),
        }
    }
}

impl fmt::Debug for Connectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connectors")
    }
}

impl HttpClient for Connectors {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, connector)) = connectors.iter().find(|(known, _)| *known == timeouts) {
            return connector.clone();
        }
        let (connect, read) = timeouts;
        let connector = SharedHttpConnector::new(Adapter {
            client: self.tls.client(connect, &self.connections),
            connections: self.connections.clone(),
            read_timeout: read,
        });
        connectors.push((timeouts, connector.clone()));
        connector
    }
}

struct Adapter {
    client: Client,
    connections: Connections,
    /// How long the head of a response may take.
    read_timeout: Option<Duration>,
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Adapter")
    }
}

impl HttpConnector for Adapter {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        // The SDK has the connection closed after a timeout or a 5xx, so that a retry doesn't meet the same broken host.
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || described(&connection));
        }
        let response = self.client.request(request);
        let read_timeout = self.read_timeout;
        let in_flight = self.connections.in_flight();
        HttpConnectorFuture::new(async move {
            let response = match read_timeout {
                None => response.await,
                Some(limit) => match tokio::time::timeout(limit, response).await {
                    Ok(response) => response,
                    Err(elapsed) => return Err(ConnectorError::timeout(elapsed.into())),
                },
            };
            in_flight.end();
            let response = response.map_err(classified)?.map(SdkBody::from_body_1_x);
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn described(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    let captured = connection.clone();
    connection.connection_metadata().as_ref()?;
    let poison = move || {
        if let Some(connected) = captured.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    Some(ConnectionMetadata::builder().proxied(false).poison_fn(poison).build())
}

/// In the SDK's terms, which decide whether it tries again: the same as its own client's.
fn classified(error: hyper_util::client::legacy::Error) -> ConnectorError {
    let (connecting, timed_out, io) = (
        error.is_connect(),
        is_timeout(&error),
        find::<std::io::Error>(&error).is_some(),
    );
    let kind = find::<hyper::Error>(&error);
    let user = kind.is_some_and(hyper::Error::is_user);
    let ended = kind.is_some_and(|error| error.is_closed() || error.is_canceled());
    let cut_short = kind.is_some_and(hyper::Error::is_incomplete_message);
    let error = error.into();
    if timed_out {
        ConnectorError::timeout(error)
    } else if user {
        ConnectorError::user(error)
    } else if connecting || ended || io {
        ConnectorError::io(error)
    } else {
        ConnectorError::other(error, cut_short.then_some(ErrorKind::TransientError))
    }
}

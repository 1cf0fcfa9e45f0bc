//! Starts a simulator in this process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::control::client::Control;
use crate::control::routes as control;
use crate::http::courier::{Courier, DELIVERY_TIMEOUT, DeliverVia};
use crate::http::{api, server};
use crate::service::webhook_url::Schemes;
use crate::state::{State, Tokens};

/// How strict a simulator is, and where it listens. The default is as strict as the service, on a free port of the
/// loopback interface.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether http:// webhook URLs may be set, too.
    pub allow_http: bool,
    /// Whether every token is a good one, issued or not.
    pub any_token: bool,
    /// Where deliveries go in place of their URL's host.
    pub deliver_via: Option<DeliverVia>,
    /// How long a webhook has to answer.
    pub delivery_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            allow_http: false,
            any_token: false,
            deliver_via: None,
            delivery_timeout: DELIVERY_TIMEOUT,
        }
    }
}

/// Why a simulator didn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody else has the port.
    #[error("{0} is in use: end what listens there, or listen elsewhere (port 0 takes a free port)")]
    PortInUse(SocketAddr),
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}")]
    CantListen {
        /// The address.
        address: SocketAddr,
        /// The operating system's reason.
        source: io::Error,
    },
}

/// A running simulator. Dropping it ends it and closes its connections.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Listens; takes calls from when it returns.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::PortInUse(options.listen),
            _ => StartError::CantListen {
                address: options.listen,
                source,
            },
        };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;

        let schemes = if options.allow_http {
            Schemes::HttpToo
        } else {
            Schemes::HttpsOnly
        };
        let tokens = if options.any_token {
            Tokens::Any
        } else {
            Tokens::OnlyIssued
        };
        let courier = Courier::new(options.deliver_via, options.delivery_timeout);
        let router = api::routes()
            .merge(control::routes())
            .fallback(api::not_found)
            .with_state(Arc::new(State::new(schemes, tokens, courier)));
        Ok(Self {
            address,
            server: tokio::spawn(server::serve(listener, router)),
        })
    }

    /// The base URL, for OctoEverywhere's clients and for [`Control::new`]: without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client of its control surface.
    pub fn control(&self) -> Control {
        Control::new(&self.url())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

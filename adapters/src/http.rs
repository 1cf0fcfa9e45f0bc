//! The HTTP client that reaches both AWS and OctoEverywhere: one implementation, one set of trusted certificates.
//!
//! The certificates are compiled in as parsed trust anchors, so that a start neither reads nor parses any. What that,
//! and not having the SDK's own client, is worth: docs/decisions/0061.

use std::error::Error;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use http::Uri;
use hyper::rt::Executor;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tower_service::Service;

/// An HTTP/1.1 client with its pool of connections; clones share them.
pub type Client = legacy::Client<Connector, SdkBody>;

/// How long a connection is kept for the next request. Shorter than AWS's and OctoEverywhere's own patience, for a request
/// on a connection that the other side is just closing fails.
const IDLE: Duration = Duration::from_secs(50);

/// TLS sessions that can be resumed: eight each of eight servers.
const SESSIONS: usize = 64;

/// Who vouches for a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust<'a> {
    /// Mozilla's authorities, compiled in. Amazon's are among them.
    CompiledIn,
    /// Those that the system trusts.
    System,
    /// Those in a file of PEM certificates, and no others.
    Bundle(&'a Path),
}

/// What is wrong with the certificates to trust.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file can't be read.
    #[error("{0} can't be read: {1}")]
    Unreadable(String, io::Error),
    /// There is none.
    #[error("there is no usable certificate in {0}")]
    Nothing(String),
    /// The TLS library refuses its configuration.
    #[error("TLS can't be set up: {0}")]
    Refused(#[from] rustls::Error),
}

/// Whether `url` is one that paths can be appended to: of one of these schemes, with a host and without query or fragment.
pub fn is_base(url: &str, schemes: &[&str]) -> bool {
    !url.contains(['?', '#', '@'])
        && url.parse::<Uri>().is_ok_and(|url| {
            url.host().is_some_and(|host| !host.is_empty())
                && url.scheme_str().is_some_and(|scheme| schemes.contains(&scheme))
        })
}

/// Whether it took too long to open a connection.
pub fn is_timeout(error: &legacy::Error) -> bool {
    find::<Elapsed>(error).is_some()
}

/// Whether the connection broke before the answer began: nothing is wrong with connecting, and what came was no answer that
/// can't be read.
pub fn is_broken(error: &legacy::Error) -> bool {
    let is_broken = |error: &hyper::Error| {
        error.is_incomplete_message() || error.is_closed() || error.is_canceled() || find::<io::Error>(error).is_some()
    };
    !error.is_connect() && find::<hyper::Error>(error).is_some_and(is_broken)
}

/// The error, and what caused it, down to the first cause.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// The first error of this type among `error` and what caused it.
pub fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|error| error.downcast_ref())
}

/// How connections are encrypted: made once in a process, for all its clients.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// TLS 1.2 and 1.3 for clients that speak HTTP/1.1. With the compiled-in authorities it is always the same one, so
    /// that all clients resume each other's sessions.
    pub fn new(trust: Trust<'_>) -> Result<Self, TrustError> {
        static COMPILED_IN: OnceLock<Tls> = OnceLock::new();
        if trust != Trust::CompiledIn {
            return Self::build(trust);
        }
        if let Some(tls) = COMPILED_IN.get() {
            return Ok(tls.clone());
        }
        let tls = Self::build(trust)?;
        Ok(COMPILED_IN.get_or_init(|| tls).clone())
    }

    fn build(trust: Trust<'_>) -> Result<Self, TrustError> {
        let roots = match trust {
            Trust::CompiledIn => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
            Trust::System => store(
                "the system's certificates",
                rustls_native_certs::load_native_certs().certs,
            )?,
            Trust::Bundle(file) => {
                let name = file.display().to_string();
                let pem = std::fs::read(file).map_err(|error| TrustError::Unreadable(name.clone(), error))?;
                store(&name, CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok))?
            }
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Makes room for all that it may ever hold at once; a function knows four servers.
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Self(Arc::new(config)))
    }

    /// A client that opens a connection, TLS included, within this time, or never mind how long it takes. What it has open is
    /// among `connections`.
    pub fn client(&self, connect_timeout: Option<Duration>, connections: &Connections) -> Client {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = Connector {
            https: HttpsConnector::from((Tcp(tcp), Arc::clone(&self.0))),
            timeout: connect_timeout,
        };
        legacy::Client::builder(connections.clone())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector)
    }
}

fn store<'a>(
    source: &str,
    certificates: impl IntoIterator<Item = CertificateDer<'a>>,
) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    // One that can't be parsed must not take the others with it.
    let (usable, _) = roots.add_parsable_certificates(certificates);
    if usable == 0 {
        Err(TrustError::Nothing(source.to_owned()))
    } else {
        Ok(roots)
    }
}

/// The connections of some clients, so that they can be closed before the process may be frozen.
///
/// Lambda freezes a process once it has answered, and thaws it with the next event, minutes or hours later: what is in flight
/// then would be sent then.
#[derive(Clone, Default)]
pub struct Connections(Arc<OpenConnections>);

#[derive(Default)]
struct OpenConnections {
    /// Each connection is driven by a task, which owns it.
    tasks: Mutex<JoinSet<()>>,
    has_abandoned: AtomicBool,
}

/// A request under way. If it is dropped before its response came, its connection is in the middle of it.
pub(crate) struct InFlight(Option<Connections>);

impl Connections {
    /// A request is under way, until its response came.
    pub(crate) fn in_flight(&self) -> InFlight {
        InFlight(Some(self.clone()))
    }

    /// Closes every connection, if a request was given up on one of them. The next ones are opened anew.
    pub async fn close_abandoned(&self) {
        if self.0.has_abandoned.swap(false, Ordering::Relaxed) {
            let mut tasks = std::mem::take(&mut *self.tasks());
            tasks.shutdown().await;
        }
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Connections {
    fn execute(&self, connection: F) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(connection);
    }
}

impl InFlight {
    /// The response came.
    pub(crate) fn end(mut self) {
        self.0 = None;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(connections) = &self.0 {
            connections.0.has_abandoned.store(true, Ordering::Relaxed);
        }
    }
}

/// Opens TCP connections that drop what they haven't sent when they are closed.
#[derive(Clone)]
struct Tcp(HttpConnector);

impl Service<Uri> for Tcp {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let connecting = self.0.call(url);
        Box::pin(async move {
            let stream = connecting.await?;
            stream.inner().set_zero_linger()?;
            Ok(stream)
        })
    }
}

/// Opens connections, with TLS where the URL says `https`.
#[derive(Clone)]
pub struct Connector {
    https: HttpsConnector<Tcp>,
    timeout: Option<Duration>,
}

type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;
type BoxError = Box<dyn Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let connecting = self.https.call(url);
        match self.timeout {
            None => connecting,
            Some(timeout) => Box::pin(async move { tokio::time::timeout(timeout, connecting).await? }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazon_s_and_octoeverywhere_s_authorities_are_compiled_in() {
        // Of the certificates that aws.amazon.com/trust and octoeverywhere.com (Google Trust Services, Let's Encrypt) show.
        for name in [
            "Amazon Root CA 1",
            "Amazon Root CA 3",
            "Starfield Services Root",
            "GTS Root R1",
            "ISRG Root X1",
        ] {
            let known = webpki_roots::TLS_SERVER_ROOTS
                .iter()
                .any(|anchor| anchor.subject.windows(name.len()).any(|part| part == name.as_bytes()));
            assert!(known, "{name}");
        }
    }

    #[test]
    fn a_base_has_a_host_and_no_query() {
        for (url, is) in [
            ("https://octoeverywhere.com", true),
            ("https://octoeverywhere.com/", true),
            ("https://127.0.0.1:8080/some/path", true),
            ("https://[::1]:8080", true),
            ("http://octoeverywhere.com", false),
            ("https://octoeverywhere.com?a=b", false),
            ("https://octoeverywhere.com/#a", false),
            ("https://user:secret@octoeverywhere.com", false),
            ("https://", false),
            ("https://:443", false),
            ("octoeverywhere.com", false),
            ("/path", false),
            ("https://octo everywhere.com", false),
            ("", false),
        ] {
            assert_eq!(is_base(url, &["https"]), is, "{url}");
        }
    }

    #[test]
    fn a_bundle_without_certificates_is_said_at_once() {
        let folder = std::env::temp_dir();
        assert!(matches!(
            Tls::new(Trust::Bundle(Path::new("/nowhere.pem"))),
            Err(TrustError::Unreadable(..))
        ));
        let empty = folder.join(format!("printbell-{}.pem", std::process::id()));
        std::fs::write(&empty, "not PEM").unwrap();
        let result = Tls::new(Trust::Bundle(&empty));
        std::fs::remove_file(&empty).unwrap();
        assert!(matches!(result, Err(TrustError::Nothing(_))));
    }
}

//! TLS in front of a stub: what a function sees of AWS in a partition, or behind a proxy, with an authority of its own.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::NamedTempFile;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::server::Server;

/// Takes TLS connections on a free loopback port, and passes on what they bring. It ends when it is dropped.
pub struct TlsFront {
    server: Server,
    authority: NamedTempFile,
    handshakes: Arc<AtomicUsize>,
}

impl TlsFront {
    /// A front for the server at `target`, with a certificate made for it now.
    ///
    /// # Errors
    /// When no port or no temporary file can be had.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let mut authority = NamedTempFile::new()?;
        authority.write_all(certified.cert.pem().as_bytes())?;
        let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let handshakes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&handshakes);
        let server =
            Server::accept(move |stream| pass_on(acceptor.clone(), stream, target, Arc::clone(&counter))).await?;
        Ok(Self {
            server,
            authority,
            handshakes,
        })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("https://{}", self.server.address)
    }

    /// The PEM file of the one authority that vouches for it.
    pub fn authority(&self) -> String {
        self.authority.path().display().to_string()
    }

    /// How many connections were opened whose client trusted it.
    pub fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::Relaxed)
    }
}

/// One connection, until a side closes it or doesn't trust the other.
async fn pass_on(acceptor: TlsAcceptor, stream: TcpStream, target: SocketAddr, handshakes: Arc<AtomicUsize>) {
    let (Ok(mut client), Ok(mut server)) = (acceptor.accept(stream).await, TcpStream::connect(target).await) else {
        return;
    };
    handshakes.fetch_add(1, Ordering::Relaxed);
    // Its error is a side that went away.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

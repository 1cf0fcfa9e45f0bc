//! TLS for a server on loopback, under an authority of its own: what a function sees of AWS.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::NoServerSessionStorage;
use tempfile::NamedTempFile;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A certificate that is made for the server now, and everybody who vouches for it.
///
/// As AWS does, it shows an intermediate authority beside its own certificate. It resumes no session: AWS's services are a host
/// each, and a function that has just started has no session with any of them.
pub(crate) struct Encryption {
    acceptor: TlsAcceptor,
    authority: NamedTempFile,
    handshakes: AtomicUsize,
}

impl Encryption {
    /// Of a server under these names: addresses, or host names.
    pub(crate) fn new(names: &[&str]) -> Result<Self> {
        let root = CertifiedIssuer::self_signed(authority("Root of a stub")?, KeyPair::generate()?)?;
        let intermediate = CertifiedIssuer::signed_by(authority("Authority of a stub")?, KeyPair::generate()?, &root)?;
        let key = KeyPair::generate()?;
        let mut own = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
        own.use_authority_key_identifier_extension = true;
        let own = own.signed_by(&key, &intermediate)?;

        let mut file = NamedTempFile::new()?;
        file.write_all(root.pem().as_bytes())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![own.der().clone(), intermediate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            authority: file,
            handshakes: AtomicUsize::new(0),
        })
    }

    /// The PEM file of the one authority that vouches for the server.
    pub(crate) fn authority(&self) -> &Path {
        self.authority.path()
    }

    /// How many connections were opened whose client trusted it.
    pub(crate) fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::Relaxed)
    }

    /// A connection, unless its client doesn't trust the server, or went away.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let stream = self.acceptor.accept(stream).await.ok()?;
        self.handshakes.fetch_add(1, Ordering::Relaxed);
        Some(stream)
    }
}

fn authority(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

//! The one TLS set-up of this crate: rustls on ring, trusting the roots that Mozilla trusts.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// What deliveries and the control client agree on.
#[expect(
    clippy::expect_used,
    reason = "ring has cipher suites for every version that rustls switches on"
)]
pub(crate) fn config() -> ClientConfig {
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring fits rustls")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// The HTTP client under [`crate::Control`]. It leaves proxies alone: the simulator is on this machine.
#[expect(clippy::expect_used, reason = "nothing in this set-up depends on the machine")]
pub(crate) fn http_client() -> reqwest::Client {
    reqwest::Client::builder()
        .tls_backend_preconfigured(config())
        .no_proxy()
        .build()
        .expect("the client is well configured")
}

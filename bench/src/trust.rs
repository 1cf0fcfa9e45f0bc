//! Whom the programs trust where the stub speaks TLS: its authority, beside as many as each of them reads on AWS.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use printbell_harness::runtime_api::Launch;
use printbell_harness::stub_aws::StubAws;
use tempfile::NamedTempFile;

use crate::variants::Variant;

/// The files with the certificates.
pub struct Trust {
    /// The stub's authority alone, as PEM.
    authority: String,
    /// The same behind all that this system trusts: one file, as on Amazon Linux.
    bundle: NamedTempFile,
}

impl Trust {
    /// In the authority of `aws`, which speaks TLS.
    pub fn in_authority_of(aws: &StubAws) -> Result<Self> {
        let authority = aws.authority().context("this stub speaks no TLS")?;
        let mut bundle = NamedTempFile::new()?;
        let system = rustls_native_certs::load_native_certs().certs;
        ensure!(
            !system.is_empty(),
            "this system trusts no certificate: install its package `ca-certificates`"
        );
        for certificate in system {
            let text = STANDARD.encode(certificate);
            writeln!(bundle, "-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----")?;
        }
        bundle.write_all(&std::fs::read(authority)?)?;
        Ok(Self {
            authority: text(authority),
            bundle,
        })
    }

    /// Tells a program, by the variable that it looks at.
    ///
    /// - Our functions and Node.js have the world's authorities compiled in, so they read the stub's alone.
    /// - The SDK's defaults read the system's.
    /// - boto3 brings a file as long as the system's.
    pub fn tell(&self, variant: Variant, launch: Launch) -> Launch {
        match variant {
            Variant::Webhook | Variant::Renew | Variant::Register | Variant::Redrive => {
                launch.env("AWS_CA_BUNDLE", &*self.authority)
            }
            Variant::Node => launch.env("NODE_EXTRA_CA_CERTS", &*self.authority),
            Variant::Python => launch.env("AWS_CA_BUNDLE", text(self.bundle.path())),
            Variant::BarePublish | Variant::SdkDefaults => launch.env("SSL_CERT_FILE", text(self.bundle.path())),
            // They speak to nobody but the Runtime API.
            Variant::Least | Variant::Hello => launch,
        }
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

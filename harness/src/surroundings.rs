//! What makes `aws`, `sam` and `curl` take the emulator for AWS.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::aws::Credentials;
use crate::stack::Stack;
use crate::tls_front::TlsFront;

/// The hosts that are on this machine, where somebody goes through a proxy.
const HERE: &str = "127.0.0.1,localhost,::1,.amazonaws.com,.on.aws";

/// Where `curl` looks for what it is told, in the folder `CURL_HOME`.
const CURL_CONFIG: &str = ".curlrc";

/// The stack's doors under their own names, with TLS, for a `curl` that is told where they are. They go when this is dropped.
pub struct Surroundings {
    endpoint: String,
    region: String,
    curl: TempDir,
    front: TlsFront,
}

impl Surroundings {
    /// Those of a stack on the emulator.
    ///
    /// # Errors
    /// When no port, no certificate or no temporary file can be had.
    pub async fn of(stack: &Stack) -> Result<Self> {
        let emulator = stack.endpoint.trim_start_matches("http://").parse();
        let emulator = emulator.with_context(|| format!("{} is no address", stack.endpoint))?;
        let (api, url) = (
            format!("*.execute-api.{}.amazonaws.com", stack.region),
            format!("*.lambda-url.{}.on.aws", stack.region),
        );
        let front = TlsFront::start(&[&api, &url], emulator).await?;
        let curl = tempfile::tempdir()?;
        let config = format!("cacert = \"{}\"\n", front.authority().display());
        std::fs::write(curl.path().join(CURL_CONFIG), config)?;
        let surroundings = Self {
            endpoint: stack.endpoint.clone(),
            region: stack.region.clone(),
            curl,
            front,
        };
        surroundings.lead_to(stack).await?;
        Ok(surroundings)
    }

    /// Has `curl` find the doors of another stack on the same emulator, too.
    ///
    /// # Errors
    /// When what `curl` is told can't be written.
    pub async fn lead_to(&self, stack: &Stack) -> Result<()> {
        let mut config = String::new();
        // Not every stack has a function URL.
        let doors = [Some(stack.outputs.api_url.clone()), stack.function_url().await.ok()];
        for door in doors.into_iter().flatten() {
            let host = door.trim_start_matches("https://").trim_end_matches('/');
            // A String takes every write.
            let _ = writeln!(config, "connect-to = \"{host}::{}\"", self.front.address());
        }
        let mut file = File::options().append(true).open(self.curl.path().join(CURL_CONFIG))?;
        Ok(file.write_all(config.as_bytes())?)
    }

    /// What `aws`, `sam` and `curl` have to find in their environment, in the hands of somebody with these keys.
    pub fn environment(&self, keys: &Credentials) -> Vec<(&'static str, String)> {
        let token = keys.session_token.clone().map(|token| ("AWS_SESSION_TOKEN", token));
        let environment = [
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_REGION", self.region.clone()),
            // `sam` asks for this one.
            ("AWS_DEFAULT_REGION", self.region.clone()),
            ("SAM_CLI_TELEMETRY", "0".to_owned()),
            ("AWS_ACCESS_KEY_ID", keys.access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key.clone()),
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
            ("AWS_PAGER", String::new()),
            ("CURL_HOME", self.curl.path().display().to_string()),
            ("NO_PROXY", HERE.to_owned()),
            ("no_proxy", HERE.to_owned()),
        ];
        environment.into_iter().chain(token).collect()
    }
}

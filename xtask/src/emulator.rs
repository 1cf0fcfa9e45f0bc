//! AWS on this machine: ministack, with IAM enforced, on the loopback interface only.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use printbell_harness::aws::{Aws, Credentials, http_client};

use crate::process::Process;
use crate::progress::{self, Step};
use crate::tools::Tools;

/// The region that everything is deployed in.
pub const REGION: &str = "us-east-1";

/// Where people look for a local AWS.
const USUAL_PORT: u16 = 4566;

/// It takes about two seconds; a busy machine may need some more.
const STARTING: Duration = Duration::from_secs(60);

/// A running emulator; it ends when this is dropped.
#[derive(Debug)]
pub struct Emulator {
    _process: Process,
    /// `http://127.0.0.1:4566`.
    pub endpoint: String,
}

impl Emulator {
    /// Starts one with nothing in it, that keeps its files in `folder`.
    pub async fn start(tools: &Tools, folder: &Path) -> Result<Self> {
        let step = Step::begin("Starting AWS on this machine");
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| format!("can't empty {}", folder.display()))?;
        }
        let (state, temporary) = (folder.join("state"), folder.join("tmp"));
        for path in [&state, &temporary] {
            std::fs::create_dir_all(path).with_context(|| format!("can't make the folder {}", path.display()))?;
        }
        let log = folder.join("emulator.log");
        let port = free_port()?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let owner = owner();
        // Nothing of our own environment: the functions get all of the emulator's.
        let program = tools.emulator().without_environment().args(["-m", "ministack"]);
        let mut process = program
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder)
            .env("TMPDIR", &temporary)
            .env("STATE_DIR", &state)
            .env("BIND_HOST", Ipv4Addr::LOCALHOST.to_string())
            .env("GATEWAY_PORT", port.to_string())
            // APIs then answer under the host names that the template makes of them, those of AWS.
            .env("MINISTACK_HOST", format!("{REGION}.amazonaws.com"))
            .env("MINISTACK_REGION", REGION)
            .env("AUTH", "true")
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_REGION", REGION)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", &owner.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &owner.secret_access_key)
            .start_into(&log)?;

        let (http, health) = (http_client(), format!("{endpoint}/_ministack/health"));
        let started = Instant::now();
        while !http
            .get(&health)
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            process.check(&log)?;
            ensure!(
                started.elapsed() < STARTING,
                "the emulator doesn't answer; its log is {}",
                log.display()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        step.done();
        Ok(Self {
            _process: process,
            endpoint,
        })
    }

    /// A client for its services, as the account's owner.
    pub fn aws(&self) -> Aws {
        Aws::new(&self.endpoint, REGION, owner())
    }
}

/// The owner of the emulated account.
pub fn owner() -> Credentials {
    Credentials {
        access_key_id: "test".to_owned(),
        secret_access_key: "test".to_owned(),
        session_token: None,
    }
}

/// The usual port, or any other if that is taken.
fn free_port() -> Result<u16> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    if bind(USUAL_PORT).is_ok() {
        return Ok(USUAL_PORT);
    }
    let port = bind(0).context("no port is free on 127.0.0.1")?.local_addr()?.port();
    progress::note(&format!(
        "port {USUAL_PORT} is in use, so AWS answers at {port} this time"
    ));
    Ok(port)
}

//! How a function is started.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot};

use super::Function;
use super::api::Api;
use super::process::Process;
use crate::fixtures::REGION;
use crate::server::Server;
use crate::stub_aws::StubAws;
use crate::template::Template;

/// A start that takes longer is given up (Lambda's own limit).
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// How to start a function; starting doesn't use it up.
#[derive(Clone, Debug)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
}

impl Launch {
    /// A bootstrap in an environment like the one that Lambda gives it, and nothing of the caller's own.
    pub fn new(bootstrap: impl Into<PathBuf>) -> Self {
        let environment = [
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
            ("AWS_SESSION_TOKEN", "not-a-token"),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
            ("AWS_LAMBDA_FUNCTION_NAME", "function"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/function"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/24/[$LATEST]0"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("_HANDLER", "bootstrap"),
            ("LANG", "en_US.UTF-8"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("TZ", ":UTC"),
        ];
        Self {
            program: bootstrap.into(),
            arguments: Vec::new(),
            environment: environment
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        }
    }

    /// A function by its Cargo name, configured as `template.yaml` deployed with these parameters configures it.
    ///
    /// # Errors
    /// When the template has no such function or parameter.
    pub fn deployed(function: &str, parameters: &[(&str, &str)]) -> Result<Self> {
        let function = Template::read()?.with(parameters)?.function(function)?;
        Ok(Self::new(function.binary())
            .env("AWS_LAMBDA_FUNCTION_NAME", function.logical_id)
            .envs(function.variables))
    }

    /// Sets variables, or replaces them.
    #[must_use]
    pub fn envs(self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        variables
            .into_iter()
            .fold(self, |launch, (name, value)| launch.env(&name, value))
    }

    /// An argument for the program (an interpreter's script).
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable, or replaces one.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Takes a variable out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self
    }

    /// Has the function find AWS at the stub.
    #[must_use]
    pub fn aws(self, stub: &StubAws) -> Self {
        self.env("AWS_ENDPOINT_URL", stub.url())
    }

    /// Starts the function and waits until it asks for its first event.
    ///
    /// # Errors
    /// When it can't be run, ends, reports an init error or isn't ready within 10 s; with what it has written.
    pub async fn start(&self) -> Result<Function> {
        let (ready, mut is_ready) = oneshot::channel();
        let (events, waiting) = mpsc::unbounded_channel();
        let api = Api::new(waiting, ready);
        let server = {
            let api = Arc::clone(&api);
            Server::start(move |request| Arc::clone(&api).react(request)).await?
        };
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", server.address.to_string())
            .stdin(Stdio::null());
        let began = Instant::now();
        let process = Process::spawn(command).with_context(|| format!("can't start {}", self.program.display()))?;
        let ready_at = tokio::select! {
            at = &mut is_ready => at.context("the Runtime API is gone")?,
            status = process.ended() => {
                // The report may have come in the same instant.
                let report = api.init_error().unwrap_or_default();
                process.output_closed().await;
                bail!("the function ended before it was ready ({status}) {report}\n{}", process.output())
            }
            () = tokio::time::sleep(INIT_TIMEOUT) => bail!("not ready within 10 s\n{}", process.output()),
        };
        Ok(Function {
            launch: self.clone(),
            started_in: ready_at - began,
            process,
            events,
            server,
            next_id: 1.into(),
        })
    }
}

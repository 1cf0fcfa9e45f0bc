//! The account, as its owner's own `aws` and `curl` reach it: with whatever credentials, profile and region they have.

use std::cell::RefCell;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::cost::Calls;
use crate::process::Program;
use crate::python;

/// How long to look again for something that takes a moment.
const MOMENT: Duration = Duration::from_secs(60);
/// How long credentials are used before they are asked for again. Those that `aws` hands out are good for longer.
const RENEWAL: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Account {
    python: PathBuf,
    /// Whether it is AWS, and not an emulator.
    pub is_aws: bool,
    calls: RefCell<Calls>,
    keys: RefCell<Option<(Instant, Keys)>>,
}

/// The credentials that `aws` has.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Keys {
    pub access_key_id: SecretString,
    pub secret_access_key: SecretString,
    /// Of a session.
    pub session_token: Option<SecretString>,
}

/// What a door answered.
pub(super) struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("answered {} with {:?}", self.status, self.body))
    }
}

impl Account {
    /// Sees that `aws` and `curl` are there.
    pub(super) async fn find() -> Result<Self> {
        let mut account = Self {
            python: python::find()?,
            is_aws: std::env::var_os("AWS_ENDPOINT_URL").is_none_or(|url| url.is_empty()),
            calls: RefCell::default(),
            keys: RefCell::default(),
        };
        let version = account.program("aws").arg("--version").output().await;
        let version = version.context("the AWS CLI, version 2, has to be on PATH as `aws`")?;
        let version = String::from_utf8_lossy(&version).into_owned();
        ensure!(
            version.starts_with("aws-cli/2."),
            "`aws` has to be version 2 of the AWS CLI, and is {version}"
        );
        // A profile may name another endpoint, too. It fails when none does.
        let endpoint = account
            .program("aws")
            .args(["configure", "get", "endpoint_url"])
            .output();
        account.is_aws &= endpoint.await.is_err();
        Ok(account)
    }

    fn program(&self, name: &str) -> Program {
        Program::new(&self.python, name)
    }

    /// Calls an operation: `("sqs", "list-queues", &["--queue-name-prefix", "x"])`.
    ///
    /// # Errors
    /// When it isn't answered with a success; the text is that of `aws`.
    pub(super) async fn aws(&self, service: &str, operation: &str, arguments: &[&str]) -> Result<Value> {
        self.aws_as(&[], service, operation, arguments).await
    }

    /// The same with these variables in the environment.
    pub(super) async fn aws_as(
        &self,
        environment: &[(&str, &str)],
        service: &str,
        operation: &str,
        arguments: &[&str],
    ) -> Result<Value> {
        self.calls.borrow_mut().count(service, operation);
        let mut program = self.program("aws").args([service, operation]).args(arguments);
        program = program.args(["--output", "json", "--no-cli-pager"]);
        for (name, value) in environment {
            program = program.env(name, value);
        }
        let output = program.output().await;
        let output = output.with_context(|| format!("aws {service} {operation}"))?;
        if output.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&output).with_context(|| format!("aws {service} {operation} answered no JSON"))
    }

    /// The same with its input in a file that nobody else can read: for secrets, and for what would be hard to quote.
    pub(super) async fn aws_with(&self, service: &str, operation: &str, input: &Value) -> Result<Value> {
        let file = private_file(&input.to_string())?;
        let argument = format!("file://{}", file.path().display());
        self.aws(service, operation, &["--cli-input-json", &argument]).await
    }

    /// The credentials that `aws` has; they may be those of a session that is renewed now and then.
    pub(super) async fn keys(&self) -> Result<Keys> {
        let known = self
            .keys
            .borrow()
            .clone()
            .filter(|(asked, _)| asked.elapsed() < RENEWAL);
        if let Some((_, keys)) = known {
            return Ok(keys);
        }
        let keys = self
            .aws("configure", "export-credentials", &["--format", "process"])
            .await?;
        let keys: Keys = serde_json::from_value(keys).context("credentials without their parts")?;
        self.keys.replace(Some((Instant::now(), keys.clone())));
        Ok(keys)
    }

    /// Sends a request, as a file of options for `curl` says it: URLs and keys are no arguments, which anybody could read.
    pub(super) async fn curl(&self, options: &str) -> Result<Answer> {
        self.calls.borrow_mut().count("door", "request");
        let file = private_file(options)?;
        let curl = self
            .program("curl")
            .args(["-sS", "--max-time", "35", "-w", "\n%{http_code}", "-K"]);
        let output = String::from_utf8(curl.arg(file.path()).output().await.context("curl")?)?;
        let (body, status) = output.rsplit_once('\n').context("curl told no status")?;
        Ok(Answer {
            status: status.parse()?,
            body: body.to_owned(),
        })
    }

    /// What the calls so far cost.
    pub(super) fn cost(&self) -> String {
        self.calls.borrow().cost()
    }
}

fn private_file(text: &str) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// An option of a file for `curl`.
pub(super) fn option(name: &str, value: &str) -> String {
    format!("{name} = \"{}\"\n", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Looks again for a minute until `look` finds it.
///
/// # Errors
/// When it isn't found, or can't be looked for.
pub(super) async fn soon<T>(what: &str, look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    within(MOMENT, what, look).await
}

/// The same for as long as this.
pub(super) async fn within<T>(
    time: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + time;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() >= end {
            bail!("{what}: not within {} s", time.as_secs());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

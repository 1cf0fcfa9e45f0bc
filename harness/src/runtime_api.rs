//! A Lambda of one's own: starts a bootstrap, speaks the Lambda Runtime API to it, and looks at it from outside.
//!
//! ```no_run
//! # use printbell_harness::{runtime_api::Launch, stub_aws::StubAws};
//! # async fn example() -> anyhow::Result<()> {
//! let aws = StubAws::start().await?;
//! let function = Launch::deployed("webhook", &[])?.aws(&aws).start().await?;
//! let call = function.call(br#"{"version":"2.0"}"#.as_slice()).await;
//! println!("{:?} in {:?}", call.outcome, call.took);
//! # Ok(())
//! # }
//! ```
//!
//! The event goes to the function byte for byte: it need not be JSON. Calls are handed over one at a time, in order, as
//! Lambda does with one execution environment.

mod process;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderValue, Method, Response};
use http_body_util::Full;
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot};

use crate::fixtures::{ACCOUNT, REGION};
use crate::server::{Reply, Request, Server, answer, hang};
use crate::stub_aws::StubAws;
use crate::template::Template;
use process::Process;

/// A start that takes longer is given up (Lambda's own limit).
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long after its deadline a call may still be answered, before the function is killed as Lambda would.
const GRACE: Duration = Duration::from_millis(500);

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
        Ok(Self::new(function.binary()).envs(function.variables))
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
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Takes a variable out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
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
        let api = Arc::new(Api {
            waiting: tokio::sync::Mutex::new(waiting),
            state: Mutex::new(State {
                ready: Some(ready),
                init_error: None,
                handed: HashMap::new(),
            }),
        });
        let server = {
            let api = Arc::clone(&api);
            Server::start(move |request| Arc::clone(&api).reply(request)).await?
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
        let reached = tokio::select! {
            at = &mut is_ready => at.context("the Runtime API is gone")?,
            status = process.ended() => {
                // The report may have come in the same instant.
                let report = api.state().init_error.take().unwrap_or_default();
                process.output_closed().await;
                bail!("the function ended before it was ready ({status}) {report}\n{}", process.output())
            }
            () = tokio::time::sleep(INIT_TIMEOUT) => bail!("not ready within 10 s\n{}", process.output()),
        };
        Ok(Function {
            launch: self.clone(),
            started_in: reached - began,
            process,
            events,
            server,
            next_id: 1.into(),
        })
    }
}

/// A running function. It is killed when this is dropped.
pub struct Function {
    launch: Launch,
    /// From just before the process was made until it asked for its first event.
    pub started_in: Duration,
    process: Process,
    events: mpsc::UnboundedSender<Event>,
    #[expect(dead_code, reason = "lives as long as the function")]
    server: Server,
    next_id: std::sync::atomic::AtomicU64,
}

/// One call and what became of it.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function's answer, or why there is none.
    pub outcome: Outcome,
    /// From handing the event over until the whole answer had arrived.
    pub took: Duration,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What the function answered.
    Answered(Bytes),
    /// The error document that the function reported for this call (its handler failed, or panicked).
    Failed(Bytes),
    /// The process ended without an answer.
    Died,
    /// No answer by the deadline; the process was killed, as Lambda does.
    TimedOut,
}

impl Call {
    /// The answer as JSON.
    ///
    /// # Errors
    /// When there is none, or it isn't JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        match &self.outcome {
            Outcome::Answered(body) => Ok(serde_json::from_slice(body)?),
            Outcome::Failed(error) => bail!("the function failed: {}", String::from_utf8_lossy(error)),
            other => bail!("no answer: {other:?}"),
        }
    }

    /// The answer of a function behind an HTTP API.
    ///
    /// # Errors
    /// When there is no answer, or it isn't one for an HTTP API.
    pub fn http(&self) -> Result<HttpAnswer> {
        let answer = self.json()?;
        let status = answer["statusCode"].as_u64().context("no statusCode in the answer")?;
        let body = answer["body"].as_str().unwrap_or_default().to_owned();
        Ok(HttpAnswer {
            status: u16::try_from(status)?,
            body,
            raw: answer,
        })
    }
}

/// What a function answers to an HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, as the function wrote it (base64 where the answer says so).
    pub body: String,
    /// The whole answer.
    pub raw: serde_json::Value,
}

impl Function {
    /// Hands the function an event with ten seconds to go.
    pub async fn call(&self, event: impl Into<Bytes>) -> Call {
        self.call_within(Duration::from_secs(10), event).await
    }

    /// Hands the function an event whose deadline is `remaining` from now.
    pub async fn call_within(&self, remaining: Duration, event: impl Into<Bytes>) -> Call {
        let id = self.next_id.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (reply, mut answered) = oneshot::channel();
        let began = Instant::now();
        let event = Event {
            // Unique among all functions, as Lambda's are.
            id: format!("{:08x}-0000-4000-8000-{id:012}", self.process.pid),
            body: event.into(),
            deadline: SystemTime::now() + remaining,
            reply,
        };
        if self.events.send(event).is_err() {
            return Call {
                outcome: Outcome::Died,
                took: began.elapsed(),
            };
        }
        tokio::select! {
            biased;
            call = &mut answered => call.unwrap_or_else(|_| Call { outcome: Outcome::Died, took: began.elapsed() }),
            _ = self.process.ended() => Call { outcome: Outcome::Died, took: began.elapsed() },
            () = tokio::time::sleep(remaining + GRACE) => {
                self.kill().await;
                Call { outcome: Outcome::TimedOut, took: began.elapsed() }
            }
        }
    }

    /// Kills the function at once, whatever it is doing, and waits until it is gone.
    pub async fn kill(&self) {
        self.process.kill().await;
    }

    /// Kills the function and starts another one in its place.
    ///
    /// # Errors
    /// As [`Launch::start`].
    pub async fn respawn(&mut self) -> Result<()> {
        self.kill().await;
        *self = self.launch.start().await?;
        Ok(())
    }

    /// Whether the process is still there.
    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// The most memory that the process has had resident so far, in bytes (`VmHWM`).
    ///
    /// # Errors
    /// When the process is gone, or this isn't Linux.
    pub fn peak_memory(&self) -> Result<u64> {
        self.process.peak_memory()
    }

    /// Time on a processor so far, of all threads that are alive, to the nanosecond (`schedstat`).
    ///
    /// # Errors
    /// When the process is gone, or this isn't Linux.
    pub fn cpu_time(&self) -> Result<Duration> {
        self.process.cpu_time()
    }

    /// What the function has written to standard output and standard error so far.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// The function's process id.
    pub fn pid(&self) -> u32 {
        self.process.pid
    }
}

struct Event {
    id: String,
    body: Bytes,
    deadline: SystemTime,
    reply: oneshot::Sender<Call>,
}

struct Api {
    /// Lambda has one event at a time for one environment; so has the lock.
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
    state: Mutex<State>,
}

struct State {
    ready: Option<oneshot::Sender<Instant>>,
    init_error: Option<String>,
    handed: HashMap<String, (Instant, oneshot::Sender<Call>)>,
}

impl Api {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reply(self: Arc<Self>, request: Request) -> Reply {
        let arrived = Instant::now();
        let path = request.target.strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
        match (&request.method, path.split('/').collect::<Vec<_>>().as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next(arrived).await,
            (&Method::POST, ["invocation", id, "response"]) => {
                self.settle(id, arrived, Outcome::Answered(request.body))
            }
            (&Method::POST, ["invocation", id, "error"]) => self.settle(id, arrived, Outcome::Failed(request.body)),
            (&Method::POST, ["init", "error"]) => {
                self.state().init_error = Some(String::from_utf8_lossy(&request.body).into_owned());
                answer(202, "application/json", r#"{"status":"OK"}"#)
            }
            _ => answer(
                404,
                "application/json",
                r#"{"errorMessage":"no such call in the Runtime API"}"#,
            ),
        }
    }

    async fn next(&self, arrived: Instant) -> Reply {
        if let Some(ready) = self.state().ready.take() {
            // Nobody listens when the start was given up.
            let _ = ready.send(arrived);
        }
        let Some(event) = self.waiting.lock().await.recv().await else {
            return hang().await;
        };
        let deadline = event
            .deadline
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:function");
        let response = Response::builder()
            .header("Content-Type", "application/json")
            .header("Lambda-Runtime-Aws-Request-Id", &event.id)
            .header("Lambda-Runtime-Deadline-Ms", deadline.to_string())
            .header("Lambda-Runtime-Invoked-Function-Arn", arn)
            .header(
                "Lambda-Runtime-Trace-Id",
                HeaderValue::from_static("Root=1-5759e988-bd862e3fe1be46a994272793"),
            )
            .body(Full::new(event.body));
        self.state().handed.insert(event.id, (Instant::now(), event.reply));
        response.map_or(Reply::Drop, Reply::Answer)
    }

    fn settle(&self, id: &str, arrived: Instant, outcome: Outcome) -> Reply {
        let Some((handed, reply)) = self.state().handed.remove(id) else {
            return answer(400, "application/json", r#"{"errorMessage":"no such invocation"}"#);
        };
        // Nobody listens when the call was given up.
        let _ = reply.send(Call {
            outcome,
            took: arrived - handed,
        });
        answer(202, "application/json", r#"{"status":"OK"}"#)
    }
}

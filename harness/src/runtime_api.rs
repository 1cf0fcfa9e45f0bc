//! A Lambda of one's own: starts a bootstrap, speaks the Lambda Runtime API to it, and looks at it from outside.
//!
//! ```no_run
//! # use printbell_harness::{runtime_api::Launch, stub_aws::StubAws};
//! # async fn example() -> anyhow::Result<()> {
//! let aws = StubAws::start().await?;
//! let function = Launch::deployed("webhook", &[])?.aws(&aws).start().await?;
//! let call = function.call(br#"{"version":"2.0"}"#.as_slice()).await;
//! println!("{:?} in {:?}", call.completion, call.took);
//! # Ok(())
//! # }
//! ```
//!
//! The event goes to the function byte for byte: it need not be JSON. Calls are handed over one at a time, in order, as
//! Lambda does with one execution environment.

mod api;
mod launch;
mod process;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::server::Server;
use api::Event;
pub use launch::Launch;
use process::Process;

/// How long after its deadline a call may still be answered, before the function is killed as Lambda would.
const GRACE: Duration = Duration::from_millis(500);

/// A running function. It is killed when this is dropped.
pub struct Function {
    launch: Launch,
    /// From just before the process was made until it asked for its first event.
    pub started_in: Duration,
    process: Process,
    events: mpsc::UnboundedSender<Event>,
    #[expect(dead_code, reason = "lives as long as the function")]
    server: Server,
    next_id: AtomicU64,
}

/// One call and what became of it.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function's answer, or why there is none.
    pub completion: Completion,
    /// From handing the event over until the whole answer had arrived.
    pub took: Duration,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
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
        match &self.completion {
            Completion::Answered(body) => Ok(serde_json::from_slice(body)?),
            Completion::Failed(error) => bail!("the function failed: {}", String::from_utf8_lossy(error)),
            other => bail!("no answer: {other:?}"),
        }
    }

    /// The answer of a function behind an HTTP API.
    ///
    /// # Errors
    /// When there is no answer, or it isn't one for an HTTP API.
    pub fn http(&self) -> Result<HttpResponse> {
        let answer = self.json()?;
        let status = answer["statusCode"].as_u64().context("no statusCode in the answer")?;
        let body = answer["body"].as_str().unwrap_or_default().to_owned();
        Ok(HttpResponse {
            status: u16::try_from(status)?,
            body,
            raw: answer,
        })
    }
}

/// What a function answers to an HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
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
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        // Unique among all functions, as Lambda's are.
        let id = format!("{:08x}-0000-4000-8000-{id:012}", self.process.pid);
        self.deliver(id, remaining, event).await
    }

    /// The same under a request id of one's own: Lambda may deliver an asynchronous event twice under one.
    pub async fn deliver(&self, id: String, remaining: Duration, event: impl Into<Bytes>) -> Call {
        let (caller, mut completion) = oneshot::channel();
        let began = Instant::now();
        let event = Event {
            id,
            body: event.into(),
            deadline: SystemTime::now() + remaining,
            caller,
        };
        if self.events.send(event).is_err() {
            return Call {
                completion: Completion::Died,
                took: began.elapsed(),
            };
        }
        tokio::select! {
            biased;
            call = &mut completion => call.unwrap_or_else(|_| Call { completion: Completion::Died, took: began.elapsed() }),
            _ = self.process.ended() => Call { completion: Completion::Died, took: began.elapsed() },
            () = tokio::time::sleep(remaining + GRACE) => {
                self.kill().await;
                Call { completion: Completion::TimedOut, took: began.elapsed() }
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

    /// How many connections the process has open to a port of this machine.
    ///
    /// # Errors
    /// When the process is gone, or this isn't Linux.
    pub fn connections_to(&self, port: u16) -> Result<usize> {
        self.process.connections_to(port)
    }

    /// Freezes the process, as Lambda does with one that has answered.
    ///
    /// # Errors
    /// When the process is gone.
    pub async fn freeze(&self) -> Result<()> {
        self.process.signal("STOP").await
    }

    /// Thaws the process, as Lambda does for the next event.
    ///
    /// # Errors
    /// When the process is gone.
    pub async fn thaw(&self) -> Result<()> {
        self.process.signal("CONT").await
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

//! The Runtime API that a function talks to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Method, Response};
use http_body_util::Full;
use tokio::sync::{mpsc, oneshot};

use super::{Call, Completion};
use crate::fixtures::{ACCOUNT, REGION};
use crate::server::{Reaction, Request, hang, respond};

/// A call to be made.
pub(super) struct Event {
    pub id: String,
    pub body: Bytes,
    pub deadline: SystemTime,
    pub caller: oneshot::Sender<Call>,
}

/// The other side of the function: hands it events, and takes what it has to say.
pub(super) struct Api {
    /// Lambda has one event at a time for one environment; so has the lock.
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
    state: Mutex<State>,
}

struct State {
    ready: Option<oneshot::Sender<Instant>>,
    init_error: Option<String>,
    /// The calls under way, by their ids: since when, and who waits.
    calls: HashMap<String, (Instant, oneshot::Sender<Call>)>,
}

impl Api {
    /// An API that takes its events from this channel, and says when the first is asked for.
    pub(super) fn new(events: mpsc::UnboundedReceiver<Event>, ready: oneshot::Sender<Instant>) -> Arc<Self> {
        Arc::new(Self {
            waiting: tokio::sync::Mutex::new(events),
            state: Mutex::new(State {
                ready: Some(ready),
                init_error: None,
                calls: HashMap::new(),
            }),
        })
    }

    /// What the function reported instead of becoming ready.
    pub(super) fn init_error(&self) -> Option<String> {
        self.state().init_error.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn react(self: Arc<Self>, request: Request) -> Reaction {
        let arrived = Instant::now();
        let path = request.target.strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
        match (&request.method, path.split('/').collect::<Vec<_>>().as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next(arrived).await,
            (&Method::POST, ["invocation", id, "response"]) => {
                self.settle(id, arrived, Completion::Answered(request.body))
            }
            (&Method::POST, ["invocation", id, "error"]) => self.settle(id, arrived, Completion::Failed(request.body)),
            (&Method::POST, ["init", "error"]) => {
                self.state().init_error = Some(String::from_utf8_lossy(&request.body).into_owned());
                respond(202, "application/json", r#"{"status":"OK"}"#)
            }
            _ => respond(
                404,
                "application/json",
                r#"{"errorMessage":"no such call in the Runtime API"}"#,
            ),
        }
    }

    async fn next(&self, arrived: Instant) -> Reaction {
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
        self.state().calls.insert(event.id, (Instant::now(), event.caller));
        response.map_or(Reaction::Drop, Reaction::Respond)
    }

    fn settle(&self, id: &str, arrived: Instant, completion: Completion) -> Reaction {
        let Some((start, caller)) = self.state().calls.remove(id) else {
            return respond(400, "application/json", r#"{"errorMessage":"no such invocation"}"#);
        };
        // Nobody listens when the call was given up.
        let _ = caller.send(Call {
            completion,
            took: arrived - start,
        });
        respond(202, "application/json", r#"{"status":"OK"}"#)
    }
}

//! A pretend OctoEverywhere for load: answers at once or after a settable time, and counts. For its rules use the
//! simulator.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::Full;
use serde_json::Value;

use crate::server::{Reaction, Request, Server, hang, respond};

/// How a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppBehaviour {
    /// With this status (OctoEverywhere's go up to 613).
    Status(u16),
    /// With 429 and `Retry-After` in seconds.
    RetryAfter(u32),
    /// Never.
    Hang,
    /// The connection is reset, and nothing done.
    Refused,
    /// The work is done, and the connection dropped.
    LostAnswer,
}

/// What an answer says beside its status.
#[derive(Clone, Debug, Default)]
pub struct AppAnswer {
    /// Headers beside those of HTTP itself.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// One call that came in.
#[derive(Clone, Debug)]
pub struct AppCall {
    /// The API's name, such as `SetNotificationWebhook`.
    pub api: String,
    /// Path and query, as they were sent.
    pub target: String,
    /// All headers.
    pub headers: HeaderMap,
    /// From the header, or the body.
    pub app_token: String,
    /// The body (`null` where there is none).
    pub body: Value,
    /// When it had arrived.
    pub at: Instant,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Calls so far.
    pub calls: u64,
    /// Calls that are being answered now.
    pub in_flight: u64,
    /// The most that were at once.
    pub most_in_flight: u64,
}

/// The stub. It stops when it is dropped.
pub struct StubOctoEverywhere {
    server: Server,
    state: Arc<Mutex<State>>,
}

struct State {
    latency: Duration,
    behaviour: AppBehaviour,
    behaviours: HashMap<String, AppBehaviour>,
    answers: HashMap<String, AppAnswer>,
    load: Load,
    forgetful: bool,
    calls: Vec<AppCall>,
    /// What it holds: by token, the body of the last SetNotificationWebhook that worked.
    webhooks: HashMap<String, Value>,
}

impl StubOctoEverywhere {
    /// Starts the stub on a free port; it answers 200, at once.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<Self> {
        let state = Arc::new(Mutex::new(State {
            latency: Duration::ZERO,
            behaviour: AppBehaviour::Status(200),
            behaviours: HashMap::new(),
            answers: HashMap::new(),
            load: Load::default(),
            forgetful: false,
            calls: Vec::new(),
            webhooks: HashMap::new(),
        }));
        let server = {
            let state = Arc::clone(&state);
            Server::start(move |request| react(Arc::clone(&state), request)).await?
        };
        Ok(Self { server, state })
    }

    /// What `OCTOEVERYWHERE_URL` has to be.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Every answer takes this long.
    pub fn set_latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    /// How everyone is answered.
    pub fn set_behaviour(&self, behaviour: AppBehaviour) {
        self.state().behaviour = behaviour;
    }

    /// How calls with this token are answered, whatever the others get.
    pub fn set_behaviour_for(&self, app_token: &str, behaviour: AppBehaviour) {
        self.state().behaviours.insert(app_token.to_owned(), behaviour);
    }

    /// What answers to this token say from now on, those that have a status.
    pub fn set_answer(&self, app_token: &str, answer: AppAnswer) {
        self.state().answers.insert(app_token.to_owned(), answer);
    }

    /// The load so far.
    pub fn load(&self) -> Load {
        self.state().load
    }

    /// The calls so far, in order.
    pub fn calls(&self) -> Vec<AppCall> {
        self.state().calls.clone()
    }

    /// Forgets the calls and begins to count anew.
    pub fn reset(&self) {
        let mut state = self.state();
        let in_flight = state.load.in_flight;
        state.load = Load {
            in_flight,
            most_in_flight: in_flight,
            calls: 0,
        };
        state.calls.clear();
    }

    /// Counts, but keeps no calls from now on (for benchmarks and long runs).
    pub fn record_nothing(&self) {
        self.state().forgetful = true;
    }

    /// What it holds for a token: the body of the last SetNotificationWebhook that worked.
    pub fn webhook(&self, app_token: &str) -> Option<Value> {
        self.state().webhooks.get(app_token).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a call out again, also one whose caller went away.
struct InFlight(Arc<Mutex<State>>);

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.0).load.in_flight -= 1;
    }
}

async fn react(state: Arc<Mutex<State>>, request: Request) -> Reaction {
    let path = request.target.split('?').next().unwrap_or_default();
    let api = path.strip_prefix("/api/appconnection/").unwrap_or_default().to_owned();
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let header = request.headers.get("AppToken").and_then(|token| token.to_str().ok());
    let Some(app_token) = header.or(body["AppToken"].as_str()).map(str::to_owned) else {
        return respond(400, "application/json", r#"{"Error":"no AppToken"}"#);
    };
    let (latency, behaviour, answer) = {
        let mut state = lock(&state);
        let State { load, .. } = &mut *state;
        load.calls += 1;
        load.in_flight += 1;
        load.most_in_flight = load.most_in_flight.max(load.in_flight);
        let behaviour = state.behaviours.get(&app_token).copied().unwrap_or(state.behaviour);
        let answer = state.answers.get(&app_token).cloned();
        if matches!(behaviour, AppBehaviour::Status(200) | AppBehaviour::LostAnswer) && !state.forgetful {
            match api.as_str() {
                "SetNotificationWebhook" => drop(state.webhooks.insert(app_token.clone(), body.clone())),
                "DeleteNotificationWebhook" => drop(state.webhooks.remove(&app_token)),
                _ => {}
            }
        }
        if !state.forgetful {
            state.calls.push(AppCall {
                api,
                target: request.target,
                headers: request.headers,
                app_token,
                body,
                at: Instant::now(),
            });
        }
        (state.latency, behaviour, answer)
    };
    let _in_flight = InFlight(Arc::clone(&state));
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let mut reaction = react_as(behaviour).await;
    if let (Reaction::Respond(response), Some(answer)) = (&mut reaction, answer) {
        response.headers_mut().extend(answer.headers);
        *response.body_mut() = Full::new(answer.body);
    }
    reaction
}

async fn react_as(behaviour: AppBehaviour) -> Reaction {
    match behaviour {
        AppBehaviour::Status(200) => respond(200, "application/json", "{}"),
        AppBehaviour::Status(status) => respond(status, "application/json", r#"{"Error":"as asked for"}"#),
        AppBehaviour::RetryAfter(seconds) => {
            let mut reaction = respond(429, "application/json", r#"{"Error":"too many"}"#);
            if let Reaction::Respond(response) = &mut reaction {
                response.headers_mut().insert(http::header::RETRY_AFTER, seconds.into());
            }
            reaction
        }
        AppBehaviour::Hang => hang().await,
        AppBehaviour::Refused => Reaction::Reset,
        AppBehaviour::LostAnswer => Reaction::Drop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::http_client;

    #[tokio::test]
    async fn octoeverywhere_counts_who_is_there_at_once() {
        let octoeverywhere = StubOctoEverywhere::start().await.unwrap();
        octoeverywhere.set_latency(Duration::from_millis(50));
        octoeverywhere.set_behaviour_for("gone", AppBehaviour::Status(604));
        let url = format!("{}/api/appconnection/SetNotificationWebhook", octoeverywhere.url());
        let client = http_client();
        let call = |token| client.post(&url).header("AppToken", token).body("{}").send();
        let (present, absent) = tokio::join!(call("known"), call("gone"));
        assert_eq!(
            (present.unwrap().status().as_u16(), absent.unwrap().status().as_u16()),
            (200, 604)
        );
        assert_eq!(octoeverywhere.load().most_in_flight, 2);
        assert!(octoeverywhere.webhook("known").is_some() && octoeverywhere.webhook("gone").is_none());
    }
}

//! The registrations API: a backend says which printers' notifications it wants, and sees how they are.
//!
//! | what | where |
//! |---|---|
//! | which request it is | `route` |
//! | what the caller sent, strictly, and what was meant | `input`, `list`, `suggestion` |
//! | `PUT`, `DELETE`, renew now | `change` |
//! | how a registration is shown, and what is told of errors | `view`, `problems` |
//!
//! It is behind IAM: whoever gets here may do everything that the API does.

#![warn(unreachable_pub)]

mod change;
mod config;
mod input;
mod list;
mod problems;
mod route;
mod suggestion;
mod view;

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent};
use printbell_adapters::api_gateway::request::HttpRequest;
use printbell_adapters::api_gateway::response::HttpResponse;
use printbell_adapters::worker::Worker;
use printbell_adapters::worker::setup::Setup;
use printbell_shared::id::RegistrationKey;
use printbell_shared::problem::Problem;
use printbell_shared::registration::Registration;
use printbell_shared::registration::renewal::Status;
use printbell_shared::registration::service_response::ResponseClass;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use config::Config;
use list::Query;
use problems::{absent, not_while, unread};
use route::Route;
use view::show;

/// The function.
pub struct Registrations {
    setup: Setup,
}

impl Registrations {
    /// The function on AWS; `lookup` reads the environment.
    pub async fn start(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let config = Config::from_env(&lookup)?;
        Ok(Self {
            setup: Setup::new(config.settings, lookup)?,
        })
    }

    /// Answers one request.
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<HttpResponse, Error> {
        let LambdaEvent { payload, context } = event;
        let worker = self.setup.worker(&context.request_id, context.deadline)?;
        let response = respond(&worker, &HttpRequest::read(&payload)).await;
        Ok(response.unwrap_or_else(|problem| (&problem).into()).uncached())
    }
}

async fn respond(worker: &Worker, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    match Route::of(request)? {
        Route::List(tenant) => list::list(worker, Query::read(tenant, &request.query)?).await,
        Route::Get(key) => Ok(show(200, &*get(worker, &key).await?)),
        Route::Put(key) => change::put(worker, &key, input::wish_update(request)?).await,
        Route::Delete(key) => change::delete(worker, &key).await,
        Route::Renew(key) => change::renew(worker, &key).await,
        Route::Test(key) => test(worker, &key).await,
    }
}

async fn get(worker: &Worker, key: &RegistrationKey) -> Result<Arc<Registration>, Problem> {
    let row = worker.table.get(key).await.map_err(unread)?;
    row.ok_or_else(|| absent(key))
}

/// `POST …/test`: has OctoEverywhere send a test notification, and tells what it says about that.
async fn test(worker: &Worker, key: &RegistrationKey) -> Result<HttpResponse, Problem> {
    let row = get(worker, key).await?;
    if matches!(row.renewal.status, Status::Revoked | Status::Deleting) {
        return Err(not_while(&row));
    }
    let response = worker.octoeverywhere.test_webhook(&row.wish.token).await;
    match response.class {
        ResponseClass::Applied => Ok(match serde_json::from_str::<IgnoredAny>(&response.message) {
            Ok(_) => HttpResponse::raw_json(200, response.message),
            Err(_) => HttpResponse::text(200, response.message),
        }),
        ResponseClass::Temporary { .. } => Err(Problem::new(503, "OctoEverywhere is failing", response.message)),
        ResponseClass::Suspended | ResponseClass::Refused => {
            Err(Problem::new(422, "Refused by OctoEverywhere", response.message))
        }
    }
}

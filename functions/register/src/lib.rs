//! The registrations API: a backend says which printers' notifications it wants, and sees how they are.
//!
//! | what | where |
//! |---|---|
//! | which request it is | `route` |
//! | what the caller sent, strictly, and what was meant | `input`, `list`, `suggestion` |
//! | `PUT`, `DELETE`, renew now | `change` |
//! | how a registration is shown, and what is told of errors | `view`, `problems` |
//! | the same for machines, made by a test | `openapi` |
//!
//! It is behind IAM: whoever gets here may do everything that the API does.

#![warn(unreachable_pub)]

mod change;
mod config;
mod input;
mod list;
#[cfg(test)]
mod openapi;
mod problems;
mod route;
mod suggestion;
mod view;

use lambda_runtime::{Error, LambdaEvent};
use printbell_adapters::api_gateway::request::HttpRequest;
use printbell_adapters::api_gateway::response::HttpResponse;
use printbell_adapters::octoeverywhere::Tokens;
use printbell_adapters::registrations::ReadError;
use printbell_adapters::worker::Worker;
use printbell_adapters::worker::setup::Setup;
use printbell_shared::id::RegistrationKey;
use printbell_shared::problem::Problem;
use printbell_shared::registration::service_response::ResponseClass;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use config::Config;
use list::Query;
use problems::{absent, replaced, unread};
use route::Route;
use view::{show, show_unreadable};

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
        Route::Get(key) => match worker.table.get(&key).await {
            Ok(Some(row)) => Ok(show(200, &row, worker.clock.now())),
            Ok(None) => Err(absent(&key)),
            Err(ReadError::Unreadable(row)) => Ok(show_unreadable(&row)),
            Err(error) => Err(unread(error)),
        },
        Route::Put(key) => change::put(worker, &key, input::wish_update(request)?).await,
        Route::Delete(key) => change::delete(worker, &key).await,
        Route::Renew(key) => change::renew(worker, &key).await,
        Route::Test(key) => test(worker, &key).await,
    }
}

/// `POST …/test`: has OctoEverywhere send a test notification, and tells what it says about that.
async fn test(worker: &Worker, key: &RegistrationKey) -> Result<HttpResponse, Problem> {
    let row = worker.table.get(key).await.map_err(unread)?;
    let row = row.ok_or_else(|| absent(key))?;
    let Some(connection) = &row.wish.connection else {
        return Err(replaced(key));
    };
    let tokens = Tokens::of(&row, connection);
    let response = worker.octoeverywhere.test_webhook(&tokens).await;
    let title = match response.class {
        ResponseClass::Applied => {
            return Ok(match serde_json::from_str::<IgnoredAny>(&response.message) {
                Ok(_) => HttpResponse::raw_json(200, response.message),
                Err(_) => HttpResponse::text(200, response.message),
            });
        }
        ResponseClass::Temporary { .. } => "OctoEverywhere is failing",
        ResponseClass::Suspended | ResponseClass::Refused | ResponseClass::Doubtful => "Refused by OctoEverywhere",
    };
    Err(Problem::new(502, title, response.message))
}

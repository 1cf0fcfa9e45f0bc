//! The registrations API: a backend says which printers' notifications it wants, and sees how they are.
//!
//! | what | where |
//! |---|---|
//! | which request it is | [`route`] |
//! | what the caller sent, strictly | [`input`], [`list`] |
//! | `PUT`, `DELETE`, renew now | [`change`], [`apply`] |
//! | how a registration is shown, and what is told of errors | [`view`], [`answer`] |
//!
//! It is behind IAM: whoever gets here may do everything that the API does.

pub mod answer;
pub mod apply;
pub mod change;
pub mod config;
pub mod input;
pub mod list;
pub mod route;
pub mod view;

use jiff::Timestamp;
use lambda_http::{Error, Request, RequestExt as _};
use printbell_shared::aws::NoAws;
use printbell_shared::clock::end_of_invocation;
use printbell_shared::holder::{Holder, Setup};
use printbell_shared::id::RegistrationKey;
use printbell_shared::problem::Problem;
use printbell_shared::registration::Registration;
use printbell_shared::renewal::{Answer as Meaning, Status};

use answer::{Answer, Body, Reply, absent, unread};
pub use config::Config;
use input::Input;
use list::Query;
use route::Route;

/// The function.
pub struct Registrations {
    setup: Setup,
}

impl Registrations {
    /// The function with this configuration; `lookup` reads what Lambda's own environment says about AWS.
    pub fn new(config: Config, lookup: impl Fn(&'static str) -> Option<String>) -> Result<Self, NoAws> {
        Ok(Self {
            setup: Setup::new(config.settings, lookup)?,
        })
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request) -> Result<Reply, Error> {
        let context = request.lambda_context();
        let deadline = end_of_invocation(context.deadline, Timestamp::now());
        let holder = self.setup.holder(&context.request_id, deadline)?;
        Ok(answer(&holder, &request).await.into())
    }
}

async fn answer(holder: &Holder, request: &Request) -> Result<Answer, Problem> {
    match Route::of(request.method(), request.raw_http_path())? {
        Route::List(tenant) => list::list(holder, Query::read(tenant, list::raw_query(request.uri()))?).await,
        Route::Get(key) => Ok(Answer::registration(200, &get(holder, &key).await?)),
        Route::Put(key) => change::put(holder, &key, &Input::read(request.body())?).await,
        Route::Delete(key) => change::delete(holder, &key).await,
        Route::Renew(key) => change::renew(holder, &key).await,
        Route::Test(key) => test(holder, &key).await,
    }
}

async fn get(holder: &Holder, key: &RegistrationKey) -> Result<Registration, Problem> {
    let row = holder.table.get(key).await.map_err(unread)?;
    row.ok_or_else(|| absent(key))
}

/// `POST …/test`: has OctoEverywhere send a test notification, and tells what it says about that.
async fn test(holder: &Holder, key: &RegistrationKey) -> Result<Answer, Problem> {
    let row = get(holder, key).await?;
    if matches!(row.renewal.status, Status::Revoked | Status::Deleting) {
        return Err(change::not_while(&row));
    }
    let reply = holder.octoeverywhere.test_webhook(&row.wish.token).await;
    match reply.answer {
        Meaning::Applied => Ok(Answer {
            status: 200,
            body: Some(match serde_json::from_str::<serde::de::IgnoredAny>(&reply.message) {
                Ok(_) => Body::Json(reply.message),
                Err(_) => Body::Text(reply.message),
            }),
        }),
        Meaning::Temporary { .. } => Err(Problem::new(503, "OctoEverywhere is failing", reply.message)),
        Meaning::Suspended | Meaning::Refused => Err(Problem::new(422, "Refused by OctoEverywhere", reply.message)),
    }
}

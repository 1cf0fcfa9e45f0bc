//! Keeps every registration alive: finds those that are due and calls SetNotificationWebhook (or DeleteNotificationWebhook)
//! again, for as long as it takes.
//!
//! | what | where |
//! |---|---|
//! | what the function is invoked with | `event` |
//! | registrations that are to be applied again: the request, and the sweep that carries it out | `reapply`, `sweep` |
//! | a key that is to be used no more | `retire` |
//! | who holds which token, made again from the registrations | `rebuild` |
//! | rows that were written by hand | `adopt` |
//! | the registrations of another table | `restore` |
//! | one run over what is due, one at a time, and each row of it | `run`, `turn`, `row` |
//! | how hard OctoEverywhere is worked meanwhile | `pace` |
//! | what a run came to, as answer and as metrics | `report` |
//! | what only several runs can see | `health` |
//!
//! What is due when, and what an answer means, are rules of [`printbell_shared::registration::renewal`].

#![warn(unreachable_pub)]

mod adopt;
mod config;
mod event;
mod health;
mod pace;
mod reapply;
mod rebuild;
mod report;
mod restore;
mod retire;
mod row;
mod run;
mod sweep;
mod turn;

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent};
use printbell_adapters::worker::Worker;
use printbell_adapters::worker::setup::Setup;
use printbell_shared::registration::sweep::Reason;
use serde::Serialize;

use adopt::Adoption;
use config::Config;
use event::{AlarmChange, Event};
use pace::Limits;
use reapply::Forecast;
use rebuild::Rebuilding;
use report::Report;
use restore::Origin;
use retire::Retirement;

/// The function.
pub struct Renewals {
    setup: Setup,
    limits: Limits,
    origin: Option<Origin>,
}

impl Renewals {
    /// The function on AWS; `lookup` reads the environment.
    pub async fn start(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let config = Config::from_env(&lookup)?;
        let setup = Setup::new(config.settings, lookup)?;
        let origin = setup.source().map(|source| Origin {
            source,
            secret: setup.old_secret(&config.old_secret_arn),
        });
        Ok(Self {
            setup,
            limits: config.limits,
            origin,
        })
    }

    /// Does what the event asks for; answers with what it came to.
    pub async fn handle(&self, event: LambdaEvent<Event>) -> Result<impl Serialize, Error> {
        let LambdaEvent { payload, context } = event;
        let worker = Arc::new(self.setup.worker(&context.request_id, context.deadline)?);
        let limits = self.limits;
        // Boxed, because the compiler computes the layout of each, and gives up on all of them in one.
        Ok(match payload {
            Event::Run => {
                let function = &context.env_config.function_name;
                Box::pin(run(worker, limits, self.origin.as_ref(), function)).await?
            }
            Event::Reapply(scope) => sweep_for(&worker, limits, Reason::Reapply(scope)).await?,
            Event::Alarm(AlarmChange::Recovery) => sweep_for(&worker, limits, Reason::Recovery).await?,
            Event::Alarm(AlarmChange::Other) => Summary::Nothing {},
            Event::Retire(retire) => Summary::Retirement(Box::pin(retire::retire(&worker, limits, retire)).await?),
            Event::Rebuild(from) => Summary::Rebuilding(Box::pin(rebuild::rebuild(&worker, from)).await?),
            Event::Adopt(records) => Summary::Adoption(Box::pin(adopt::adopt(worker, limits, records)).await?),
        })
    }
}

/// What an event came to.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Summary {
    Run(Report),
    /// Another run is at it, which does what this one would have done.
    Elsewhere(Elsewhere),
    /// Registrations that are to be applied again.
    Sweep {
        sweep: Forecast,
    },
    /// Of a key.
    Retirement(Retirement),
    /// Nothing was asked for.
    Nothing {},
    Rebuilding(Rebuilding),
    /// Of rows that were written by hand.
    Adoption(Adoption),
}

/// That another run is at it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Elsewhere {
    is_another_run_under_way: bool,
}

/// Asks for a sweep.
async fn sweep_for(worker: &Worker, limits: Limits, reason: Reason) -> Result<Summary, Error> {
    let sweep = Box::pin(reapply::reapply(worker, limits, reason)).await?;
    Ok(Summary::Sweep { sweep })
}

/// A run, its figures logged as metrics. What failed of a restore is its error, once everything else is done.
async fn run(worker: Arc<Worker>, limits: Limits, origin: Option<&Origin>, function: &str) -> Result<Summary, Error> {
    let now = worker.clock.now();
    // Without a key nothing can be renewed: better not to take any lease.
    worker.keys.signing_key(now).await?;
    if !turn::wait(&worker).await? {
        tracing::warn!("another run is under way, and does what this one would have done");
        return Ok(Summary::Elsewhere(Elsewhere {
            is_another_run_under_way: true,
        }));
    }
    let run = run::run(Arc::clone(&worker), limits, origin).await;
    // It is over with the invocation, if nobody can be told now.
    if let Err(error) = worker.table.state.end_run().await {
        tracing::error!("the run's turn can't be given back: {error}");
    }
    let (report, failure) = run?;
    println!("{}", report.to_emf(function, now));
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(Summary::Run(report)),
    }
}

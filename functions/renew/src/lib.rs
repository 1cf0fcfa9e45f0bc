//! Keeps every registration alive: finds those that are due and calls SetNotificationWebhook (or DeleteNotificationWebhook)
//! again, for as long as it takes.
//!
//! | what | where |
//! |---|---|
//! | what the function is invoked with | `event` |
//! | registrations that are to be applied again | `reapply` |
//! | rows that were written by hand | `adopt` |
//! | one run over what is due, and each row of it | `run`, `row` |
//! | how hard OctoEverywhere is worked meanwhile | `pace` |
//! | what a run came to, as answer and as metrics | `report` |
//!
//! What is due when, and what an answer means, are rules of [`printbell_shared::registration::renewal`].

#![warn(unreachable_pub)]

mod adopt;
mod config;
mod event;
mod pace;
mod reapply;
mod report;
mod row;
mod run;

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent};
use printbell_adapters::worker::Worker;
use printbell_adapters::worker::setup::Setup;
use serde::Serialize;

use adopt::Adoption;
use config::Config;
use event::Event;
use pace::Limits;
use reapply::Reapplication;
use report::Report;

/// The function.
pub struct Renewals {
    setup: Setup,
    limits: Limits,
}

impl Renewals {
    /// The function on AWS; `lookup` reads the environment.
    pub async fn start(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let config = Config::from_env(&lookup)?;
        Ok(Self {
            setup: Setup::new(config.settings, lookup)?,
            limits: config.limits,
        })
    }

    /// Does what the event asks for; answers with what it came to.
    pub async fn handle(&self, event: LambdaEvent<Event>) -> Result<impl Serialize, Error> {
        let LambdaEvent { payload, context } = event;
        let worker = Arc::new(self.setup.worker(&context.request_id, context.deadline)?);
        let limits = self.limits;
        // Boxed, because the compiler computes the layout of each, and gives up on all of them in one.
        Ok(match payload {
            Event::Run => Summary::Run(Box::pin(run(worker, limits, &context.env_config.function_name)).await?),
            Event::Reapply(which) => Summary::Reapplication(Box::pin(reapply::reapply(&worker, limits, which)).await?),
            Event::Adopt(records) => Summary::Adoption(Box::pin(adopt::adopt(worker, limits, records)).await?),
        })
    }
}

/// What an event came to.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Summary {
    Run(Report),
    Reapplication(Reapplication),
    /// Of rows that were written by hand.
    Adoption(Adoption),
}

/// A run, its figures logged as metrics.
async fn run(worker: Arc<Worker>, limits: Limits, function: &str) -> Result<Report, Error> {
    let now = worker.clock.now();
    // Without a key nothing can be renewed: better not to take any lease.
    worker.keys.signing_key(now).await?;
    let report = run::run(worker, limits).await?;
    println!("{}", report.to_emf(function, now));
    Ok(report)
}

//! Keeps every registration alive: finds those that are due and calls SetNotificationWebhook (or DeleteNotificationWebhook)
//! again, for as long as it takes.
//!
//! | what | where |
//! |---|---|
//! | what the function is invoked with | [`event`] |
//! | registrations that are to be applied again | [`reapply`] |
//! | rows that were written by hand | [`adopt`] |
//! | one run over what is due, and each row of it | [`run`], [`row`] |
//! | how hard OctoEverywhere is worked meanwhile | [`pace`] |
//! | what a run came to, as answer and as metrics | [`report`] |
//!
//! What is due when, and what an answer means, are rules of [`printbell_shared::renewal`].

pub mod adopt;
pub mod config;
pub mod event;
pub mod pace;
pub mod reapply;
pub mod report;
pub mod row;
pub mod run;

use std::sync::Arc;

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use printbell_shared::aws::NoAws;
use printbell_shared::clock::end_of_invocation;
use printbell_shared::holder::{Holder, Setup};
use serde::Serialize;

use adopt::Adopted;
pub use config::Config;
use event::Event;
use pace::Limits;
use reapply::Reapplied;
use report::Report;

/// The function.
pub struct Renewals {
    setup: Setup,
    limits: Limits,
}

impl Renewals {
    /// The function with this configuration; `lookup` reads what Lambda's own environment says about AWS.
    pub fn new(config: Config, lookup: impl Fn(&'static str) -> Option<String>) -> Result<Self, NoAws> {
        Ok(Self {
            setup: Setup::new(config.settings, lookup)?,
            limits: config.limits,
        })
    }

    /// Does what the event asks for.
    pub async fn handle(&self, event: LambdaEvent<Event>) -> Result<Answer, Error> {
        let LambdaEvent { payload, context } = event;
        let deadline = end_of_invocation(context.deadline, Timestamp::now());
        let holder = Arc::new(self.setup.holder(&context.request_id, deadline)?);
        let limits = self.limits;
        // Boxed, because the compiler computes the layout of each, and gives up on all of them in one.
        Ok(match payload {
            Event::Run => Answer::Run(Box::pin(run(holder, limits, &context.env_config.function_name)).await?),
            Event::Reapply(which) => Answer::Reapplied(Box::pin(reapply::reapply(&holder, limits, which)).await?),
            Event::Adopt(rows) => Answer::Adopted(Box::pin(adopt::adopt(holder, limits, rows)).await?),
        })
    }
}

/// What an event came to.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// A run.
    Run(Report),
    /// A reapplication.
    Reapplied(Reapplied),
    /// Rows that were written by hand.
    Adopted(Adopted),
}

/// A run, its figures logged as metrics.
async fn run(holder: Arc<Holder>, limits: Limits, function: &str) -> Result<Report, Error> {
    let now = holder.clock.now();
    // Without a key nothing can be renewed: better not to take any lease.
    holder.keys.signing_key(now).await?;
    let report = run::run(holder, limits).await?;
    println!("{}", report.to_emf(function, now));
    Ok(report)
}

//! Keeps every registration alive: finds those that are due and calls SetNotificationWebhook (or DeleteNotificationWebhook)
//! again, for as long as it takes.
//!
//! | what | where |
//! |---|---|
//! | what the function is invoked with | [`event`] |
//! | one run over what is due, and each row of it | [`run`], [`row`] |
//! | how hard OctoEverywhere is worked meanwhile | [`pace`] |
//! | what a run came to, as answer and as metrics | [`report`] |
//!
//! What is due when, and what an answer means, are rules of [`printbell_shared::renewal`].

pub mod config;
pub mod event;
pub mod pace;
pub mod report;
pub mod row;
pub mod run;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use printbell_shared::aws::NoAws;
use printbell_shared::holder::{Holder, Setup};

pub use config::Config;
use event::Event;
use pace::Limits;
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
    pub async fn handle(&self, event: LambdaEvent<Event>) -> Result<Report, Error> {
        let LambdaEvent { payload, context } = event;
        let deadline = Timestamp::UNIX_EPOCH.checked_add(Duration::from_millis(context.deadline))?;
        let holder = Arc::new(self.setup.holder(&context.request_id, deadline)?);
        match payload {
            Event::Run => Box::pin(self.run(holder, &context.env_config.function_name)).await,
        }
    }

    async fn run(&self, holder: Arc<Holder>, function: &str) -> Result<Report, Error> {
        let now = holder.clock.now();
        holder.keys.warm_up(now).await?;
        let report = run::run(holder, self.limits).await?;
        println!("{}", report.to_emf(function, now));
        Ok(report)
    }
}

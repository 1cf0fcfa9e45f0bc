//! Renews the registrations that are due.

use lambda_runtime::{Error, service_fn};
use printbell_adapters::start::Start;
use printbell_adapters::{environment, logging};
use printbell_renew::Renewals;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let start = Start::now();
    logging::start(environment::variable);
    let renewals = Renewals::start(environment::variable).await?;
    start.ready();
    lambda_runtime::run(service_fn(|event| renewals.handle(event))).await
}

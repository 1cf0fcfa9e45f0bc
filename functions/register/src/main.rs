//! The registrations API.

use lambda_runtime::{Error, service_fn};
use printbell_adapters::start::Start;
use printbell_adapters::{environment, logging};
use printbell_register::Registrations;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let start = Start::now();
    logging::start(environment::variable);
    let registrations = Registrations::start(environment::variable).await?;
    start.ready();
    lambda_runtime::run(service_fn(|event| registrations.handle(event))).await
}

//! The registrations API.

use lambda_runtime::{Error, service_fn};
use printbell_adapters::environment;
use printbell_adapters::start::Start;
use printbell_register::Registrations;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let start = Start::now();
    lambda_runtime::tracing::init_default_subscriber();
    let registrations = Registrations::start(environment::variable).await?;
    start.ready();
    lambda_runtime::run(service_fn(|event| registrations.handle(event))).await
}

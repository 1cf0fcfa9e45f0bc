//! The registrations API.

use lambda_runtime::{Error, service_fn};
use printbell_adapters::environment;
use printbell_register::Registrations;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let registrations = Registrations::start(environment::variable).await?;
    lambda_runtime::run(service_fn(|event| registrations.handle(event))).await
}

//! Publishes what waited in the fallback queue.

use lambda_runtime::{Error, service_fn};
use printbell_adapters::start::Start;
use printbell_adapters::{environment, logging};
use printbell_redrive::Redrive;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let start = Start::now();
    logging::start(environment::variable);
    let redrive = Redrive::start(environment::variable).await?;
    start.ready();
    lambda_runtime::run(service_fn(|event| redrive.work_off(event))).await
}

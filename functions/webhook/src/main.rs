//! Receives OctoEverywhere's callback and publishes it to SNS.

use lambda_runtime::{Error, service_fn};
use printbell_adapters::start::Start;
use printbell_adapters::{environment, logging};
use printbell_webhook::Receiver;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let start = Start::now();
    logging::start(environment::variable);
    let receiver = Receiver::start(environment::variable).await?;
    start.ready();
    lambda_runtime::run(service_fn(|event| receiver.receive(event))).await
}

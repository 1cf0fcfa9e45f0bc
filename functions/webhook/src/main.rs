//! Receives OctoEverywhere's callback and publishes it to SNS.

use lambda_runtime::{Error, service_fn};
use printbell_webhook::{Config, Receiver};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let environment = |name: &str| std::env::var(name).ok();
    let receiver = Receiver::start(Config::from_env(environment)?, environment).await?;
    lambda_runtime::run(service_fn(|event| receiver.receive(event))).await
}

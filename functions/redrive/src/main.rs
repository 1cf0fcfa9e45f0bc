//! Publishes what waited in the fallback queue.

use lambda_runtime::{Error, service_fn};
use printbell_redrive::{Config, Redrive};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let environment = |name: &str| std::env::var(name).ok();
    let redrive = Redrive::start(Config::from_env(environment)?, environment)?;
    lambda_runtime::run(service_fn(|event| redrive.work_off(event))).await
}

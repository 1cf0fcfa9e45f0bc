//! Renews the registrations that are due.

use lambda_runtime::{Error, service_fn};
use printbell_renew::{Config, Renewals};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let config = Config::from_env(|name| std::env::var(name).ok())?;
    let renewals = Renewals::new(config, |name| std::env::var(name).ok())?;
    lambda_runtime::run(service_fn(|event| renewals.handle(event))).await
}

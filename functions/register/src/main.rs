//! The registrations API.

use lambda_http::{Error, service_fn};
use printbell_register::{Config, Registrations};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let config = Config::from_env(|name| std::env::var(name).ok())?;
    let registrations = Registrations::new(config, |name| std::env::var(name).ok())?;
    lambda_http::run(service_fn(|request| registrations.handle(request))).await
}

//! The function's configuration.

use printbell_adapters::environment::{Environment, InvalidEnvironment};
use printbell_adapters::worker::setup::Settings;

/// What the environment says.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where everything is.
    pub settings: Settings,
}

impl Config {
    /// Reads the environment; names everything that is missing or wrong at once.
    pub(crate) fn from_env(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, InvalidEnvironment> {
        let environment = Environment::new(lookup);
        let config = Self {
            settings: Settings::read(&environment),
        };
        environment.finish(config)
    }
}

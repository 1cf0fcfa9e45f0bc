//! What the template sets.

use printbell_adapters::clock::Clock;
use printbell_adapters::environment::{Environment, InvalidEnvironment};

/// The function's configuration.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where what waited is published.
    pub topic_arn: String,
    /// Where it waited.
    pub fallback_queue_url: String,
    /// Where goes what needs a person.
    pub dead_letter_queue_url: String,
    /// The secret that signs the callback tokens.
    pub callback_secret_arn: String,
    /// The secret of the stack whose registrations are taken over; empty: there is none.
    pub old_secret_arn: String,
    /// The time.
    pub clock: Clock,
}

impl Config {
    /// Reads the configuration, or says everything that is missing or wrong.
    pub(crate) fn from_env(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, InvalidEnvironment> {
        let environment = Environment::new(lookup);
        let config = Self {
            topic_arn: environment.required("TOPIC_ARN"),
            fallback_queue_url: environment.required("FALLBACK_QUEUE_URL"),
            dead_letter_queue_url: environment.required("DEAD_LETTER_QUEUE_URL"),
            callback_secret_arn: environment.required("CALLBACK_SECRET_ARN"),
            old_secret_arn: environment.optional("RESTORE_SECRET_ARN", String::new()),
            clock: environment.clock(),
        };
        environment.finish(config)
    }
}

//! The function's configuration.

use printbell_adapters::environment::{Environment, InvalidEnvironment};
use printbell_adapters::worker::setup::Settings;

use crate::pace::Limits;

/// What the environment says.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where everything is.
    pub settings: Settings,
    /// How hard OctoEverywhere may be worked.
    pub limits: Limits,
    /// The secret of the stack whose registrations are taken over; empty: there is none.
    pub old_secret_arn: String,
}

impl Config {
    /// Reads the environment; names everything that is missing or wrong at once.
    pub(crate) fn from_env(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, InvalidEnvironment> {
        let environment = Environment::new(lookup);
        let config = Self {
            settings: Settings::read(&environment),
            limits: Limits {
                in_flight: environment.optional("MAX_CALLS_IN_FLIGHT", Limits::DEFAULT.in_flight),
                per_second: environment.optional("MAX_CALLS_PER_SECOND", Limits::DEFAULT.per_second),
            },
            old_secret_arn: environment.optional("RESTORE_SECRET_ARN", String::new()),
        };
        environment.finish(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_s_environment_is_enough_and_faults_are_named() {
        let template = |name: &str| {
            let value = match name {
                "TABLE_NAME" => "registrations",
                "STATE_TABLE_NAME" => "state",
                "TOPIC_ARN" => "arn:aws:sns:eu-central-1:123456789012:topic",
                "CALLBACK_SECRET_ARN" => "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key",
                "OCTOEVERYWHERE_URL" => "https://octoeverywhere.com",
                "PUBLIC_URL" => "https://bell.example.com",
                "RENEWAL_CYCLE_DAYS" => "30",
                "MAX_CALLS_IN_FLIGHT" => "32",
                "MAX_CALLS_PER_SECOND" => "20",
                _ => return None,
            };
            Some(value.to_owned())
        };
        assert_eq!(Config::from_env(&template).unwrap().limits, Limits::DEFAULT);
        let wrong = |name: &str| match name {
            "OCTOEVERYWHERE_URL" => Some("octoeverywhere.com".to_owned()),
            "PUBLIC_URL" => Some("http://bell.example.com".to_owned()),
            "RENEWAL_CYCLE_DAYS" => Some("121".to_owned()),
            "MAX_CALLS_IN_FLIGHT" => Some("0".to_owned()),
            "TABLE_NAME" => None,
            name => template(name),
        };
        let InvalidEnvironment(faults) = Config::from_env(&wrong).unwrap_err();
        assert_eq!(
            faults,
            [
                "TABLE_NAME is missing",
                "OCTOEVERYWHERE_URL is not valid: it must be an http(s):// URL without a query",
                "PUBLIC_URL is not valid: it must be an https:// URL without a query",
                "RENEWAL_CYCLE_DAYS is not valid: it must be a whole number of days from 7 to 120",
                "MAX_CALLS_IN_FLIGHT is not valid: number would be zero for non-zero type",
            ]
        );
    }
}

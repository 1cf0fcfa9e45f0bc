//! Reads the keys from Secrets Manager.

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use printbell_shared::callback::key::CallbackKey;
use printbell_shared::callback::keys::{CallbackKeys, Previous};

use crate::aws::explain;
use crate::key_ring::{KeySource, KeysUnavailable, Versions};

/// The least that is accepted for a key, in bytes: an empty or toy secret would make every token guessable.
const SHORTEST_KEY: usize = 16;

/// The callback secret in Secrets Manager.
pub struct CallbackSecret {
    client: Client,
    arn: String,
}

impl CallbackSecret {
    /// The secret `arn`, read in at most 2 s: whoever waits for it has other things to do in the time that is left.
    pub fn new(aws: &SdkConfig, arn: String) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(Duration::from_secs(1))
            .operation_timeout(Duration::from_secs(2));
        let config = aws_sdk_secretsmanager::config::Builder::from(aws)
            .timeout_config(timeouts.build())
            .retry_config(RetryConfig::standard().with_max_attempts(2));
        Self {
            client: Client::from_conf(config.build()),
            arn,
        }
    }

    /// The key that one version holds, and when it was made; `None` where there is no such version.
    async fn version(&self, stage: &str) -> Result<Option<(CallbackKey, Timestamp)>, KeysUnavailable> {
        let request = self.client.get_secret_value().secret_id(&self.arn).version_stage(stage);
        let secret = match request.send().await {
            Ok(secret) => secret,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(KeysUnavailable::Unreachable(explain(&error))),
        };
        let id = secret.version_id.unwrap_or_default();
        let text = SecretString::from(secret.secret_string.unwrap_or_default());
        if id.is_empty() || text.expose_secret().len() < SHORTEST_KEY {
            return Err(KeysUnavailable::Unusable(if id.is_empty() {
                stage.to_owned()
            } else {
                id
            }));
        }
        let since = secret.created_date.and_then(|at| Timestamp::new(at.secs(), 0).ok());
        Ok(Some((
            CallbackKey::new(&id, &text),
            since.unwrap_or(Timestamp::UNIX_EPOCH),
        )))
    }
}

impl KeySource for CallbackSecret {
    async fn fetch(&self, versions: Versions) -> Result<CallbackKeys, KeysUnavailable> {
        let previous = async {
            match versions {
                Versions::Current => Ok(Previous::Unread),
                Versions::Both => {
                    let previous = self.version("AWSPREVIOUS").await?;
                    Ok(previous.map_or(Previous::None, |(key, _)| Previous::Key(key)))
                }
            }
        };
        let (current, previous) = tokio::join!(self.version("AWSCURRENT"), previous);
        let (current, current_since) =
            current?.ok_or_else(|| KeysUnavailable::Unreachable("there is no secret with that ARN".into()))?;
        // Going on without the previous key would refuse tokens that are good: so a failure to read it fails the whole.
        Ok(CallbackKeys::new(current, current_since, previous?))
    }
}

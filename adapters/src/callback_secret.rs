//! Reads the keys from Secrets Manager, and labels them there.

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use secrecy::{ExposeSecret as _, SecretString};

use printbell_shared::callback::key::{CallbackKey, VersionId};
use printbell_shared::callback::keys::Listing;

use crate::aws::explain;
use crate::key_ring::{KeySource, KeysUnavailable, Version, no_current};
use crate::signing_keys::{LabelError, Labels};

/// The least that is accepted for a key, in bytes: an empty or toy secret would make every token guessable.
const SHORTEST_KEY: usize = 16;

/// What a second attempt waits for at most. A first one that breaks at once, on a connection that died while the process was
/// frozen, must leave time for the second within a callback's second.
const BACKOFF: Duration = Duration::from_millis(50);

/// The callback secret in Secrets Manager.
pub struct CallbackSecret {
    client: Client,
    arn: String,
}

/// What Secrets Manager says of the secret.
pub(crate) enum Description {
    /// There is none.
    Absent,
    /// There is one.
    Present {
        /// Whether it is waiting to be deleted: its versions are there, and nobody may read them.
        is_deleted: bool,
        /// Its versions; `None` if none is current.
        listing: Option<Listing>,
    },
}

impl CallbackSecret {
    /// The secret `arn`, each call to it answered in at most 2 s: whoever waits for it has other things to do in the time that
    /// is left.
    pub fn new(aws: &SdkConfig, arn: String) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(Duration::from_secs(1))
            .operation_timeout(Duration::from_secs(2));
        let retries = RetryConfig::standard().with_max_attempts(2);
        let config = aws_sdk_secretsmanager::config::Builder::from(aws)
            .timeout_config(timeouts.build())
            .retry_config(retries.with_initial_backoff(BACKOFF));
        Self {
            client: Client::from_conf(config.build()),
            arn,
        }
    }

    /// What there is of it.
    pub(crate) async fn describe(&self) -> Result<Description, KeysUnavailable> {
        let secret = match self.client.describe_secret().secret_id(&self.arn).send().await {
            Ok(secret) => secret,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                return Ok(Description::Absent);
            }
            Err(error) => return Err(KeysUnavailable::Unreachable(explain(&error))),
        };
        let versions = secret.version_ids_to_stages.unwrap_or_default();
        let labelled = versions.iter().map(|(id, labels)| (id.as_str(), labels.as_slice()));
        Ok(Description::Present {
            is_deleted: secret.deleted_date.is_some(),
            listing: Listing::new(labelled),
        })
    }
}

impl KeySource for CallbackSecret {
    async fn list(&self) -> Result<Listing, KeysUnavailable> {
        match self.describe().await? {
            Description::Present {
                listing: Some(listing), ..
            } => Ok(listing),
            Description::Absent | Description::Present { .. } => Err(no_current()),
        }
    }

    async fn key(&self, version: Version<'_>) -> Result<Option<CallbackKey>, KeysUnavailable> {
        let request = self.client.get_secret_value().secret_id(&self.arn);
        let request = match version {
            Version::Current => request.version_stage("AWSCURRENT"),
            Version::Id(id) => request.version_id(id.as_str()),
        };
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
        if text.expose_secret().len() < SHORTEST_KEY {
            return Err(KeysUnavailable::Unusable(id));
        }
        Ok(Some(CallbackKey::new(&id, &text)))
    }
}

impl Labels for CallbackSecret {
    fn arn(&self) -> &str {
        &self.arn
    }

    async fn label(&self, version: &VersionId) -> Result<(), LabelError> {
        let request = self.client.update_secret_version_stage().secret_id(&self.arn);
        let request = request
            .version_stage(version.label())
            .move_to_version_id(version.as_str());
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                Err(LabelError::Gone)
            }
            Err(error) => Err(LabelError::Failed(explain(&error))),
        }
    }

    async fn unlabel(&self, version: &VersionId) -> Result<(), LabelError> {
        let request = self.client.update_secret_version_stage().secret_id(&self.arn);
        let request = request
            .version_stage(version.label())
            .remove_from_version_id(version.as_str());
        let response = request.send().await;
        response.map(drop).map_err(|error| LabelError::Failed(explain(&error)))
    }
}

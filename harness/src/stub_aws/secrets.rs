//! Secrets Manager: one secret with its versions and stages.

use serde_json::{Value, json};

use super::{Service, StubResponse};
use crate::fixtures::SigningKey;

/// A version of the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretVersion {
    /// Its id, a UUID.
    pub id: String,
    /// What it holds.
    pub secret: String,
}

/// The secret: whatever name it is asked for by.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// Stage `AWSCURRENT`.
    pub current: Option<SecretVersion>,
    /// Stage `AWSPREVIOUS`.
    pub previous: Option<SecretVersion>,
}

impl Secrets {
    /// Makes this the current version, and the one that was it the previous one.
    pub fn rotate(&mut self, key: &SigningKey) {
        self.previous = self.current.replace(SecretVersion {
            id: key.version_id.to_owned(),
            secret: key.secret.to_owned(),
        });
    }
}

pub(super) fn work(secrets: &Secrets, action: &str, body: &[u8]) -> StubResponse {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    if action != "GetSecretValue" {
        return StubResponse::error(
            Service::SecretsManager,
            400,
            "UnknownOperationException",
            "the stub only reads",
        );
    }
    let staged = [(&secrets.current, "AWSCURRENT"), (&secrets.previous, "AWSPREVIOUS")];
    let mut staged = staged
        .into_iter()
        .filter_map(|(version, stage)| Some((version.as_ref()?, stage)));
    let version = match (request["VersionId"].as_str(), request["VersionStage"].as_str()) {
        (Some(id), _) => staged.find(|(version, _)| version.id == id),
        (None, stage) => staged.find(|(_, other)| *other == stage.unwrap_or("AWSCURRENT")),
    };
    match version {
        Some((version, stage)) => StubResponse::json(&json!({
            "ARN": request["SecretId"],
            "Name": "callback-key",
            "CreatedDate": 1_795_000_000.0,
            "VersionId": version.id,
            "SecretString": version.secret,
            "VersionStages": [stage],
        })),
        None => StubResponse::error(
            Service::SecretsManager,
            400,
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret value for staging label.",
        ),
    }
}

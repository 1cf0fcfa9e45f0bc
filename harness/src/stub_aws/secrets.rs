//! Secrets Manager: one secret with its versions and their labels.

use serde_json::{Value, json};

use super::{Behaviour, Service, StubResponse};
use crate::fixtures::SigningKey;

/// When everything about the secret happened, in seconds since 1970.
const CREATED: f64 = 1_795_000_000.0;

/// A version of the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretVersion {
    /// Its id, a UUID.
    pub id: String,
    /// What it holds.
    pub secret: String,
    /// Its labels, such as `AWSCURRENT`. Without one it is gone.
    pub stages: Vec<String>,
    /// How the service behaves when this one is read, if it behaves well otherwise.
    pub behaviour: Behaviour,
}

/// The secret: whatever name it is asked for by.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// Its versions, the oldest first.
    pub versions: Vec<SecretVersion>,
}

impl Secrets {
    /// Makes this the current version, and the one that was it the previous one.
    pub fn rotate(&mut self, key: &SigningKey) {
        for version in &mut self.versions {
            version.stages.retain(|stage| stage != "AWSPREVIOUS");
            let current = version.stages.iter_mut().find(|stage| *stage == "AWSCURRENT");
            if let Some(stage) = current {
                "AWSPREVIOUS".clone_into(stage);
            }
        }
        self.versions.retain(|version| !version.stages.is_empty());
        self.versions.push(SecretVersion {
            id: key.version_id.to_owned(),
            secret: key.secret.to_owned(),
            stages: vec!["AWSCURRENT".to_owned()],
            behaviour: Behaviour::Ok,
        });
    }

    /// From now on, reading this version meets this behaviour.
    ///
    /// # Panics
    /// When there is none of this id.
    #[expect(clippy::expect_used, reason = "for tests, which have to be told")]
    pub fn set(&mut self, key: &SigningKey, behaviour: Behaviour) {
        let version = self.versions.iter_mut().find(|version| version.id == key.version_id);
        version.expect("a version of this id").behaviour = behaviour;
    }

    /// How the service behaves to a request.
    pub(super) fn behaviour(&self, action: &str, body: &[u8]) -> Behaviour {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let version = (action == "GetSecretValue").then(|| self.find(&request)).flatten();
        version.map_or(Behaviour::Ok, |version| version.behaviour)
    }

    fn find(&self, request: &Value) -> Option<&SecretVersion> {
        let (id, stage) = (request["VersionId"].as_str(), request["VersionStage"].as_str());
        let stage = stage.or_else(|| id.is_none().then_some("AWSCURRENT"));
        self.versions.iter().find(|version| {
            id.is_none_or(|id| version.id == id)
                && stage.is_none_or(|stage| version.stages.iter().any(|other| other == stage))
        })
    }
}

pub(super) fn work(secrets: &Secrets, action: &str, body: &[u8]) -> StubResponse {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    match action {
        "DescribeSecret" if !secrets.versions.is_empty() => {
            let stages = |version: &SecretVersion| (version.id.clone(), json!(version.stages));
            let stages: serde_json::Map<_, _> = secrets.versions.iter().map(stages).collect();
            StubResponse::json(&json!({
                "ARN": request["SecretId"],
                "Name": "callback-key",
                "CreatedDate": CREATED,
                "LastChangedDate": CREATED,
                "VersionIdsToStages": stages,
            }))
        }
        "GetSecretValue" => match secrets.find(&request) {
            Some(version) => StubResponse::json(&json!({
                "ARN": request["SecretId"],
                "Name": "callback-key",
                "CreatedDate": CREATED,
                "VersionId": version.id,
                "SecretString": version.secret,
                "VersionStages": version.stages,
            })),
            None => not_found("Secrets Manager can't find the specified secret value."),
        },
        "DescribeSecret" => not_found("Secrets Manager can't find the specified secret."),
        _ => StubResponse::error(
            Service::SecretsManager,
            400,
            "UnknownOperationException",
            "the stub only reads",
        ),
    }
}

fn not_found(message: &str) -> StubResponse {
    StubResponse::error(Service::SecretsManager, 400, "ResourceNotFoundException", message)
}

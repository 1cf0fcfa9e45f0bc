//! Secrets Manager: secrets with their versions and labels, as AWS documents them: one version bears a label, all bear 20
//! of them together, and a version without any is gone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Behaviour, Service, StubResponse};
use crate::fixtures::SigningKey;

/// When everything about the secret happened, in seconds since 1970.
const CREATED: f64 = 1_795_000_000.0;

/// How many labels the versions of a secret bear together at the most (AWS: "Secrets Manager quotas").
pub const MOST_LABELS: usize = 20;

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

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

/// A secret.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// Its versions, the oldest first.
    pub versions: Vec<SecretVersion>,
    /// Whether a rotation takes away what labels the version bore that was current until then, which is contested of AWS.
    pub loses_labels: bool,
    /// Whether it is waiting to be deleted: it is described, and nobody may read it.
    pub is_deleted: bool,
    /// How the service behaves when it is about this secret.
    pub behaviour: Behaviour,
}

/// All secrets: those that a test has made by their ARNs, and one for every other name.
#[derive(Default)]
pub(super) struct Vault {
    pub any: Secrets,
    pub others: BTreeMap<String, Secrets>,
}

impl Vault {
    /// The secret that a request is about.
    pub(super) fn of(&mut self, body: &[u8]) -> &mut Secrets {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let other = request["SecretId"].as_str().and_then(|id| self.others.get_mut(id));
        other.unwrap_or(&mut self.any)
    }
}

/// Why a label isn't moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelRefusal {
    /// There is no such version.
    NotFound,
    /// It is elsewhere, or that version doesn't bear it.
    Elsewhere,
    /// It would be the 21st.
    LimitExceeded,
}

impl Secrets {
    /// Makes this the current version, and the one that was it the previous one.
    pub fn rotate(&mut self, key: &SigningKey) {
        self.put(key.version_id, key.secret);
    }

    /// The same, by the version's id and what it holds.
    pub fn put(&mut self, id: &str, secret: &str) {
        for version in &mut self.versions {
            version.stages.retain(|stage| stage != PREVIOUS);
            if version.bears(CURRENT) {
                let loses_labels = self.loses_labels;
                version.stages.retain(|stage| stage != CURRENT && !loses_labels);
                version.stages.push(PREVIOUS.to_owned());
            }
        }
        self.versions.push(SecretVersion {
            id: id.to_owned(),
            secret: secret.to_owned(),
            stages: vec![CURRENT.to_owned()],
            behaviour: Behaviour::Ok,
        });
        self.forget();
    }

    /// Sets the label that Printbell sets, as if it had been there for long.
    ///
    /// # Panics
    /// When there is no such version, or there are 20 labels.
    #[expect(clippy::expect_used, reason = "for tests, which have to be told")]
    pub fn label(&mut self, key: &SigningKey) {
        let label = format!("printbell-{}", key.key_id());
        self.move_label(&label, Some(key.version_id), None)
            .expect("a label that can be set");
    }

    /// Takes that label away, as a retirement does.
    ///
    /// # Panics
    /// When the version doesn't bear it.
    #[expect(clippy::expect_used, reason = "for tests, which have to be told")]
    pub fn retire(&mut self, key: &SigningKey) {
        let label = format!("printbell-{}", key.key_id());
        self.move_label(&label, None, Some(key.version_id))
            .expect("a label that can be taken away");
    }

    /// Moves a label to a version, or from one, or from one to another.
    ///
    /// # Errors
    /// When AWS would refuse it.
    pub fn move_label(&mut self, label: &str, to: Option<&str>, from: Option<&str>) -> Result<(), LabelRefusal> {
        let exists = |id: &str| self.versions.iter().any(|version| version.id == id);
        if ![to, from].into_iter().flatten().all(exists) {
            return Err(LabelRefusal::NotFound);
        }
        let bearer = self
            .versions
            .iter()
            .find(|version| version.bears(label))
            .map(|version| version.id.as_str());
        let is_there = to.is_some() && bearer == to;
        if bearer != from && !is_there {
            return Err(LabelRefusal::Elsewhere);
        }
        if bearer.is_none() && self.label_count() == MOST_LABELS {
            return Err(LabelRefusal::LimitExceeded);
        }
        for version in &mut self.versions {
            if Some(version.id.as_str()) == to && !is_there {
                version.stages.push(label.to_owned());
            } else if Some(version.id.as_str()) != to {
                version.stages.retain(|stage| stage != label);
            }
        }
        self.forget();
        Ok(())
    }

    /// How many labels the versions bear together.
    pub fn label_count(&self) -> usize {
        self.versions.iter().map(|version| version.stages.len()).sum()
    }

    fn forget(&mut self) {
        self.versions.retain(|version| !version.stages.is_empty());
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
        if self.behaviour != Behaviour::Ok {
            return self.behaviour;
        }
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let version = (action == "GetSecretValue").then(|| self.find(&request)).flatten();
        version.map_or(Behaviour::Ok, |version| version.behaviour)
    }

    fn find(&self, request: &Value) -> Option<&SecretVersion> {
        let (id, stage) = (request["VersionId"].as_str(), request["VersionStage"].as_str());
        let stage = stage.or_else(|| id.is_none().then_some(CURRENT));
        self.versions
            .iter()
            .find(|version| id.is_none_or(|id| version.id == id) && stage.is_none_or(|stage| version.bears(stage)))
    }
}

impl SecretVersion {
    fn bears(&self, label: &str) -> bool {
        self.stages.iter().any(|stage| stage == label)
    }
}

pub(super) fn work(secrets: &mut Secrets, action: &str, body: &[u8]) -> StubResponse {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    match action {
        "DescribeSecret" if !secrets.versions.is_empty() => {
            let stages = |version: &SecretVersion| (version.id.clone(), json!(version.stages));
            let stages: serde_json::Map<_, _> = secrets.versions.iter().map(stages).collect();
            let mut secret = json!({
                "ARN": request["SecretId"],
                "Name": "callback-key",
                "CreatedDate": CREATED,
                "LastChangedDate": CREATED,
                "VersionIdsToStages": stages,
            });
            if secrets.is_deleted {
                secret["DeletedDate"] = CREATED.into();
            }
            StubResponse::json(&secret)
        }
        _ if secrets.is_deleted => refusal(
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
        ),
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
        "UpdateSecretVersionStage" => {
            let text = |name: &str| request[name].as_str();
            let label = text("VersionStage").unwrap_or_default();
            match secrets.move_label(label, text("MoveToVersionId"), text("RemoveFromVersionId")) {
                Ok(()) => StubResponse::json(&json!({"ARN": request["SecretId"], "Name": "callback-key"})),
                Err(LabelRefusal::NotFound) => not_found("Secrets Manager can't find the specified secret version."),
                Err(LabelRefusal::Elsewhere) => refusal(
                    "InvalidParameterException",
                    "The staging label is attached to another version, or to none.",
                ),
                Err(LabelRefusal::LimitExceeded) => refusal(
                    "LimitExceededException",
                    "There are 20 staging labels attached to the secret's versions.",
                ),
            }
        }
        _ => refusal("UnknownOperationException", "the stub doesn't do that"),
    }
}

fn not_found(message: &str) -> StubResponse {
    refusal("ResourceNotFoundException", message)
}

fn refusal(code: &str, message: &str) -> StubResponse {
    StubResponse::error(Service::SecretsManager, 400, code, message)
}

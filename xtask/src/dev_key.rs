//! Puts the published development key into a local stack.

use anyhow::{Result, ensure};
use printbell_harness::aws::Aws;
use printbell_harness::dev_key::KEY;
use serde_json::json;

/// Makes it the only key of a stack on this machine. The generated one loses its label and is gone: the only version is signed with
/// at once, any other has to wait for two minutes.
///
/// # Errors
/// When the endpoint isn't on this machine, before anything is sent to it.
pub async fn install(aws: &Aws, endpoint: &str, secret: &str) -> Result<()> {
    ensure!(
        endpoint.starts_with("http://127.0.0.1:"),
        "the published development key must not get into a stack that isn't on this machine ({endpoint})"
    );
    let version = json!({"SecretId": secret, "SecretString": KEY.secret, "ClientRequestToken": KEY.version_id});
    let generated = aws.secrets("GetSecretValue", &json!({"SecretId": secret})).await?;
    aws.secrets("PutSecretValue", &version).await?;
    let label =
        json!({"SecretId": secret, "VersionStage": "AWSPREVIOUS", "RemoveFromVersionId": generated["VersionId"]});
    aws.secrets("UpdateSecretVersionStage", &label).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use printbell_harness::aws::Credentials;

    use super::*;

    #[tokio::test]
    async fn it_never_leaves_this_machine() {
        let somebody = Credentials {
            access_key_id: "a".to_owned(),
            secret_access_key: "b".to_owned(),
            session_token: None,
        };
        for endpoint in [
            "https://secretsmanager.us-east-1.amazonaws.com",
            "http://127.0.0.1.example.com:80",
            "http://10.0.0.1:4566",
        ] {
            let aws = Aws::new(endpoint, "us-east-1", somebody.clone());
            let error = install(&aws, endpoint, "secret").await.unwrap_err().to_string();
            assert!(
                error.contains("must not get into a stack that isn't on this machine"),
                "{error}"
            );
        }
    }
}

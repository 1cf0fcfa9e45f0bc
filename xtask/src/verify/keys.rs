//! The callback secret through a rotation, and the key that what is at rest is encrypted under.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::Verification;
use super::account::{soon, within};
use super::report::Report;

/// How the labels of versions begin that are signed with.
const LABEL: &str = "printbell-";
/// IAM takes some seconds to know a new role everywhere.
const KNOWN_EVERYWHERE: std::time::Duration = std::time::Duration::from_secs(90);

impl Verification<'_> {
    pub(super) async fn check_keys(&self, report: &mut Report, rotate: bool) {
        let remedy = "docs/runbook.md#tokens-refused";
        if rotate {
            report
                .check("A rotation of the callback secret", remedy, self.labels_survive())
                .await;
        }
        let title = "The table and the secret, to somebody without kms:Decrypt";
        if self.account.is_aws {
            let remedy = "Whoever may read the table or the secret reads what is in it: the key's policy must let nobody in by itself (docs/decisions/0070)";
            report.check(title, remedy, self.key_is_needed()).await;
        } else {
            report.only_aws(title);
        }
    }

    /// The labels of the secret's versions, by their ids.
    async fn labels(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let secret = ["--secret-id", self.stack.outputs.callback_secret_arn.as_str()];
        let described = self.account.aws("secretsmanager", "describe-secret", &secret).await?;
        Ok(serde_json::from_value(described["VersionIdsToStages"].clone())?)
    }

    /// A new current version. Those before keep our labels, so what they signed is taken. The current one may be without, while it isn't
    /// signed with yet.
    async fn labels_survive(&self) -> Result<String> {
        let before = self.labels().await?;
        let ours = |labels: &[String]| labels.iter().any(|label| label.starts_with(LABEL));
        let signing: Vec<_> = before
            .iter()
            .filter(|(_, labels)| ours(labels))
            .map(|(id, _)| id)
            .collect();
        let Some(id) = signing.first() else {
            bail!("no version bears a label of ours, although renew has been run");
        };
        let old = self.key_of(&["--version-id", id]).await?;
        let password = ["--password-length", "64", "--exclude-punctuation"];
        let random = self
            .account
            .aws("secretsmanager", "get-random-password", &password)
            .await?;
        let secret = random["RandomPassword"].as_str().context("no random password")?;
        let put = json!({"SecretId": self.stack.outputs.callback_secret_arn, "SecretString": secret});
        let put = self
            .account
            .aws_with("secretsmanager", "put-secret-value", &put)
            .await?;
        let labels = self.labels().await?;
        for id in &signing {
            let kept = labels.get(*id).is_some_and(|labels| ours(labels));
            ensure!(kept, "{id} has lost its label: {labels:?}");
        }
        let current = put["VersionId"].as_str().and_then(|id| labels.get(id));
        let is_current = current.is_some_and(|labels| labels.contains(&"AWSCURRENT".to_owned()));
        ensure!(is_current, "the new version isn't current: {labels:?}");
        let (status, _) = self.call_back(&self.stack.outputs.api_url, &old).await?;
        ensure!(status == 200, "what {id} signed was answered {status}");
        let count = labels.values().map(Vec::len).sum::<usize>();
        Ok(format!(
            "what was signed before is taken, {} labels of ours were kept, and {count} of 20 are in use",
            signing.len()
        ))
    }

    /// A role that may read the table, its index and the secret in every way, and not use the key.
    async fn key_is_needed(&self) -> Result<String> {
        let table = ["--table-name", self.stack.outputs.table_name.as_str()];
        let secret = ["--secret-id", self.stack.outputs.callback_secret_arn.as_str()];
        let described = self.account.aws("dynamodb", "describe-table", &table).await?;
        let arn = described["Table"]["TableArn"]
            .as_str()
            .context("a table without an ARN")?;
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {
                "Effect": "Allow", "Resource": [arn, format!("{arn}/index/*")],
                "Action": ["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"],
            },
            {
                "Effect": "Allow", "Resource": self.stack.outputs.callback_secret_arn,
                "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
            },
        ]});
        let role = self.belongings.role(&policy).await?;
        let session = soon("a session of the new role", async || {
            let arguments = ["--role-arn", role.as_str(), "--role-session-name", "verify-aws"];
            Ok(self.account.aws("sts", "assume-role", &arguments).await.ok())
        });
        let session = session.await?;
        let part = |name: &str| session["Credentials"][name].as_str().unwrap_or_default().to_owned();
        let keys = [part("AccessKeyId"), part("SecretAccessKey"), part("SessionToken")];
        let environment = [
            ("AWS_ACCESS_KEY_ID", keys[0].as_str()),
            ("AWS_SECRET_ACCESS_KEY", &keys[1]),
            ("AWS_SESSION_TOKEN", &keys[2]),
            ("AWS_PROFILE", ""),
        ];
        let calls = async |service: &str, operation: &str, which: &[&str], more: &[&str]| -> Result<Value> {
            let arguments = [which, more].concat();
            self.account.aws_as(&environment, service, operation, &arguments).await
        };
        // Denied for want of the policy would look the same.
        within(KNOWN_EVERYWHERE, "the role's policy being known", async || {
            let table = calls("dynamodb", "describe-table", &table, &[]).await;
            let secret = calls("secretsmanager", "describe-secret", &secret, &[]).await;
            Ok(table.and(secret).ok())
        })
        .await?;
        let key = r#"{"tenantId":{"S":"printbell-verify-aws"},"printerRef":{"S":"nobody"}}"#;
        let tenant = r#"{":tenant":{"S":"printbell-verify-aws"}}"#;
        let of_tenant = [
            "--key-condition-expression",
            "tenantId = :tenant",
            "--expression-attribute-values",
            tenant,
        ];
        let count = ["--limit", "1", "--select", "COUNT"];
        let reads = [
            ("dynamodb", "scan", &table, &count[..]),
            ("dynamodb", "scan", &table, &["--index-name", "due", "--limit", "1"]),
            ("dynamodb", "query", &table, &of_tenant),
            ("dynamodb", "get-item", &table, &["--key", key]),
            // What is printed goes nowhere.
            ("secretsmanager", "get-secret-value", &secret, &["--query", "VersionId"]),
        ];
        for (service, operation, which, more) in reads {
            match calls(service, operation, which, more).await {
                Ok(_) => bail!("{service} {operation} is answered"),
                Err(error) if is_of_the_key(&format!("{error:#}")) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(format!("{} ways of reading are refused", reads.len()))
    }
}

/// Whether it is KMS that refuses. DynamoDB says `not authorized to perform: kms:Decrypt`, or `KMS key access denied error`; Secrets
/// Manager `Access to KMS is not allowed`.
fn is_of_the_key(refusal: &str) -> bool {
    refusal.contains("AccessDenied") && (refusal.contains("kms:Decrypt") || refusal.contains("KMS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_key_s_is_told_from_one_of_the_role_s_policy() {
        let called = "aws dynamodb scan: An error occurred (AccessDeniedException) when calling the Scan operation: ";
        for (refusal, is_it) in [
            (
                "User: x is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext",
                true,
            ),
            (
                "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: …",
                true,
            ),
            ("Access to KMS is not allowed", true),
            (
                "User: x is not authorized to perform: dynamodb:Scan on resource: y",
                false,
            ),
        ] {
            assert_eq!(is_of_the_key(&format!("{called}{refusal}")), is_it, "{refusal}");
        }
        assert!(!is_of_the_key("Could not connect to the endpoint URL of KMS"));
    }
}

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
        let title = "The table, to somebody without kms:Decrypt";
        if self.account.is_aws {
            let remedy = "Whoever may read the table reads the AppTokens: take from the key's policy what lets everybody decrypt through DynamoDB";
            report.check(title, remedy, self.table_is_sealed()).await;
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

    /// A role that may read the table and not use the key.
    async fn table_is_sealed(&self) -> Result<String> {
        let described = ["--table-name", self.stack.outputs.table_name.as_str()];
        let table = self.account.aws("dynamodb", "describe-table", &described).await?;
        let arn = table["Table"]["TableArn"].as_str().context("a table without an ARN")?;
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["dynamodb:Scan", "dynamodb:DescribeTable"], "Resource": arn},
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
        let read = async |operation: &str, more: &[&str]| -> Result<Value> {
            let arguments = [&described[..], more].concat();
            self.account
                .aws_as(&environment, "dynamodb", operation, &arguments)
                .await
        };
        // Denied for want of the policy would look the same.
        within(KNOWN_EVERYWHERE, "the role's policy being known", async || {
            Ok(read("describe-table", &[]).await.ok())
        })
        .await?;
        match read("scan", &["--limit", "1", "--select", "COUNT"]).await {
            Ok(_) => bail!("it can be read"),
            Err(error) if format!("{error:#}").contains("kms:Decrypt") => Ok("it can't be read".to_owned()),
            Err(error) => Err(error),
        }
    }
}

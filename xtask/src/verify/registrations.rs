//! The registrations API, and rows that are written by hand.

use anyhow::{Result, ensure};
use http::Method;
use serde_json::{Value, json};

use super::Verification;
use super::account::{option, within};
use super::belongings::TENANT;
use super::report::Report;

/// What no App Connection has for a token: OctoEverywhere refuses it, which is an answer, too.
const NO_TOKEN: &str = "printbell-verify-aws-not-a-token";
/// A stream is read once a second; OctoEverywhere answers within ten.
const BY_HAND: std::time::Duration = std::time::Duration::from_secs(120);

impl Verification<'_> {
    pub(super) async fn check_registrations(&self, report: &mut Report) {
        let remedy = "May these credentials call the API (execute-api:Invoke)? README.md has the policy";
        report
            .check("The registrations API", remedy, self.api_wants_a_signature())
            .await;
        if self.app_token.is_some() {
            let remedy = "The answer says what OctoEverywhere said";
            report
                .check("A printer, registered and tested", remedy, self.printer_is_registered())
                .await;
        }
        let remedy = "Does the table's stream reach RenewFunction (its event source mapping), and that OctoEverywhere?";
        report.check("A row by hand", remedy, self.row_by_hand_is_taken()).await;
    }

    async fn api_wants_a_signature(&self) -> Result<String> {
        let path = "/registrations?limit=1";
        let answer = self.belongings.call(&Method::GET, path, &Value::Null).await?;
        ensure!(
            answer.status == 200,
            "a signed GET was answered {}: {}",
            answer.status,
            answer.body
        );
        let url = format!("{}{path}", self.stack.outputs.api_url);
        let unsigned = self.account.curl(&option("url", &url)).await?;
        ensure!(
            unsigned.status == 403,
            "an unsigned GET was answered {}",
            unsigned.status
        );
        Ok("answers who signs, and nobody else".to_owned())
    }

    /// With a token of a person's: through the API, to OctoEverywhere, and back by the door.
    async fn printer_is_registered(&self) -> Result<String> {
        let path = format!("/registrations/{TENANT}/api");
        let call = async |method: Method, path: &str, body: Value, good: u16| -> Result<Value> {
            let answer = self.belongings.call(&method, path, &body).await?;
            ensure!(
                answer.status == good,
                "{method} {path} was answered {}: {}",
                answer.status,
                answer.body
            );
            Ok(serde_json::from_str(&answer.body).unwrap_or_default())
        };
        let ours = Some(json!({"tenantId": [TENANT], "printerRef": ["api"]}));
        let subscriber = self
            .belongings
            .subscriber("api", &self.stack.outputs.topic_arn, ours)
            .await?;
        let put = json!({"appToken": self.app_token});
        call(Method::PUT, &path, put, 201).await?;
        call(Method::POST, &format!("{path}/test"), Value::Null, 200).await?;
        let is_it = |body: &str| body.contains("\"com.octoeverywhere.").then_some(());
        subscriber
            .hear("OctoEverywhere's test notification in a subscribed queue", is_it)
            .await?;
        call(Method::DELETE, &path, Value::Null, 204).await?;
        Ok("and OctoEverywhere's test notification came out of the topic".to_owned())
    }

    async fn row_by_hand_is_taken(&self) -> Result<String> {
        let token = self.app_token.as_deref().unwrap_or(NO_TOKEN);
        let table = &self.stack.outputs.table_name;
        let row = json!({
            "tenantId": {"S": TENANT}, "printerRef": {"S": "by-hand"}, "appToken": {"S": token}, "dueAt": {"N": "0"},
        });
        self.account
            .aws_with("dynamodb", "put-item", &json!({"TableName": table, "Item": row}))
            .await?;
        let path = format!("/registrations/{TENANT}/by-hand");
        let shown = within(BY_HAND, "the stream bringing it to renew", async || {
            let shown = self.belongings.call(&Method::GET, &path, &Value::Null).await?.json()?;
            let is_answered =
                shown["status"] == "active" || shown["lastError"].is_string() || shown["lastError"].is_object();
            Ok(is_answered.then_some(shown))
        });
        let shown = shown.await?;
        if self.app_token.is_some() {
            ensure!(
                shown["status"] == "active",
                "it is {}: {}",
                shown["status"],
                shown["lastError"]
            );
            return Ok("renew took it and set its webhook".to_owned());
        }
        Ok("renew took it, and OctoEverywhere refused its token, as it should".to_owned())
    }
}

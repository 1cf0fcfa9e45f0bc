//! Alarms that ring by their causes, where only AWS can show it (docs/decisions/0024 has how the others were shown).

use std::time::Duration;

use anyhow::{Result, ensure};
use http::Method;
use printbell_shared::callback::key::CallbackKey;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::Verification;
use super::account::within;
use super::belongings::TENANT;
use super::report::Report;

/// SQS's metrics come every five minutes where a queue was quiet, and an alarm's period is as long.
const RINGING: Duration = Duration::from_secs(1_200);
/// How many callbacks each cause of the receiver's gets.
const CALLBACKS: u32 = 5;

/// Which of the template's alarms each cause rings.
const CAUSED: [&str; 7] = [
    "DeadLetterAlarm",
    "FailedRunsAlarm",
    "TokensRefusedAlarm",
    "TopicDeliveriesAlarm",
    "CallbacksThrottledAlarm",
    "CallbacksFailingAlarm",
    "UnreadableRowsAlarm",
];

impl Verification<'_> {
    pub(super) async fn check_alarms(&self, report: &mut Report) {
        let remedy = "Use a stack without registrations";
        let causes = self.cause_alarms();
        let before = report.failures();
        report.check("The causes of alarms", remedy, causes).await;
        if report.failures() > before {
            return;
        }
        for alarm in CAUSED {
            if self.account.is_aws {
                let remedy = "docs/runbook.md has a section for it; compare it with the template";
                report.check(alarm, remedy, self.rings(alarm)).await;
            } else {
                report.only_aws(alarm);
            }
        }
        let title = "The end of callbacks failing, told to renew";
        if self.account.is_aws {
            let remedy = "May CloudWatch invoke RenewFunction (RecoveryInvokePermission)?";
            report.check(title, remedy, self.recovery_is_told()).await;
        } else {
            report.only_aws(title);
        }
    }

    /// Brings all of them about. The receiver gets its concurrency back at once, the rest is taken away by the clean-up.
    async fn cause_alarms(&self) -> Result<String> {
        let answer = self
            .belongings
            .call(&Method::GET, "/registrations?limit=100", &Value::Null)
            .await?
            .json()?;
        let items = answer["items"].as_array().cloned().unwrap_or_default();
        let others = items.iter().filter(|item| item["tenantId"] != TENANT).count();
        ensure!(
            others == 0 && answer["next"].is_null(),
            "the stack has registrations, whose callbacks would be refused"
        );

        self.belongings
            .put_message(&self.stack.outputs.dead_letter_queue_url)
            .await?;
        self.belongings
            .put_message(self.stack.resource("FailedRunsQueue")?)
            .await?;
        self.belongings.deaf_subscriber(&self.stack.outputs.topic_arn).await?;
        let (api, key) = (&self.stack.outputs.api_url, self.signing_key().await?);
        let unknown = CallbackKey::new("ffffffff-ffff-4fff-bfff-ffffffffffff", &SecretString::from("nobody's"));
        for (key, expected) in [(key, 200), (&unknown, 401)] {
            for _ in 0..CALLBACKS {
                let (status, _) = self.call_back(api, key).await?;
                ensure!(
                    status == expected,
                    "a callback was answered {status} instead of {expected}"
                );
            }
        }
        let row = json!({"tenantId": {"S": TENANT}, "printerRef": {"S": "unreadable"}, "dueAt": {"N": "0"}, "appToken": {"N": "1"}});
        let put = json!({"TableName": self.stack.outputs.table_name, "Item": row});
        self.account.aws_with("dynamodb", "put-item", &put).await?;

        self.belongings.throttle().await?;
        let throttled = within(Duration::from_secs(60), "callbacks being throttled", async || {
            let (status, _) = self.call_back(api, key).await?;
            // An emulator may not hold an alias to its function's concurrency.
            Ok((status == 429 || status >= 500 || !self.account.is_aws).then_some(status))
        });
        let status = throttled.await;
        for _ in 0..CALLBACKS {
            self.call_back(api, key).await?;
        }
        self.belongings.end_throttle().await?;
        Ok(format!(
            "brought about; callbacks were answered {} for a moment",
            status?
        ))
    }

    async fn rings(&self, alarm: &str) -> Result<String> {
        self.state_within(alarm, "ALARM").await?;
        Ok("rings".to_owned())
    }

    /// When the alarm ends, renew is invoked with it and begins a sweep, which an empty table ends at once.
    async fn recovery_is_told(&self) -> Result<String> {
        self.state_within("CallbacksFailingAlarm", "OK").await?;
        let arguments = [
            "--alarm-name",
            self.stack.resource("CallbacksFailingAlarm")?,
            "--history-item-type",
            "Action",
        ];
        let renew = &self.stack.outputs.renew_function_name;
        within(Duration::from_secs(120), "the alarm invoking renew", async || {
            let history = self
                .account
                .aws("cloudwatch", "describe-alarm-history", &arguments)
                .await?;
            let is_told = |item: &Value| {
                let summary = item["HistorySummary"].as_str().unwrap_or_default();
                summary.starts_with("Successfully") && summary.contains(renew.as_str())
            };
            Ok(history["AlarmHistoryItems"]
                .as_array()
                .into_iter()
                .flatten()
                .any(is_told)
                .then_some(()))
        })
        .await?;
        Ok("renew was invoked".to_owned())
    }

    async fn state_within(&self, alarm: &str, state: &str) -> Result<()> {
        let name = self.stack.resource(alarm)?;
        within(RINGING, &format!("{alarm} being {state}"), async || {
            let described = self
                .account
                .aws("cloudwatch", "describe-alarms", &["--alarm-names", name])
                .await?;
            Ok((described["MetricAlarms"][0]["StateValue"] == state).then_some(()))
        })
        .await
    }
}

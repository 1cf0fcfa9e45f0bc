//! What an operator looks at: runs, log lines, metrics, and an alarm's action.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Verification;
use super::account::within;
use super::report::Report;

/// Metrics out of log lines take a minute or two; an access log as much.
const ARRIVAL: Duration = Duration::from_secs(300);

impl Verification<'_> {
    pub(super) async fn check_operation(&self, report: &mut Report) {
        let begun = Timestamp::now();
        let remedy = "docs/runbook.md#no-runs";
        report.check("A run of renew", remedy, self.run_ends_well()).await;
        let remedy = "May the functions' roles write to their log groups?";
        let lines = self.lines(&["RenewLogs", "\"leftOver\""], begun);
        report.check("The run's line in the log", remedy, lines).await;
        let (access, metric, action) = (
            "The callbacks' lines in the API's access log",
            "The run's figures as a metric",
            "An alarm's action",
        );
        if !self.account.is_aws {
            for title in [access, metric, action] {
                report.only_aws(title);
            }
            return;
        }
        let remedy = "May this account's API Gateway deliver logs? Deploy the stack again";
        let since = begun - jiff::SignedDuration::from_mins(10);
        let lines = self.lines(&["ApiLogs", "{ $.route = \"POST /octoeverywhere/webhook\" }"], since);
        report.check(access, remedy, lines).await;
        let remedy =
            "Alarms would see nothing: is the log group RenewLogs there, and its lines in embedded metric format?";
        report.check(metric, remedy, self.metric_arrives(begun)).await;
        let remedy = "May CloudWatch publish to the stack's AlarmTopic?";
        report.check(action, remedy, self.alarm_is_told()).await;
    }

    async fn run_ends_well(&self) -> Result<String> {
        let report = self.invoke(&json!({"run": {}})).await?;
        ensure!(report.get("due").is_some(), "it answered {report}");
        Ok(format!("{} due, {} renewed", report["due"], report["renewed"]))
    }

    /// Invokes renew, which may take a quarter of an hour.
    pub(super) async fn invoke(&self, event: &Value) -> Result<Value> {
        let file = tempfile::NamedTempFile::new()?;
        let (event, into) = (event.to_string(), file.path().display().to_string());
        let function = &self.stack.outputs.renew_function_name;
        let arguments = [
            "--function-name",
            function,
            "--cli-read-timeout",
            "0",
            "--cli-binary-format",
            "raw-in-base64-out",
            "--payload",
            &event,
            &into,
        ];
        let answer = self.account.aws("lambda", "invoke", &arguments).await?;
        let text = std::fs::read_to_string(file.path())?;
        ensure!(answer["FunctionError"].is_null(), "it failed: {text}");
        serde_json::from_str(&text).with_context(|| format!("it answered {text:?}"))
    }

    async fn lines(&self, [group, pattern]: &[&str; 2], since: Timestamp) -> Result<String> {
        let since = since.as_millisecond().to_string();
        let arguments = [
            "--log-group-name",
            self.stack.resource(group)?,
            "--filter-pattern",
            pattern,
            "--start-time",
            &since,
        ];
        let what = format!("a line with {pattern} in {group}");
        let count = within(ARRIVAL, &what, async || {
            let found = self.account.aws("logs", "filter-log-events", &arguments).await?;
            let count = found["events"].as_array().map_or(0, Vec::len);
            Ok((count > 0).then_some(count))
        });
        Ok(format!("{} found", count.await?))
    }

    async fn metric_arrives(&self, begun: Timestamp) -> Result<String> {
        let minute = jiff::SignedDuration::from_mins(1);
        let metric = json!({
            "Namespace": "Printbell", "MetricName": "due",
            "Dimensions": [{"Name": "FunctionName", "Value": self.stack.outputs.renew_function_name}],
        });
        let request = json!({
            "StartTime": (begun - minute).to_string(), "EndTime": (begun + minute * 15).to_string(),
            "MetricDataQueries": [{"Id": "due", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "SampleCount"}}],
        });
        within(ARRIVAL, "the metric `due` of a run", async || {
            let data = self.account.aws_with("cloudwatch", "get-metric-data", &request).await?;
            let values = data["MetricDataResults"][0]["Values"].as_array().map_or(0, Vec::len);
            Ok((values > 0).then_some(()))
        })
        .await?;
        Ok("arrived".to_owned())
    }

    /// Sets an alarm's state, which CloudWatch sets right again within minutes.
    async fn alarm_is_told(&self) -> Result<String> {
        let (alarm, topic) = (
            self.stack.resource("DeadLetterAlarm")?,
            self.stack.resource("AlarmTopic")?,
        );
        let subscriber = self.belongings.subscriber("alarm", topic, None).await?;
        let reason = "cargo xtask verify-aws tries the alarm's action; nothing has happened";
        let arguments = [
            "--alarm-name",
            alarm,
            "--state-value",
            "ALARM",
            "--state-reason",
            reason,
        ];
        self.account.aws("cloudwatch", "set-alarm-state", &arguments).await?;
        subscriber
            .hear("the alarm in a subscribed queue", |body| {
                body.contains(alarm).then_some(())
            })
            .await?;
        Ok(
            "it told the alarm topic (who is written to has got a mail, and gets another one when it is over)"
                .to_owned(),
        )
    }
}

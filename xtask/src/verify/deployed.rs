//! The stack, as CloudFormation and Lambda tell it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use printbell_harness::stack::Outputs;
use printbell_harness::template::Template;
use serde_json::{Map, Value};

use super::Verification;
use super::account::Account;
use super::report::Report;

/// How AWS speaks of an address that hasn't confirmed yet.
const UNCONFIRMED: [&str; 2] = ["PendingConfirmation", "pending confirmation"];

/// A deployed stack.
#[derive(Debug)]
pub(super) struct Deployed {
    pub name: String,
    pub outputs: Outputs,
    parameters: Map<String, Value>,
    /// What each of the template's resources is called.
    resources: BTreeMap<String, String>,
}

impl Deployed {
    /// # Errors
    /// When there is no such stack, or it isn't Printbell's.
    pub(super) async fn find(account: &Account, name: &str) -> Result<Self> {
        let stacks = account
            .aws("cloudformation", "describe-stacks", &["--stack-name", name])
            .await?;
        let stack = &stacks["Stacks"][0];
        let status = stack["StackStatus"].as_str().unwrap_or_default();
        ensure!(
            status.ends_with("_COMPLETE") && !status.starts_with("DELETE"),
            "the stack {name} is {status}: deploy it first"
        );
        let outputs = pairs(&stack["Outputs"], "OutputKey", "OutputValue");
        let outputs = serde_json::from_value(outputs.into());
        let described = account
            .aws("cloudformation", "describe-stack-resources", &["--stack-name", name])
            .await?;
        let resources = pairs(&described["StackResources"], "LogicalResourceId", "PhysicalResourceId").into_iter();
        let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
        Ok(Self {
            name: name.to_owned(),
            outputs: outputs.with_context(|| format!("the stack {name} doesn't have Printbell's outputs"))?,
            parameters: pairs(&stack["Parameters"], "ParameterKey", "ParameterValue"),
            resources: resources.filter_map(text).collect(),
        })
    }

    /// What a resource is called outside of the template.
    pub(super) fn resource(&self, logical_id: &str) -> Result<&str> {
        let name = self.resources.get(logical_id).map(String::as_str);
        name.with_context(|| format!("the stack has no {logical_id}"))
    }

    /// The region, as it is in the API's host name.
    pub(super) fn region(&self) -> &str {
        self.outputs.api_url.split('.').nth(2).unwrap_or_default()
    }

    fn functions(&self) -> [&str; 4] {
        let outputs = &self.outputs;
        [
            &outputs.webhook_function_name,
            &outputs.renew_function_name,
            &outputs.register_function_name,
            &outputs.redrive_function_name,
        ]
    }
}

/// A list of objects with names and values, as one object.
fn pairs(list: &Value, name: &str, value: &str) -> Map<String, Value> {
    let pair = |one: &Value| Some((one[name].as_str()?.to_owned(), one[value].clone()));
    list.as_array().into_iter().flatten().filter_map(pair).collect()
}

impl Verification<'_> {
    pub(super) async fn check_deployment(&self, report: &mut Report) {
        let remedy = "Deploy the stack again, after `sam build` for the processor that it is deployed for";
        report.check("Functions", remedy, self.functions_are_active()).await;
        let remedy = "Deploy the stack again: without its alarms nobody is told";
        report.check("Alarms", remedy, self.alarms_are_on()).await;
        let title = "Who is told of alarms";
        if self.account.is_aws {
            let remedy = "Have the link clicked in the mail \"AWS Notification - Subscription Confirmation\"";
            report.check(title, remedy, self.somebody_is_told()).await;
        } else {
            report.only_aws(title);
        }
    }

    async fn functions_are_active(&self) -> Result<String> {
        let wanted = &self.stack.parameters["Architecture"];
        for name in self.stack.functions() {
            let arguments = ["--function-name", name];
            let function = self
                .account
                .aws("lambda", "get-function-configuration", &arguments)
                .await?;
            // Neither is told by every emulator.
            for (field, good) in [("State", "Active"), ("LastUpdateStatus", "Successful")] {
                let state = function[field].as_str().unwrap_or(good);
                ensure!(state == good, "{name}: {field} is {state}: {}", function["StateReason"]);
            }
            let processor = &function["Architectures"][0];
            ensure!(
                processor == wanted,
                "{name} is deployed for {processor}, the stack for {wanted}"
            );
        }
        Ok(format!(
            "all four are active, for {}",
            wanted.as_str().unwrap_or_default()
        ))
    }

    async fn alarms_are_on(&self) -> Result<String> {
        let alarms = Template::read()?.alarms()?;
        let names: Result<Vec<_>> = alarms
            .iter()
            .map(|alarm| self.stack.resource(&alarm.logical_id))
            .collect();
        let mut arguments = vec!["--alarm-names"];
        arguments.extend(names?);
        let described = self.account.aws("cloudwatch", "describe-alarms", &arguments).await?;
        let found = described["MetricAlarms"].as_array().cloned().unwrap_or_default();
        ensure!(
            found.len() == alarms.len(),
            "{} of {} are there",
            found.len(),
            alarms.len()
        );
        let mut ringing = Vec::new();
        for alarm in &found {
            ensure!(
                alarm["ActionsEnabled"] == true,
                "{} has its actions switched off",
                alarm["AlarmName"]
            );
            if alarm["StateValue"] == "ALARM" {
                ringing.push(alarm["AlarmName"].to_string());
            }
        }
        ensure!(
            ringing.is_empty(),
            "{} rings: docs/runbook.md has a section for it",
            ringing.join(", ")
        );
        Ok(format!("all {} are there, and none rings", found.len()))
    }

    async fn somebody_is_told(&self) -> Result<String> {
        let arguments = ["--topic-arn", self.stack.resource("AlarmTopic")?];
        let listed = self
            .account
            .aws("sns", "list-subscriptions-by-topic", &arguments)
            .await?;
        let subscriptions = listed["Subscriptions"].as_array().cloned().unwrap_or_default();
        for one in &subscriptions {
            let arn = one["SubscriptionArn"].as_str().unwrap_or_default();
            ensure!(!UNCONFIRMED.contains(&arn), "{} hasn't confirmed", one["Endpoint"]);
        }
        Ok(match subscriptions.len() {
            0 => "nobody; the parameter AlarmEmail, or a subscription to AlarmTopic, changes that".to_owned(),
            count => format!("{count} subscriptions, all confirmed"),
        })
    }
}

//! The template, deployed on the emulator as it is deployed on AWS.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use printbell_harness::aws::{Aws, Credentials, xml_texts};
use printbell_harness::stack::{Outputs, Stack};
use printbell_harness::template::Template;
use serde_json::json;

use crate::architecture::Architecture;
use crate::dev_key;
use crate::emulator::{self, Emulator, REGION};
use crate::progress::Step;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// The stack's name, as in `samconfig.toml`.
pub const NAME: &str = "printbell";

/// Gives the alarms somebody to tell. The emulator sends no mail.
const ALARM_EMAIL: &str = "operator@example.com";

/// Deploys what was built, against the OctoEverywhere at `simulator`, with renew run by `schedule`.
pub async fn deploy(
    workspace: &Workspace,
    tools: &Tools,
    emulator: &Emulator,
    simulator: &str,
    schedule: &str,
    log: &Path,
) -> Result<Stack> {
    let step = Step::begin("Deploying template.yaml");
    let owner = emulator::owner();
    let deploy = tools
        .sam("deploy")
        .args([
            "--stack-name",
            NAME,
            "--region",
            REGION,
            "--resolve-s3",
            "--capabilities",
            "CAPABILITY_IAM",
        ])
        .args([
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--no-progressbar",
        ])
        .arg("--parameter-overrides")
        .args([
            format!("OctoEverywhereUrl={simulator}"),
            format!("RenewSchedule=\"{schedule}\""),
            format!("Architecture={}", Architecture::here()?),
            format!("AlarmEmail={ALARM_EMAIL}"),
            // Both doors answer, and callback URLs are those of the default.
            "CallbackDoor=HttpApiAndFunctionUrl".to_owned(),
        ])
        .env("AWS_ENDPOINT_URL", &emulator.endpoint)
        .env("AWS_ACCESS_KEY_ID", &owner.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &owner.secret_access_key)
        .current_dir(workspace.root());
    deploy.run_into(log).await?;

    let aws = emulator.aws();
    let outputs = outputs(&aws).await?;
    dev_key::install(&aws, &emulator.endpoint, &outputs.callback_secret_arn).await?;
    let stack = Stack {
        endpoint: emulator.endpoint.clone(),
        region: REGION.to_owned(),
        owner,
        backend: backend(&aws, &outputs).await?,
        functions: functions(&aws).await?,
        outputs,
        simulator: simulator.to_owned(),
        tools: tools.bin(),
    };
    step.done();
    Ok(stack)
}

async fn cloudformation(aws: &Aws, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
    aws.query("cloudformation", "2010-05-15", action, parameters).await
}

async fn outputs(aws: &Aws) -> Result<Outputs> {
    let xml = cloudformation(aws, "DescribeStacks", &[("StackName", NAME)]).await?;
    let names = xml_texts(&xml, "OutputKey");
    let values = xml_texts(&xml, "OutputValue").into_iter().map(serde_json::Value::from);
    let outputs: serde_json::Map<_, _> = names.into_iter().zip(values).collect();
    serde_json::from_value(outputs.into()).context("the template's outputs aren't those of its contract")
}

/// What Lambda calls the functions.
async fn functions(aws: &Aws) -> Result<BTreeMap<String, String>> {
    let mut functions = BTreeMap::new();
    for function in Template::read()?.functions()? {
        functions.insert(function.name, physical(aws, &function.logical_id).await?);
    }
    Ok(functions)
}

/// What a resource is called outside of the template.
async fn physical(aws: &Aws, logical: &str) -> Result<String> {
    let which = [("StackName", NAME), ("LogicalResourceId", logical)];
    let xml = cloudformation(aws, "DescribeStackResource", &which).await?;
    match xml_texts(&xml, "PhysicalResourceId").pop() {
        Some(name) => Ok(name),
        None => bail!("the stack has no {logical}"),
    }
}

/// Makes an IAM user who may call the registrations API of this stack, and nothing else.
async fn backend(aws: &Aws, outputs: &Outputs) -> Result<Credentials> {
    let user = ("UserName", "backend");
    let api = outputs
        .api_url
        .trim_start_matches("https://")
        .split('.')
        .next()
        .unwrap_or_default();
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "execute-api:Invoke",
            "Resource": format!("arn:aws:execute-api:{REGION}:*:{api}/$default/*/registrations*"),
        }],
    });
    aws.iam("CreateUser", &[user]).await?;
    let policy = policy.to_string();
    aws.iam(
        "PutUserPolicy",
        &[user, ("PolicyName", "registrations"), ("PolicyDocument", &policy)],
    )
    .await?;
    let key = aws.iam("CreateAccessKey", &[user]).await?;
    let part = |name| {
        xml_texts(&key, name)
            .pop()
            .with_context(|| format!("an access key without its {name}"))
    };
    Ok(Credentials {
        access_key_id: part("AccessKeyId")?,
        secret_access_key: part("SecretAccessKey")?,
        session_token: None,
    })
}

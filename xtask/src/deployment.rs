//! The template, deployed on the emulator as it is deployed on AWS.

use std::path::Path;

use anyhow::{Context, Result};
use printbell_harness::aws::{Aws, Credentials, xml_texts};
use printbell_harness::deployment;
use printbell_harness::stack::{Outputs, Stack};
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
        .args(deployment::arguments(NAME, REGION))
        .args([
            format!("OctoEverywhereUrl={simulator}"),
            format!("RenewSchedule=\"{schedule}\""),
            format!("Architecture={}", Architecture::here()?),
            format!("AlarmEmail={ALARM_EMAIL}"),
            // Both doors answer, and callback URLs are those of the default.
            "CallbackDoor=HttpApiAndFunctionUrl".to_owned(),
        ])
        .current_dir(workspace.root());
    let environment = deployment::environment(&emulator.endpoint, &owner);
    let deploy = environment
        .into_iter()
        .fold(deploy, |deploy, (name, value)| deploy.env(name, value));
    deploy.run_into(log).await?;

    let aws = emulator.aws();
    let outputs = deployment::outputs(&aws, NAME).await?;
    dev_key::install(&aws, &emulator.endpoint, &outputs.callback_secret_arn).await?;
    let stack = Stack {
        endpoint: emulator.endpoint.clone(),
        region: REGION.to_owned(),
        owner,
        backend: backend(&aws, &outputs).await?,
        functions: deployment::functions(&aws, NAME).await?,
        outputs,
        simulator: simulator.to_owned(),
    };
    step.done();
    Ok(stack)
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

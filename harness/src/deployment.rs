//! Stacks on the emulator: how `sam` is told to deploy one, and what has come of it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::aws::{Aws, Credentials, xml_texts};
use crate::stack::Outputs;
use crate::template::Template;

/// What `sam deploy` is told about a stack of this name; its parameters may follow.
pub fn arguments<'a>(stack: &'a str, region: &'a str) -> [&'a str; 11] {
    [
        "--stack-name",
        stack,
        "--region",
        region,
        "--resolve-s3",
        "--capabilities",
        "CAPABILITY_IAM",
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
        "--no-progressbar",
        "--parameter-overrides",
    ]
}

/// What has it take the emulator at `endpoint` for AWS, in the owner's hands.
pub fn environment<'a>(endpoint: &'a str, owner: &'a Credentials) -> [(&'static str, &'a str); 3] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", &owner.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &owner.secret_access_key),
    ]
}

async fn cloudformation(aws: &Aws, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
    aws.query("cloudformation", "2010-05-15", action, parameters).await
}

/// What the template puts out, in the stack of this name.
///
/// # Errors
/// When there is no such stack, or its outputs are others.
pub async fn outputs(aws: &Aws, stack: &str) -> Result<Outputs> {
    let xml = cloudformation(aws, "DescribeStacks", &[("StackName", stack)]).await?;
    let names = xml_texts(&xml, "OutputKey");
    let values = xml_texts(&xml, "OutputValue").into_iter().map(Value::from);
    let outputs: serde_json::Map<_, _> = names.into_iter().zip(values).collect();
    serde_json::from_value(outputs.into()).context("the template's outputs aren't those of its contract")
}

/// What Lambda calls its functions, by the names of their Cargo packages.
///
/// # Errors
/// When it hasn't one that the template has.
pub async fn functions(aws: &Aws, stack: &str) -> Result<BTreeMap<String, String>> {
    let mut functions = BTreeMap::new();
    for function in Template::read()?.functions()? {
        functions.insert(function.name, physical_id(aws, stack, &function.logical_id).await?);
    }
    Ok(functions)
}

/// What a resource of it is called outside of the template.
///
/// # Errors
/// When it has none of this logical id.
pub async fn physical_id(aws: &Aws, stack: &str, logical_id: &str) -> Result<String> {
    let which = [("StackName", stack), ("LogicalResourceId", logical_id)];
    let xml = cloudformation(aws, "DescribeStackResource", &which).await?;
    let id = xml_texts(&xml, "PhysicalResourceId").pop();
    id.with_context(|| format!("{stack} has no {logical_id}"))
}

/// Deletes it; what the template keeps stays.
///
/// # Errors
/// When CloudFormation refuses.
pub async fn delete(aws: &Aws, stack: &str) -> Result<()> {
    cloudformation(aws, "DeleteStack", &[("StackName", stack)])
        .await
        .map(drop)
}

//! `cargo xtask env`: what a shell needs so that the documents' commands, as they stand, go to a running local stack.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use printbell_harness::aws::Aws;
use printbell_simulator::{Control, NewPrinter, PortalVisit};
use serde_json::json;

use crate::running::Running;
use crate::workspace::Workspace;

/// Of somebody's own AWS, it would be preferred to what is set here.
const UNSET: &str = "unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_SECURITY_TOKEN\n";

/// Whom the documents' commands give rights to.
const ROLES: [(&str, &str); 2] = [("BACKEND_ROLE", "backend"), ("TENANT_ROLE", "tenant-abc123")];

/// Whom they have written to; the emulator sends no mail.
const EMAIL: &str = "you@example.com";

/// Where the portal leads back to.
const RETURN_URL: &str = "https://app.example.com/connected/abc123/p42";

/// Makes a role that may do nothing yet, if it isn't there.
async fn make_role(aws: &Aws, name: &str) -> Result<()> {
    let anybody = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole",
    }]});
    let role = [("RoleName", name), ("AssumeRolePolicyDocument", &anybody.to_string())];
    match aws.iam("CreateRole", &role).await {
        Err(error) if !format!("{error:#}").contains("EntityAlreadyExists") => Err(error),
        _ => Ok(()),
    }
}

/// Prints commands for `eval`.
pub async fn run(workspace: &Workspace) -> Result<()> {
    let Running {
        stack,
        mut environment,
        programs,
    } = Running::find(workspace).await?;
    // Two owners have just been through the portal.
    let control = Control::new(&stack.simulator);
    let printer = control.issue_printer(&NewPrinter::named("Another printer")).await?;
    let back = control.visit_portal(&PortalVisit::to(RETURN_URL)).await?;
    let account = stack.outputs.topic_arn.split(':').nth(4);
    let account = account.context("a topic's ARN without an account")?;
    let aws = stack.aws();
    for (_, role) in ROLES {
        make_role(&aws, role).await?;
    }
    for (name, value) in ROLES.into_iter().chain([
        ("EMAIL", EMAIL),
        ("STACK", crate::deployment::NAME),
        ("REGION", &stack.region),
        ("ACCOUNT", account),
        ("API_URL", &stack.outputs.api_url),
        ("TOPIC_ARN", &stack.outputs.topic_arn),
        ("APP_TOKEN", printer.token.expose()),
        ("COMPLETION_URL", &back.url),
    ]) {
        environment.insert(name.to_owned(), value.to_owned());
    }
    let mut text = UNSET.to_owned();
    for (name, value) in &environment {
        let _ = writeln!(text, "export {name}={}", quoted(value));
    }
    let _ = writeln!(
        text,
        "export PATH={}:\"$PATH\"",
        quoted(&programs.display().to_string())
    );
    anstream::print!("{text}");
    Ok(())
}

/// As one word of a shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_reads_what_was_quoted() {
        for text in ["", "plain", "a path/with spaces", "it's", "$HOME `id` \"\\"] {
            let script = format!("printf %s {}", quoted(text));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}

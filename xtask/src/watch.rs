//! `cargo xtask watch`: `cargo lambda watch` with the environment that the functions have in a running local stack.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use http::Method;
use printbell_harness::aws::{encode, http_client};
use printbell_harness::stack::Stack;
use serde_json::Value;

use crate::artifacts;
use crate::progress;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// What `cargo xtask watch` can be told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to take invocations; `cargo lambda invoke` looks at 9000 by itself.
    #[arg(long, default_value_t = 9000)]
    port: u16,
}

/// Runs the functions from source, rebuilding them as they change, until Ctrl-C.
pub async fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    let first = "run `cargo xtask local` in another terminal first: the functions need a stack to work with";
    let tools = Tools::find(workspace)?;
    let stack = Stack::read(&workspace.running_stack()).context(first)?;
    let health = format!("{}/_ministack/health", stack.endpoint);
    ensure!(
        http_client().get(health).send().await.is_ok(),
        "the stack at {} has ended; {first}",
        stack.endpoint
    );

    artifacts::build_for_watch(workspace, &tools).await?;
    let port = arguments.port.to_string();
    // `cargo lambda invoke` looks there, and nobody from outside can.
    let mut watch = tools
        .program("cargo")
        .args(["lambda", "watch", "--invoke-address", "::1"]);
    watch = watch.args(["--invoke-port", &port]).current_dir(workspace.root());
    for (name, value) in environment(&stack).await? {
        watch = watch.env(name, value);
    }
    progress::note(&format!(
        "Try, in another terminal:\n  {} lambda invoke webhook --invoke-port {port} --data-file events/webhook/print.started.json",
        tools.bin().join("cargo-lambda").display()
    ));
    ensure!(
        watch.run().await?,
        "`cargo lambda watch` failed; if port {port} is in use, try --port 9001"
    );
    Ok(())
}

/// What the deployed functions are configured with, all together: where two have the same name, it is the same value.
async fn environment(stack: &Stack) -> Result<BTreeMap<String, String>> {
    let aws = stack.aws();
    let mut variables = BTreeMap::from([
        ("AWS_ENDPOINT_URL".to_owned(), stack.endpoint.clone()),
        ("AWS_REGION".to_owned(), stack.region.clone()),
        ("AWS_ACCESS_KEY_ID".to_owned(), stack.owner.access_key_id.clone()),
        (
            "AWS_SECRET_ACCESS_KEY".to_owned(),
            stack.owner.secret_access_key.clone(),
        ),
    ]);
    for function in stack.functions.values() {
        let path = format!("/2015-03-31/functions/{}/configuration", encode(function));
        let configuration = aws.lambda(Method::GET, &path, &Value::Null).await?.json()?;
        for (name, value) in configuration["Environment"]["Variables"]
            .as_object()
            .into_iter()
            .flatten()
        {
            variables.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
        }
    }
    Ok(variables)
}

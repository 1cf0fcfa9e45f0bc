//! `cargo xtask watch`: `cargo lambda watch` with the environment that the functions have in a running local stack.

use std::collections::BTreeMap;
use std::net::{Ipv6Addr, TcpListener};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use http::Method;
use printbell_harness::aws::encode;
use printbell_harness::stack::Stack;
use serde_json::Value;

use crate::artifacts;
use crate::env::quoted;
use crate::progress;
use crate::running::Running;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Where `cargo lambda invoke` looks, and nobody from outside can.
const ADDRESS: Ipv6Addr = Ipv6Addr::LOCALHOST;

/// How often to look whether the stack is still there.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// What `cargo xtask watch` can be told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to take invocations; `cargo lambda invoke` looks at 9000 by itself.
    #[arg(long, default_value_t = 9000)]
    port: u16,
}

/// Runs the functions from source, rebuilding them as they change, until Ctrl-C.
pub async fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    let tools = Tools::find(workspace)?;
    let running = Running::find(workspace)
        .await
        .context("the functions need a stack to work with")?;
    let port = arguments.port;
    // cargo-lambda says nothing of it, and ends as if all were well.
    TcpListener::bind((ADDRESS, port)).with_context(|| {
        format!(
            "port {port} can't be had at {ADDRESS}; try `cargo xtask watch --port {}`",
            port ^ 1
        )
    })?;

    artifacts::build_for_this_machine(workspace, &tools).await?;
    let mut watch = tools.program("cargo").args(["lambda", "watch"]);
    watch = watch.args(["--invoke-address", &ADDRESS.to_string()]);
    watch = watch
        .args(["--invoke-port", &port.to_string()])
        .current_dir(workspace.root());
    for (name, value) in environment(&running.stack).await? {
        watch = watch.env(name, value);
    }
    progress::note(&format!(
        "Once it says `starting Runtime server`, try in another terminal\n    {} lambda invoke webhook --invoke-port {port} --data-file events/webhook/print.started.json\n  \
         It says much that means nothing: a WARN about AWS_LAMBDA_MAX_CONCURRENCY, which it sets\n  \
         itself, at each start; and after each change of a source `command killed`, an ERROR,\n  \
         which is the old program",
        quoted(&tools.bin().join("cargo-lambda").display().to_string())
    ));
    // Ctrl-C ends us, too: who comes back from it has failed, whatever its exit code.
    tokio::select! {
        ended = watch.run() => {
            ended?;
            bail!("`cargo lambda watch` has ended; what it said is above")
        }
        error = end_of(&running) => Err(error),
    }
}

/// Waits until the stack that the functions work with has ended.
async fn end_of(running: &Running) -> anyhow::Error {
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        if let Err(error) = running.check().await {
            return error;
        }
    }
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

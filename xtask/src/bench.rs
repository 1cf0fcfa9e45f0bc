//! `cargo xtask bench`: the functions measured beside what they could have been.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use printbell_harness::workspace::on_path;

use crate::architecture::Architecture;
use crate::artifacts;
use crate::progress::{Step, note};
use crate::tools::Tools;
use crate::workspace::Workspace;

/// What the functions are measured against, in Rust: a workspace of its own.
const BASELINES: &str = "bench/baselines";
/// Its packages are built one by one, so that none gets another one's features, and as the functions are.
const PACKAGES: [&str; 4] = [
    "baseline-least",
    "baseline-hello",
    "baseline-bare-publish",
    "baseline-sdk-defaults",
];

/// What `cargo xtask bench` can be told.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)] // the measuring has the one that lists its options
pub struct Arguments {
    /// Options of the measuring; `--help` lists them. `--save` writes what was measured into the documents.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

impl Arguments {
    fn ask_for_help(&self) -> bool {
        self.options
            .iter()
            .any(|option| matches!(option.as_str(), "-h" | "--help"))
    }
}

/// Builds everything and measures it; fails if a bar is missed.
pub async fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    let tools = Tools::find(workspace)?;
    if !arguments.ask_for_help() {
        prepare(workspace, &tools).await?;
    }
    let bench = tools
        .driver(workspace, "printbell-bench", "bench")
        .args(arguments.options);
    ensure!(
        bench.run().await?,
        "the functions aren't what they have to be, or could not be measured"
    );
    Ok(())
}

/// Builds and installs what is measured; nobody else builds meanwhile.
async fn prepare(workspace: &Workspace, tools: &Tools) -> Result<()> {
    let _building = workspace.lock("build").await?;
    tools.install_tools().await?;
    artifacts::build(workspace, tools, Architecture::here()?).await?;
    build_baselines(workspace, tools).await?;
    tools.install_baseline(workspace).await?;
    install_node(workspace, tools).await
}

async fn build_baselines(workspace: &Workspace, tools: &Tools) -> Result<()> {
    let mut step = Step::begin("Compiling what they are measured against");
    for (package, number) in PACKAGES.iter().zip(1..) {
        step.at(&format!("{package}, {number} of {}", PACKAGES.len()));
        let build = tools
            .program("cargo")
            .args(["lambda", "build", "--release", "--locked", "--package", package]);
        build
            .current_dir(&workspace.root().join(BASELINES))
            .run_into(&workspace.local("bench/build.log"))
            .await?;
    }
    step.done();
    Ok(())
}

/// The same in Node.js, where there is one: it isn't needed for anything else.
async fn install_node(workspace: &Workspace, tools: &Tools) -> Result<()> {
    let (Some(_), Some(npm)) = (on_path("node"), on_path("npm")) else {
        note("no Node.js on PATH: it is left out");
        return Ok(());
    };
    let (from, to) = (
        workspace.root().join(BASELINES).join("node"),
        workspace.local("bench/node"),
    );
    let lock = "package-lock.json";
    let installed = same(&from.join(lock), &to.join(lock)) && to.join("node_modules").exists();
    std::fs::create_dir_all(&to).with_context(|| format!("can't make the folder {}", to.display()))?;
    for file in ["package.json", lock, "runtime.mjs", "webhook.mjs"] {
        std::fs::copy(from.join(file), to.join(file)).with_context(|| format!("can't copy {file}"))?;
    }
    if installed {
        return Ok(());
    }
    let step = Step::begin("Installing the AWS SDK for Node.js");
    let install = tools
        .program(&npm.to_string_lossy())
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(&to);
    install.run_into(&workspace.local("bench/npm.log")).await?;
    step.done();
    Ok(())
}

fn same(one: &Path, other: &Path) -> bool {
    std::fs::read(one).is_ok_and(|one| std::fs::read(other).is_ok_and(|other| one == other))
}

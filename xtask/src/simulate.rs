//! `cargo xtask simulate`: years of a whole fleet's renewals, in minutes.

use anyhow::{Result, ensure};

use crate::tools::Tools;
use crate::workspace::Workspace;

/// Where the picture of the default fleet is kept.
const CHART: &str = "docs/renewals.svg";

/// What `cargo xtask simulate` can be told.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)] // the simulation has the one that lists its options
pub struct Arguments {
    /// Options of the simulation; `--help` lists them. Without any it runs 100 million registrations for a year and draws
    /// `docs/renewals.svg`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

/// Builds the simulation with optimisation and runs it; fails if it finds a promise broken.
pub async fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    let tools = Tools::find(workspace)?;
    let mut simulate = tools.driver(workspace, "printbell-rehearsal", "simulate");
    simulate = match arguments.options.as_slice() {
        [] => simulate.args(["--chart", CHART]),
        options => simulate.args(options),
    };
    ensure!(simulate.run().await?, "the simulation failed");
    Ok(())
}

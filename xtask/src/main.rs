//! `cargo xtask`: Printbell's own tasks. [`local`] and [`mod@test`] are the two that everybody needs.
//!
//! - [`workspace`]: where things are; [`process`]: programs that end when we do; [`progress`]: what the screen shows.
//! - [`python`], [`tools`]: the pinned tools, in environments of the project's own.
//! - [`artifacts`], [`architecture`], [`bundle`]: the functions, built, for which processor, and of what; [`emulator`], [`deployment`]: AWS on this
//!   machine; the template, deployed there.
//! - [`notifications`]: what comes out of SNS; [`demonstration`]: a print and a renewal, seen from outside;
//!   [`dev_key`]: the published key of local stacks.
//! - [`running`]: what a running local system tells others; [`mod@env`]: and a shell.
//! - [`simulate`]: the renewals of a whole fleet, in virtual time; [`mod@bench`]: how fast and small the functions are; [`cost`]:
//!   what a fleet costs, and what limits it; [`verify`]: the same stack on AWS.

#![allow(clippy::disallowed_methods, reason = "it is a tool for people")]

#[cfg(not(unix))]
compile_error!(
    "cargo xtask runs on Linux (and, but for the local stack, on macOS); on Windows use WSL: `wsl --install`"
);

mod architecture;
mod artifacts;
mod bench;
mod bundle;
mod cost;
mod demonstration;
mod deployment;
mod dev_key;
mod emulator;
mod env;
mod local;
mod notifications;
mod process;
mod progress;
mod python;
mod running;
mod simulate;
mod test;
mod tools;
mod verify;
mod watch;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Printbell's own tasks.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs the whole system on this machine, with a demonstration, until Ctrl-C.
    Local(local::Arguments),
    /// Prints what a shell needs to reach a running `cargo xtask local`: eval "$(cargo xtask env)".
    Env,
    /// Builds the functions for AWS, ready for `sam deploy`.
    Build(artifacts::Arguments),
    /// Checks everything that must hold.
    Test(test::Arguments),
    /// Simulates the renewals of a hundred million registrations over two years.
    Simulate(simulate::Arguments),
    /// Measures the functions beside a hello world, the SDK's defaults, Python and Node.js.
    Bench(bench::Arguments),
    /// Tells what a fleet costs a month, and what the alternatives would.
    Cost(cost::Arguments),
    /// Tells from how many printers on which quotas have to be raised, and what a flood of strangers can cost a day.
    Limits(cost::limits::Arguments),
    /// Checks a stack on a real account, from its doors to its alarms, and cleans up after itself.
    VerifyAws(verify::Arguments),
    /// Runs `cargo lambda watch` for the samples in `events/`, against a running `cargo xtask local`.
    Watch(watch::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let task = Arguments::parse().task;
    let workspace = Workspace::find();
    // It has things to put away when it is interrupted, and sees to that itself.
    let is_careful = matches!(task, Task::VerifyAws(_));
    let work = async {
        match task {
            Task::Local(arguments) => local::run(&workspace, arguments).await,
            Task::Env => env::run(&workspace).await,
            Task::Build(arguments) => artifacts::run(&workspace, arguments).await,
            Task::Test(arguments) => test::run(&workspace, arguments).await,
            Task::Simulate(arguments) => simulate::run(&workspace, arguments).await,
            Task::Bench(arguments) => bench::run(&workspace, arguments).await,
            Task::Cost(arguments) => cost::run(arguments),
            Task::Limits(arguments) => cost::limits::run(arguments),
            Task::VerifyAws(arguments) => verify::run(arguments).await,
            Task::Watch(arguments) => watch::run(&workspace, arguments).await,
        }
    };
    // Whichever way this ends, the work is dropped, and with it all that it started.
    let result = tokio::select! {
        result = work => result,
        signal = interrupted(), if !is_careful => match signal {
            Ok(()) => {
                progress::note("ended, and all that it had started with it");
                return ExitCode::from(130);
            }
            Err(error) => Err(error.into()),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::failure(&error);
            ExitCode::FAILURE
        }
    }
}

/// Waits for somebody to ask us to end.
async fn interrupted() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

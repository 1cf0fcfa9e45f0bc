//! The functions, built as they go to AWS.

use anyhow::{Result, bail};
use printbell_harness::template::Template;

use crate::process::Program;
use crate::progress::Step;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Builds the functions and lays them out where `sam deploy` looks for them.
///
/// `sam build` alone would do, but it compiles one function after the other and shows nothing meanwhile. So cargo-lambda
/// compiles them all first, in one go, and finds nothing left to do when `sam build` calls it.
pub async fn build(workspace: &Workspace, tools: &Tools) -> Result<()> {
    let architecture = architecture()?;
    let release = tools
        .program("cargo")
        .args(["lambda", "build", "--release"])
        .args((architecture == "arm64").then_some("--arm64"))
        .args(each("--package")?);
    compile(
        workspace,
        release,
        "Compiling the functions for AWS (minutes at first, seconds later)",
    )
    .await?;

    let step = Step::begin("Packing them with sam");
    let sam = tools
        .sam("build")
        .arg("--parameter-overrides")
        .arg(format!("Architecture={architecture}"));
    sam.current_dir(workspace.root())
        .run_into(&workspace.local("sam-build.log"))
        .await?;
    step.done();
    Ok(())
}

/// Builds the functions as `cargo lambda watch` runs them, so that nobody's first call waits for a compiler: by the names
/// of their binaries, for with those of their packages Cargo would choose fewer features of their dependencies.
pub async fn build_for_watch(workspace: &Workspace, tools: &Tools) -> Result<()> {
    let debug = tools.program("cargo").arg("build").args(each("--bin")?);
    compile(workspace, debug, "Compiling the functions for this machine").await
}

/// An option for Cargo that is given once for each function.
fn each(option: &str) -> Result<Vec<String>> {
    let functions = Template::read()?.functions()?.into_iter();
    Ok(functions
        .flat_map(|function| [option.to_owned(), function.name])
        .collect())
}

async fn compile(workspace: &Workspace, cargo: Program, title: &str) -> Result<()> {
    let mut step = Step::begin(title);
    let cargo = cargo
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "120")
        .current_dir(workspace.root());
    cargo
        .run_watching(&workspace.local("build.log"), |output| {
            if let Some(progress) = CompileProgress::read(output) {
                step.at(&progress.to_string());
            }
        })
        .await?;
    step.done();
    Ok(())
}

/// What Lambda calls this machine's processor: the emulator runs the functions as processes of this machine.
pub fn architecture() -> Result<&'static str> {
    if !cfg!(target_os = "linux") {
        bail!(
            "the emulator runs the functions as they go to AWS, as Linux programs, and this is {}; use a Linux \
             virtual machine, for example Lima or OrbStack",
            std::env::consts::OS
        );
    }
    match std::env::consts::ARCH {
        "x86_64" => Ok("x86_64"),
        "aarch64" => Ok("arm64"),
        other => bail!("Lambda has no {other} processors, so the functions can't be run on this one"),
    }
}

/// What cargo's progress bar says: `Building [==>   ] 12/163: serde, tokio`.
#[derive(Debug, PartialEq, Eq)]
struct CompileProgress {
    crates: u32,
    total: u32,
    current: String,
}

impl CompileProgress {
    fn read(output: &str) -> Option<Self> {
        let (_, counts) = output.split_once("] ")?;
        let (counts, current) = counts.split_once(':').unwrap_or((counts, ""));
        let (crates, total) = counts.trim().split_once('/')?;
        Some(Self {
            crates: crates.parse().ok()?,
            total: total.parse().ok()?,
            current: current.trim().to_owned(),
        })
    }
}

impl std::fmt::Display for CompileProgress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} of {} crates; now {}",
            self.crates, self.total, self.current
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn cargos_progress_bar_is_read() {
        let bar = "\u{1b}[1m\u{1b}[96m    Building\u{1b}[0m [=====>          ] 12/163: serde, tokio(build)    \r";
        let read = CompileProgress::read(bar).unwrap();
        assert_eq!(
            read,
            CompileProgress {
                crates: 12,
                total: 163,
                current: "serde, tokio(build)".to_owned()
            }
        );
        assert_eq!(read.to_string(), "12 of 163 crates; now serde, tokio(build)");
    }

    /// Every package and its features, as cargo builds it for these packages.
    fn resolved(selection: &[String]) -> BTreeSet<String> {
        let output = std::process::Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--edges",
                "normal,build",
                "--prefix",
                "none",
                "--format",
                "{p} {f}",
            ])
            .args(selection)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| line.trim_end_matches(" (*)").to_owned())
            .collect()
    }

    /// `sam build` compiles one function at a time. A dependency with other features then than in a build of all would be
    /// compiled again, and everything above it: minutes.
    #[test]
    fn a_function_alone_is_built_as_among_the_others() {
        let selection = each("--package").unwrap();
        let all = resolved(&selection);
        for function in selection.chunks(2) {
            let alone = resolved(function);
            let different: Vec<_> = alone.difference(&all).collect();
            assert!(
                different.is_empty(),
                "with {function:?} alone: {different:?}; give them the same features"
            );
        }
    }

    #[test]
    fn other_output_is_no_progress() {
        for line in [
            "   Compiling serde v1.0.0\n",
            "warning: [unused] 1/2 of it\n",
            "    Finished `release` profile\n",
            "\r",
        ] {
            assert_eq!(CompileProgress::read(line), None, "{line}");
        }
    }
}

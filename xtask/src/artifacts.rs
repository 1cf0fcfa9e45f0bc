//! The functions, built as they go to AWS.

use std::path::PathBuf;

use anyhow::{Context, Result};
use printbell_harness::template::{FunctionResource, Template};

use crate::architecture::{self, Architecture};
use crate::bundle;
use crate::process::Program;
use crate::progress::{self, Step};
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Where `sam deploy --guided` puts its answers. It takes no file that isn't there, so it begins as a copy of `samconfig.toml`.
const ANSWERS: &str = "deploy.toml";

/// What `cargo xtask build` can be told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The processor that the functions are for, whatever this machine has.
    #[arg(long, value_enum, default_value_t = Architecture::X86_64)]
    architecture: Architecture,
}

/// `cargo xtask build`: the functions, ready for `sam deploy`.
pub async fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    let tools = Tools::find(workspace)?;
    let _building = workspace.lock("build").await?;
    tools.install_tools().await?;
    let sums = build(workspace, &tools, arguments.architecture).await?;
    let answers = workspace.root().join(ANSWERS);
    if !answers.exists() {
        std::fs::copy(workspace.root().join("samconfig.toml"), &answers)
            .with_context(|| format!("can't write {}", answers.display()))?;
    }
    anstream::print!("{sums}");
    progress::success(&format!(
        "Built for {}. Next: sam deploy --guided --config-file {ANSWERS}",
        arguments.architecture
    ));
    Ok(())
}

/// Builds the functions for this processor and lays them out where `sam deploy` looks for them.
///
/// `sam build` alone would do, but it compiles one function after the other and shows nothing meanwhile. So cargo-lambda
/// compiles them all first, in one go, and finds nothing left to do when `sam build` calls it. What was packed from the same
/// is left as it is: whoever runs it isn't disturbed.
///
/// Answers with the SHA-256 of what is deployed.
pub async fn build(workspace: &Workspace, tools: &Tools, architecture: Architecture) -> Result<String> {
    let release = tools
        .auditable(tools.program("cargo"))
        .args(["lambda", "build", "--release", "--locked", architecture.option()])
        .args(each("--package")?);
    compile(workspace, release, "Compiling the functions for AWS").await?;

    let functions = Template::read()?.functions()?;
    let template = printbell_harness::workspace::built().join("template.yaml");
    let origin = bundle::origin(&origins(workspace, &functions), &packer(architecture)?)?;
    if let Some(sums) = bundle::find(&template, &origin) {
        return Ok(sums);
    }
    let step = Step::begin("Packing them with sam");
    let sam = tools
        .auditable(tools.sam("build"))
        .arg("--parameter-overrides")
        .arg(format!("Architecture={architecture}"));
    sam.current_dir(workspace.root())
        .run_into(&workspace.local("sam-build.log"))
        .await?;
    let programs: Vec<_> = functions.iter().map(FunctionResource::deployable).collect();
    architecture::seal(&template, programs.iter().map(PathBuf::as_path), architecture)?;
    let sums = bundle::write(&template, &functions, &origin)?;
    step.done();
    Ok(sums)
}

/// What `sam build` packs: the template, and the programs as cargo-lambda leaves them.
fn origins(workspace: &Workspace, functions: &[FunctionResource]) -> Vec<PathBuf> {
    let compiled = workspace.target().join("lambda");
    let programs = functions
        .iter()
        .map(|function| compiled.join(&function.name).join("bootstrap"));
    std::iter::once(workspace.root().join("template.yaml"))
        .chain(programs)
        .collect()
}

/// Who packs: this program as it was compiled, with the pinned `sam`, for a processor.
fn packer(architecture: Architecture) -> Result<String> {
    let metadata = std::env::current_exe()?.metadata()?;
    let compiled = metadata.modified()?.duration_since(std::time::UNIX_EPOCH)?;
    Ok(format!("{architecture} {} {}", compiled.as_nanos(), metadata.len()))
}

/// Builds the functions as `cargo lambda watch` runs them, so that nobody's first call waits for a compiler: by the names
/// of their binaries, for with those of their packages Cargo would choose fewer features of their dependencies.
pub async fn build_for_this_machine(workspace: &Workspace, tools: &Tools) -> Result<PathBuf> {
    let debug = tools.program("cargo").arg("build").args(each("--bin")?);
    compile(workspace, debug, "Compiling the functions for this machine").await?;
    Ok(workspace.target().join("debug"))
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
    step.at("minutes at first, seconds later");
    let cargo = cargo
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "80")
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

    /// Stands in for cargo: "compiles" by writing the first bytes of a program for the processor of `--target`, and leaves
    /// everything else to the real one.
    const CARGO: &str = r#"#!/bin/sh
case "$1" in
  lambda) exec cargo-lambda "$@" ;;
  build) ;;
  *) exec "$REAL_CARGO" "$@" ;;
esac
while [ $# -gt 0 ]; do
  [ "$1" = --target ] && target=$2
  shift
done
folder=$CARGO_TARGET_DIR/$target/release
mkdir -p "$folder"
case "$target" in aarch64-*) machine=267 ;; *) machine=76 ;; esac
for name in $FUNCTIONS; do
  printf '\177ELF\002\001\001\0\0\0\0\0\0\0\0\0\003\0\'$machine'\0' > "$folder/$name"
done
"#;

    /// Stands in for a compiler on an ARM machine, where it is asked which one that is.
    const RUSTC: &str = r#"#!/bin/sh
[ "$1" = -vV ] || exec rustc "$@"
rustc -vV | sed 's/^host: .*/host: aarch64-unknown-linux-gnu/'
"#;

    /// `sam build` of the real template by the real cargo-lambda, on a machine that says it is ARM: what is built is what the
    /// parameter says, and not what the machine is.
    #[test]
    fn sam_build_goes_by_the_parameter_and_not_by_the_machine() {
        use std::os::unix::fs::PermissionsExt as _;

        let workspace = Workspace::find();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, script) in [("cargo", CARGO), ("arm-rustc", RUSTC)] {
            std::fs::write(path(name), script).unwrap();
            std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let tools = workspace.local("tools/bin");
        let before = std::env::var_os("PATH").unwrap();
        let searched = [folder.path(), &tools].map(PathBuf::from).into_iter();
        let searched = std::env::join_paths(searched.chain(std::env::split_paths(&before))).unwrap();
        let functions = Template::read().unwrap().functions().unwrap();
        let names: Vec<_> = functions.iter().map(|function| function.name.as_str()).collect();
        for (said, architecture) in [
            (None, Architecture::X86_64),
            (Some(Architecture::X86_64), Architecture::X86_64),
            (Some(Architecture::Arm64), Architecture::Arm64),
        ] {
            let mut build = std::process::Command::new(tools.join("sam"));
            build
                .args(["build", "--config-env", "local", "--build-dir"])
                .arg(path("built"));
            if let Some(said) = said {
                build.args(["--parameter-overrides", &format!("Architecture={said}")]);
            }
            let output = build
                .current_dir(workspace.root())
                .env("PATH", &searched)
                .env("CARGO", path("cargo"))
                .env("RUSTC", path("arm-rustc"))
                .env("RUSTUP", "not-there")
                .env("CARGO_TARGET_DIR", path("target"))
                .env("REAL_CARGO", env!("CARGO"))
                .env("FUNCTIONS", names.join(" "))
                .env("SAM_CLI_TELEMETRY", "0")
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            for function in &functions {
                let program = path("built").join(&function.logical_id).join("bootstrap");
                let found = Architecture::of_program(&program).unwrap();
                assert_eq!(found, architecture, "{} where {said:?} was said", function.name);
            }
        }
    }
}

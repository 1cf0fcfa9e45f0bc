//! `cargo xtask test`: everything that must hold.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Result, ensure};
use printbell_harness::stack::STACK_VARIABLE;
use printbell_harness::template::{FunctionResource, Template};

use crate::architecture::Architecture;
use crate::artifacts;
use crate::emulator::REGION;
use crate::local::{Setting, System};
use crate::process::Program;
use crate::progress::{self, Step};
use crate::tools::Tools;
use crate::workspace::Workspace;

const TESTED: Setting = Setting {
    purpose: "test",
    // It doesn't come round meanwhile: the tests run renew themselves.
    schedule: "rate(15 minutes)",
    any_token: false,
};

/// The documents' commands empty queues, rotate keys and more: they have a system to themselves.
const DOCUMENTS: Setting = Setting {
    purpose: "documents",
    ..TESTED
};

/// Where `tests/documents` finds it.
const DOCUMENTS_STACK_VARIABLE: &str = "PRINTBELL_DOCUMENTS_STACK";
/// And this program, for what the documents do with it.
const XTASK_VARIABLE: &str = "PRINTBELL_XTASK";

/// What `cargo xtask test` can be told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Also runs what takes too long for every change: a hundred million registrations for a year.
    #[arg(long, conflicts_with = "filter")]
    all: bool,
    /// Runs only these tests and no other checks: arguments for `cargo nextest run`, such as a part of a test's name.
    #[arg(last = true)]
    filter: Vec<String>,
}

/// What has been found so far.
#[derive(Debug, Default)]
struct Findings {
    passes: u64,
    failures: Vec<String>,
}

impl Findings {
    /// Counts one check, and shows what it has to say if it failed.
    fn check(&mut self, step: Step, result: Result<()>) {
        match result {
            Ok(()) => {
                self.passes += 1;
                step.done();
            }
            Err(error) => {
                self.failures.push(step.title().to_owned());
                step.failed();
                progress::failure(&error);
            }
        }
    }
}

/// Runs everything, even when something fails, and then says what did.
pub async fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    let tools = Tools::find(workspace)?;
    let _alone = workspace.lock("test").await?;
    let run = Run {
        workspace,
        tools: &tools,
    };
    let mut findings = Findings::default();
    let everything = arguments.filter.is_empty();
    let check_source = async {
        if everything {
            run.check_source(&mut findings).await;
            tools.install_checkov().await?;
        }
        Ok(())
    };
    // One waits for the processor, the others for the network.
    tokio::try_join!(check_source, tools.install_tools(), tools.install_emulator())?;
    if everything {
        run.check_packaging(&mut findings).await;
    }
    let systems = run.deploy(&mut findings).await;
    if everything {
        run.check_bills(&mut findings).await?;
    }
    run.test(&mut findings, systems.as_ref(), &arguments.filter).await?;
    drop(systems);
    if arguments.all {
        run.simulate(&mut findings).await;
    }

    let Findings { passes, failures } = findings;
    for title in &failures {
        anstream::println!("failed: {title}");
    }
    anstream::println!("{passes} passed, {} failed", failures.len());
    ensure!(failures.is_empty(), "not everything holds");
    Ok(())
}

struct Run<'a> {
    workspace: &'a Workspace,
    tools: &'a Tools,
}

impl Run<'_> {
    /// What needs nothing but Rust.
    async fn check_source(&self, findings: &mut Findings) {
        let cargo = |arguments: &[&str]| self.tools.program("cargo").args(arguments);
        self.check(findings, "Formatting", "fmt", cargo(&["fmt", "--all", "--check"]))
            .await;
        let clippy = cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ]);
        self.check(findings, "Clippy, with warnings as errors", "clippy", clippy)
            .await;
        let doc = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings");
        self.check(findings, "Documentation, with warnings as errors", "doc", doc)
            .await;
    }

    /// What is deployed and what it is made of.
    async fn check_packaging(&self, findings: &mut Findings) {
        let lint = self
            .tools
            .sam("validate")
            .args(["--lint"])
            .env("AWS_DEFAULT_REGION", REGION);
        self.check(findings, "The template", "template", lint).await;
        let checkov = self
            .tools
            .checkov()
            .args(["--framework", "cloudformation", "--file", "template.yaml"]);
        self.check(findings, "The template, by common policies", "checkov", checkov)
            .await;
        // cargo-deny looks at what every platform would get; building has fetched this one's part only.
        let fetch = self.tools.program("cargo").args(["fetch", "--quiet"]);
        self.check(findings, "All dependencies, fetched", "fetch", fetch).await;
        let deny = self
            .tools
            .tool("cargo-deny")
            .args(["--offline", "check", "bans", "licenses", "sources"]);
        self.check(findings, "Licences, bans and sources", "deny", deny).await;
    }

    /// What is heavy.
    async fn simulate(&self, findings: &mut Findings) {
        let simulate = self.tools.driver(self.workspace, "printbell-rehearsal", "simulate");
        let title = "A hundred million registrations for a year";
        self.check(findings, title, "simulate", simulate).await;
    }

    async fn check(&self, findings: &mut Findings, title: &str, log: &str, program: Program) {
        let step = Step::begin(title);
        let log = self.workspace.local(&format!("run/{log}.log"));
        let result = program.current_dir(self.workspace.root()).run_into(&log).await;
        findings.check(step, result);
    }

    /// The systems that the end-to-end tests look at; they fail without them.
    async fn deploy(&self, findings: &mut Findings) -> Option<[System; 2]> {
        let deploy = async {
            let _building = self.workspace.lock("build").await?;
            artifacts::build(self.workspace, self.tools, Architecture::here()?).await?;
            let tested = System::start(self.workspace, self.tools, TESTED).await?;
            let documents = System::start(self.workspace, self.tools, DOCUMENTS).await?;
            Ok([tested, documents])
        };
        let (systems, result) = match deploy.await {
            Ok(systems) => (Some(systems), Ok(())),
            Err(error) => (None, Err(error)),
        };
        findings.check(Step::begin("The system, deployed on this machine"), result);
        systems
    }

    /// What the functions are made of, as it is written down.
    async fn check_bills(&self, findings: &mut Findings) -> Result<()> {
        let functions = Template::read()?.functions()?;
        let bills = functions.iter().map(FunctionResource::bill_of_materials);
        let check = self.tools.cyclonedx().args(bills);
        let title = "The bills of materials, by CycloneDX's schema";
        self.check(findings, title, "cyclonedx", check).await;
        Ok(())
    }

    /// The tests, those of the deployed system included.
    async fn test(&self, findings: &mut Findings, systems: Option<&[System; 2]>, filter: &[String]) -> Result<()> {
        let log = self.workspace.local("run/tests.log");
        let mut nextest = self
            .tools
            .tool("cargo-nextest")
            .args([
                "nextest",
                "run",
                "--workspace",
                "--no-fail-fast",
                "--status-level",
                "slow",
            ])
            .args(["--final-status-level", "slow", "--hide-progress-bar"])
            .args(filter)
            // What differs from a snapshot is a failure, and no proposal of a new one.
            .env("INSTA_UPDATE", "no")
            .current_dir(self.workspace.root());
        if std::io::stderr().is_terminal() {
            nextest = nextest.env("CARGO_TERM_COLOR", "always");
        }
        let variables = [STACK_VARIABLE, DOCUMENTS_STACK_VARIABLE];
        for (system, variable) in systems.into_iter().flatten().zip(variables) {
            let stack = self.workspace.local(&format!("run/{variable}.json"));
            system.stack.write(&stack)?;
            nextest = nextest.env(variable, stack);
        }
        nextest = nextest.env(XTASK_VARIABLE, std::env::current_exe()?);
        let result = nextest.run_watching(&log, |output| anstream::eprint!("{output}")).await;
        match Summary::read(&log) {
            Some(summary) => {
                findings.passes += summary.passes;
                findings.failures.extend(summary.failures);
            }
            None => findings.failures.push("The tests".to_owned()),
        }
        if let (Err(error), true) = (result, findings.failures.is_empty()) {
            findings.failures.push("The tests".to_owned());
            progress::failure(&error);
        }
        Ok(())
    }
}

/// What nextest says at its end.
#[derive(Debug, PartialEq, Eq)]
struct Summary {
    passes: u64,
    failures: Vec<String>,
}

impl Summary {
    fn read(log: &Path) -> Option<Self> {
        Self::parse(&String::from_utf8_lossy(&std::fs::read(log).ok()?))
    }

    /// Reads `Summary [ 1.2s] 9 tests run: 7 passed (1 slow), 2 failed, 0 skipped` and the tests named after it.
    fn parse(text: &str) -> Option<Self> {
        let text = anstream::adapter::strip_str(text).to_string();
        let (_, end) = text.rsplit_once("Summary [")?;
        let (summary, names) = end.split_once('\n').unwrap_or((end, ""));
        let (_, counts) = summary.split_once("run: ")?;
        let passes = counts.split(" passed").next()?.trim().parse().ok()?;
        let bad = ["FAIL", "TIMEOUT", "SIGABRT", "SIGSEGV", "ABORT", "LEAK-FAIL"];
        let failures = names.lines().filter_map(|line| {
            let (status, test) = line.trim().split_once(" [")?;
            let (_, test) = test.split_once("] ")?;
            bad.iter()
                .any(|word| status.contains(word))
                .then(|| test.trim().to_owned())
        });
        Some(Self {
            passes,
            failures: failures.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_nextest_is_read() {
        let good = "...\n     Summary [   0.204s] 2 tests run: 2 passed, 7 skipped\n";
        assert_eq!(
            Summary::parse(good),
            Some(Summary {
                passes: 2,
                failures: vec![]
            })
        );
        let bad = "     Summary [   1.204s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 0 skipped\n\
                   \u{1b}[31m        FAIL\u{1b}[0m [   0.018s] (1/9) xtask a::b\n     TIMEOUT [  60.018s] (2/9) xtask c::d\n";
        let failures = vec!["(1/9) xtask a::b".to_owned(), "(2/9) xtask c::d".to_owned()];
        assert_eq!(Summary::parse(bad), Some(Summary { passes: 7, failures }));
        assert_eq!(Summary::parse("error: could not compile"), None);
    }
}

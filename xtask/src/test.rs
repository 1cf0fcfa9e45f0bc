//! `cargo xtask test`: everything that must hold.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use printbell_harness::stack::{DOCUMENTS_STACKS_VARIABLE, STACKS_VARIABLE};
use printbell_harness::template::{BINARIES_VARIABLE, FunctionResource, Template};
use printbell_harness::workspace::{JUDGES_VARIABLE, XTASK_VARIABLE};
use serde_json::Value;

use crate::architecture::Architecture;
use crate::artifacts;
use crate::emulator::REGION;
use crate::local::{Setting, System};
use crate::process::Program;
use crate::progress::{self, Step};
use crate::tools::Tools;
use crate::workspace::Workspace;

/// One for each of the end-to-end tests that run at the same time (`.config/nextest.toml`).
const TESTED: [Setting; 2] = [setting("test"), setting("test-too")];

/// The documents' commands empty queues, rotate keys and more: nobody else is to find what they leave.
const DOCUMENTS: [Setting; 2] = [setting("documents"), setting("documents-too")];

const fn setting(purpose: &'static str) -> Setting {
    Setting {
        purpose,
        // It doesn't come round meanwhile: the tests run renew themselves.
        schedule: "rate(15 minutes)",
        any_token: false,
    }
}

/// What `cargo xtask test` can be told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Also runs what takes too long for every change: a hundred million registrations for a year.
    #[arg(long, conflicts_with = "filter")]
    all: bool,
    /// Runs only what needs neither the functions' binaries nor the emulator: a minute.
    #[arg(long, conflicts_with_all = ["filter", "all"])]
    fast: bool,
    /// Runs only these tests and no other checks: arguments for `cargo nextest run`, such as a part of a test's name. Builds and
    /// deploys what they need and nothing else.
    #[arg(last = true)]
    filter: Vec<String>,
}

/// What `--fast` runs: the rules, the adapters, the simulator and what the repository says; nothing that starts the functions, walks at
/// random, or checks state by state.
const FAST: &str = "not (binary(renewal) + binary(storm) + binary(documents) + binary(description) + binary(registrations) \
                    + binary(receiver) + binary(alarms) + binary(notifications) + test(samples::) + test(sizes::) \
                    + test(supply::) + binary(fuzz) + test(fuzz::) + test(sam_build) + package(printbell-rehearsal))";

/// What a test stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ground {
    /// The functions' binaries, compiled however.
    Binaries,
    /// The same, and those who judge what describes them.
    Judges,
    /// The same, as they go to AWS.
    Release,
    /// The systems of the end-to-end tests.
    Tested,
    /// The systems of the documents.
    Documents,
}

impl Ground {
    const ALL: [Self; 4] = [Self::Judges, Self::Release, Self::Tested, Self::Documents];

    /// By the binary that a test is in, and the beginning of its name; the first that fits. What is in none needs nothing.
    const OF: [(&str, &str, Self); 12] = [
        ("renewal", "", Self::Tested),
        ("storm", "", Self::Tested),
        ("documents", "", Self::Documents),
        ("repository", "sizes::", Self::Release),
        ("repository", "supply::", Self::Release),
        ("repository", "samples::", Self::Binaries),
        ("registrations", "scale::", Self::Release),
        ("registrations", "", Self::Binaries),
        ("receiver", "", Self::Binaries),
        ("notifications", "", Self::Binaries),
        ("alarms", "", Self::Binaries),
        ("description", "", Self::Judges),
    ];

    fn of(binary: &str, test: &str) -> Option<Self> {
        let found = Self::OF
            .iter()
            .find(|(of, begin, _)| *of == binary && test.starts_with(begin));
        found.map(|(.., ground)| *ground)
    }

    /// The systems that it is, and the variable that tells the tests where those are.
    fn systems(self) -> Option<(&'static [Setting], &'static str)> {
        match self {
            Self::Tested => Some((&TESTED, STACKS_VARIABLE)),
            Self::Documents => Some((&DOCUMENTS, DOCUMENTS_STACKS_VARIABLE)),
            Self::Binaries | Self::Judges | Self::Release => None,
        }
    }
}

/// What the tests stand on, as long as it is kept.
#[derive(Debug, Default)]
struct Prepared {
    systems: Vec<System>,
    /// Where the tests find them.
    variables: Vec<(&'static str, OsString)>,
    /// The folder of binaries that aren't as they go to AWS.
    binaries: Option<PathBuf>,
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
    let filter = match arguments.fast {
        true => vec!["-E".to_owned(), FAST.to_owned()],
        false => arguments.filter,
    };
    let grounds = if filter.is_empty() {
        let check_source = async {
            run.check_source(&mut findings).await;
            tools.install_checkov().await
        };
        // One waits for the processor, the others for the network.
        tokio::try_join!(check_source, tools.install_tools(), tools.install_emulator())?;
        run.check_packaging(&mut findings).await;
        Ground::ALL.into()
    } else {
        tools.install_tools().await?;
        let grounds = run.grounds(&filter).await?;
        if grounds.iter().any(|ground| ground.systems().is_some()) {
            tools.install_emulator().await?;
        }
        grounds
    };
    if arguments.fast {
        run.check_formatting(&mut findings).await;
    }
    let prepared = run.prepare(&mut findings, &grounds).await;
    if filter.is_empty() {
        run.check_bills(&mut findings).await?;
    }
    run.test(&mut findings, &prepared, &filter).await?;
    drop(prepared);
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
        self.check_formatting(findings).await;
        let cargo = |arguments: &[&str]| self.tools.program("cargo").args(arguments);
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

    async fn check_formatting(&self, findings: &mut Findings) {
        let fmt = self.tools.program("cargo").args(["fmt", "--all", "--check"]);
        self.check(findings, "Formatting", "fmt", fmt).await;
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

    /// What the tests of a filter stand on.
    async fn grounds(&self, filter: &[String]) -> Result<BTreeSet<Ground>> {
        let step = Step::begin("Compiling the tests that were asked for");
        let list = self
            .tools
            .tool("cargo-nextest")
            .args(["nextest", "list", "--workspace", "--message-format", "json"])
            .args(filter)
            .current_dir(self.workspace.root());
        let grounds = grounds_in(&list.output().await?)?;
        step.done();
        Ok(grounds)
    }

    /// Builds and deploys what the tests stand on; they fail without.
    async fn prepare(&self, findings: &mut Findings, grounds: &BTreeSet<Ground>) -> Prepared {
        let mut prepared = Prepared::default();
        let prepare = async {
            if grounds.contains(&Ground::Judges) {
                self.tools.install_judges().await?;
            }
            let _building = self.workspace.lock("build").await?;
            if grounds.iter().any(|ground| *ground >= Ground::Release) {
                artifacts::build(self.workspace, self.tools, Architecture::here()?).await?;
            } else if !grounds.is_empty() {
                prepared.binaries = Some(artifacts::build_for_this_machine(self.workspace, self.tools).await?);
            }
            for (settings, variable) in grounds.iter().filter_map(|ground| ground.systems()) {
                let mut files = Vec::new();
                for setting in settings {
                    let system = System::start(self.workspace, self.tools, *setting).await?;
                    let file = self.workspace.local(&format!("run/{}.json", setting.purpose));
                    system.stack.write(&file)?;
                    files.push(file);
                    prepared.systems.push(system);
                }
                prepared.variables.push((variable, std::env::join_paths(files)?));
            }
            Ok(())
        };
        let result = prepare.await;
        if result.is_err() || !prepared.systems.is_empty() {
            findings.check(Step::begin("The system, deployed on this machine"), result);
        }
        prepared
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
    async fn test(&self, findings: &mut Findings, prepared: &Prepared, filter: &[String]) -> Result<()> {
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
        if let Some(binaries) = &prepared.binaries {
            nextest = nextest.env(BINARIES_VARIABLE, binaries);
        }
        for (variable, files) in &prepared.variables {
            nextest = nextest.env(variable, files);
        }
        nextest = nextest.env(XTASK_VARIABLE, std::env::current_exe()?);
        nextest = nextest.env(JUDGES_VARIABLE, self.tools.judges());
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

/// Reads what `cargo nextest list` says: the tests that a filter lets through, and what they stand on.
fn grounds_in(list: &[u8]) -> Result<BTreeSet<Ground>> {
    let list: Value = serde_json::from_slice(list).context("`cargo nextest list` says something else than JSON")?;
    let suites = list["rust-suites"]
        .as_object()
        .into_iter()
        .flat_map(|suites| suites.values());
    let tests = suites.flat_map(|suite| {
        let binary = suite["binary-name"].as_str().unwrap_or_default();
        let cases = suite["testcases"].as_object().into_iter().flatten();
        let cases = cases.filter(|(_, case)| case["filter-match"]["status"] == "matches");
        cases.map(move |(name, _)| (binary, name.as_str()))
    });
    Ok(tests.filter_map(|(binary, test)| Ground::of(binary, test)).collect())
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
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_prepares_what_its_tests_stand_on_and_nothing_else() {
        let list = |binary: &str, test: &str, status: &str| {
            let cases =
                json!({test: {"filter-match": {"status": status}}, "other": {"filter-match": {"status": "mismatch"}}});
            json!({"rust-suites": {"id": {"binary-name": binary, "testcases": cases}}}).to_string()
        };
        for (binary, test, ground) in [
            ("printbell_shared", "callback::keys::tests::one", None),
            ("repository", "tidy::one", None),
            ("repository", "sizes::one", Some(Ground::Release)),
            ("receiver", "faults::one", Some(Ground::Binaries)),
            ("registrations", "register::one", Some(Ground::Binaries)),
            ("registrations", "scale::one", Some(Ground::Release)),
            ("renewal", "life::one", Some(Ground::Tested)),
            ("documents", "readme::one", Some(Ground::Documents)),
        ] {
            let found = grounds_in(list(binary, test, "matches").as_bytes()).unwrap();
            assert_eq!(found, ground.into_iter().collect(), "{binary} {test}");
            assert!(
                grounds_in(list(binary, test, "mismatch").as_bytes())
                    .unwrap()
                    .is_empty()
            );
        }
    }

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

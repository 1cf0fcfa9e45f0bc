//! Somebody who reads a document and types what it says, in a shell of their own.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use printbell_harness::workspace::{XTASK_VARIABLE, on_path};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::text::{Block, Mark, blocks};

/// Longest time that a block may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Ends the output of a block.
const END: &str = "=== end of the block";

/// Where the program `cargo xtask` is: the one that runs these tests.
pub fn xtask() -> PathBuf {
    let path = std::env::var_os(XTASK_VARIABLE);
    path.unwrap_or_else(|| panic!("{XTASK_VARIABLE} isn't set; run `cargo xtask test`"))
        .into()
}

/// A shell that stops at the first command that fails, in an empty folder, with `aws` and `curl` that reach the emulator under AWS's
/// own names.
pub struct Person {
    folder: TempDir,
    _shell: Child,
    keyboard: ChildStdin,
    screen: Lines<BufReader<ChildStdout>>,
    typed: usize,
}

impl Person {
    /// Somebody who knows of no AWS yet.
    pub async fn without_environment() -> Self {
        Self::new([]).await
    }

    /// Somebody who finds this in the environment.
    pub async fn new(environment: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("bin");
        std::fs::create_dir(&programs).unwrap();
        for name in ["aws", "curl"] {
            witness(&programs, name, folder.path());
        }
        // It minds its own calls.
        let own_path = std::env::var("PATH").unwrap();
        let cargo = format!(
            "#!/bin/sh\nshift\nPATH='{own_path}' exec '{}' \"$@\"\n",
            xtask().display()
        );
        install(&programs.join("cargo"), &cargo);

        let mut path = std::ffi::OsString::from(&programs);
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc"]).current_dir(&home).env_clear();
        command
            .env("PATH", path)
            .env("HOME", &home)
            .env("LANG", "C.UTF-8")
            .envs(environment);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let errors = std::fs::File::create(folder.path().join("errors")).unwrap();
        let mut shell = command.stderr(errors).kill_on_drop(true).spawn().unwrap();
        let keyboard = shell.stdin.take().unwrap();
        let screen = BufReader::new(shell.stdout.take().unwrap()).lines();
        let mut person = Self {
            folder,
            _shell: shell,
            keyboard,
            screen,
            typed: 0,
        };
        person.run("set -euo pipefail\n", "the shell's options").await;
        person
    }

    /// The folder that `~` is.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Sets a variable that the text asks its reader for.
    pub async fn set(&mut self, name: &str, value: &str) {
        assert!(!value.contains('\''), "{value}");
        self.run(&format!("export {name}='{value}'\n"), name).await;
    }

    /// Types a block; answers with what the screen shows. Of a block that works only on AWS, the emulator has to refuse something, and
    /// `aws` to take it as far as it goes without sending it.
    ///
    /// # Panics
    /// When a command fails, with all that it said.
    pub async fn types(&mut self, block: &Block) -> String {
        let place = format!("{}:{}", block.document, block.line);
        let before = self.witnessed().len();
        let only_on_aws = matches!(block.mark, Mark::OnlyOnAws(_));
        let commands = if only_on_aws {
            format!("export ONLY_ON_AWS=1\n{}unset ONLY_ON_AWS\n", block.commands)
        } else {
            block.commands.clone()
        };
        let screen = self.run(&commands, &place).await;
        let calls = self.witnessed().split_off(before);
        let failed: Vec<_> = calls
            .iter()
            .filter(|call| !call.starts_with("0 ") && !call.starts_with("taken "))
            .collect();
        assert!(failed.is_empty(), "{place}: {failed:#?}\n{}", self.errors());
        let is_refused = calls.iter().any(|call| call.starts_with("taken "));
        assert_eq!(
            is_refused, only_on_aws,
            "{place}: it works on the emulator, so the mark has to go: {calls:#?}"
        );
        screen
    }

    /// Types all of a document's blocks that are to be run here, in order, in this one shell; `after` looks at what came of each.
    pub async fn types_all(&mut self, document: &str, mut after: impl AsyncFnMut(&Block, &str)) {
        for block in blocks(document) {
            if matches!(block.mark, Mark::Run | Mark::OnlyOnAws(_)) {
                let screen = self.types(&block).await;
                after(&block, &screen).await;
            }
        }
        let count = |word: &str| {
            self.witnessed()
                .iter()
                .filter(|call| call.split(' ').nth(1) == Some(word))
                .count()
        };
        println!(
            "{document}: aws was run {} times, curl {} times",
            count("aws"),
            count("curl")
        );
    }

    /// What was run so far, each with its exit code: `0 aws sts get-caller-identity`.
    pub fn witnessed(&self) -> Vec<String> {
        let journal = std::fs::read_to_string(self.folder.path().join("journal")).unwrap_or_default();
        journal.lines().map(str::to_owned).collect()
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("errors")).unwrap()
    }

    async fn run(&mut self, commands: &str, place: &str) -> String {
        self.typed += 1;
        let file = self.folder.path().join(format!("block-{}.sh", self.typed));
        std::fs::write(&file, commands).unwrap();
        // Its input is empty: a command that asks for something fails instead of waiting.
        let line = format!(". '{}' </dev/null; echo; echo '{END}'\n", file.display());
        let mut screen = String::new();
        let reading = async {
            self.keyboard.write_all(line.as_bytes()).await.is_ok()
                && loop {
                    match self.screen.next_line().await.unwrap() {
                        Some(line) if line == END => break true,
                        Some(line) => writeln!(screen, "{line}").unwrap(),
                        None => break false,
                    }
                }
        };
        let finished = tokio::time::timeout(PATIENCE, reading).await.unwrap_or(false);
        assert!(
            finished,
            "{place}: {commands}\nfailed, or took over {PATIENCE:?}:\n{screen}\n{}",
            self.errors()
        );
        screen
    }
}

/// Puts a program before the real one that writes down each call and its exit code.
fn witness(programs: &Path, name: &str, folder: &Path) {
    let real = on_path(name).unwrap_or_else(|| panic!("{name} isn't on PATH"));
    let script = format!(
        r#"#!/bin/sh
'{real}' "$@"
code=$?
if [ $code != 0 ] && [ -n "$ONLY_ON_AWS" ] && '{real}' "$@" --generate-cli-skeleton output >/dev/null; then code=taken; fi
printf '%s %s\n' $code "$(echo {name} "$@" | tr '\n' ' ')" >>'{folder}/journal'
[ $code = taken ] || exit $code
"#,
        real = real.display(),
        folder = folder.display()
    );
    install(&programs.join(name), &script);
}

fn install(path: &Path, script: &str) {
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

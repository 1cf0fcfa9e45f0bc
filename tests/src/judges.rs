//! Programs that know nothing of Printbell, and judge what it says of itself.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};

use printbell_harness::workspace::{self, JUDGES_VARIABLE};

/// A program of theirs, to be run in the repository, where `tests/judges` tells it what to judge by.
pub fn judge(program: &str) -> Command {
    let environment = std::env::var_os(JUDGES_VARIABLE);
    let environment =
        environment.unwrap_or_else(|| panic!("{JUDGES_VARIABLE} isn't set: run this by `cargo xtask test`"));
    let mut command = Command::new(PathBuf::from(environment).join("bin").join(program));
    command
        .current_dir(workspace::root())
        // Nobody's settings, caches and byte code but the repository's.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_COLOR", "1");
    command
}

/// What it says, if it finds nothing wrong.
pub fn verdict<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> String {
    let output = judge(program).args(arguments).output();
    let Output { status, stdout, stderr } = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{program}: {status}\n{stdout}{stderr}");
    stdout.into_owned()
}

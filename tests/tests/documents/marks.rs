//! How much of what the documents say is run, and what isn't, and why.

use std::collections::BTreeMap;
use std::process::Command;

use printbell_harness::template::Template;

use crate::person::xtask;
use crate::text::{Mark, blocks, documents, snippets, text};

/// What is done with a block, and why it isn't run here.
fn kind(mark: &Mark) -> (&'static str, &str) {
    match mark {
        Mark::Run => ("run here", ""),
        Mark::OnlyOnAws(reason) => ("only on AWS", reason),
        Mark::Gate(reason) => ("run by the gate", reason),
        Mark::ByHand(reason) => ("by hand", reason),
    }
}

#[test]
fn every_block_is_run_or_says_why_not() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for block in documents().iter().flat_map(|document| blocks(document)) {
        let (kind, reason) = kind(&block.mark);
        *counts.entry(kind).or_default() += 1;
        if block.mark != Mark::Run {
            println!("{}:{}: {kind}: {reason}", block.document, block.line);
        }
    }
    println!("blocks: {counts:?}");
    assert!(
        counts["run here"] > counts.values().sum::<usize>() * 3 / 4,
        "{counts:?}"
    );
}

/// An interactive zsh takes `#` for a word, and runs what stands in backticks behind it.
#[test]
fn no_block_has_a_comment() {
    for block in documents().iter().flat_map(|document| blocks(document)) {
        let comment = block
            .commands
            .lines()
            .find(|line| line.starts_with('#') || line.contains(" #"));
        assert_eq!(comment, None, "{}:{}", block.document, block.line);
    }
}

#[test]
fn every_program_is_run_or_says_why_not() {
    let mut counts: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for snippet in documents().iter().flat_map(|document| snippets(document)) {
        let (kind, reason) = kind(&snippet.mark);
        if snippet.mark != Mark::Run {
            println!("{}:{}: {kind}: {reason}", snippet.document, snippet.line);
        }
        *counts.entry((snippet.language, kind)).or_default() += 1;
    }
    println!("programs: {counts:?}");
    let expected = [
        ("python", "run here"),
        ("rust", "run here"),
        ("swift", "by hand"),
        ("typescript", "run here"),
    ];
    let found: Vec<_> = counts
        .keys()
        .map(|(language, kind)| (language.as_str(), *kind))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn parameters_that_are_to_be_set_exist() {
    let template = Template::read().unwrap();
    for block in documents().iter().flat_map(|document| blocks(document)) {
        let Some((_, overrides)) = block.commands.split_once("--parameter-overrides ") else {
            continue;
        };
        let line = overrides.lines().next().unwrap();
        for parameter in line.split_whitespace().filter_map(|word| word.split_once('=')) {
            assert!(
                template.parameters().any(|known| known == parameter.0),
                "{}:{}: {}",
                block.document,
                block.line,
                parameter.0
            );
        }
    }
}

/// These hand `--help` on to a program of their own, which would be compiled for it.
const DRIVERS: [&str; 2] = ["bench", "simulate"];

/// Commands in the running text, too: with `--help` behind it, a command reads its options and does nothing.
#[test]
fn every_cargo_xtask_of_the_running_text_is_taken() {
    let mut seen = 0;
    for document in documents() {
        let text = text(&document);
        for command in text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter_map(|span| span.strip_prefix("cargo xtask "))
        {
            let words: Vec<_> = command.split_whitespace().collect();
            let is_driver = DRIVERS.contains(&words[0]);
            let arguments = if is_driver {
                vec!["help", words[0]]
            } else {
                [&words[..], &["--help"]].concat()
            };
            let output = Command::new(xtask()).args(arguments).output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{document}: cargo xtask {command}: {error}");
            seen += 1;
        }
    }
    println!("{seen} times `cargo xtask` in the running text");
    assert!(seen >= 10, "{seen}");
}

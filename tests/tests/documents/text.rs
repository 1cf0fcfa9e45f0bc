//! Blocks of commands, as they stand in the documents.

use std::path::PathBuf;

use printbell_harness::workspace;

/// What becomes of a block here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is run.
    Run,
    /// The emulator can't do it: `<!-- only on AWS: why -->`.
    OnlyOnAws(String),
    /// `cargo xtask test` does it, by itself: `<!-- run by the gate: how -->`.
    Gate(String),
    /// Nobody but a person does it: `<!-- by hand: why -->`.
    ByHand(String),
}

/// One fenced `sh` block.
#[derive(Clone, Debug)]
pub struct Block {
    /// `README.md`.
    pub document: String,
    /// Where its fence is.
    pub line: usize,
    pub mark: Mark,
    pub commands: String,
}

/// `README.md` and `docs/*.md`, by their paths.
pub fn documents() -> Vec<String> {
    let folder = std::fs::read_dir(workspace::root().join("docs")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut documents: Vec<_> = names
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    documents.push("README.md".to_owned());
    documents.sort();
    documents
}

/// The text of a document.
pub fn text(document: &str) -> String {
    let path: PathBuf = workspace::root().join(document);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// A document's blocks, in order.
pub fn blocks(document: &str) -> Vec<Block> {
    let text = text(document);
    let (mut blocks, mut before) = (Vec::new(), "");
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let body: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| !line.starts_with("```"))
                .collect();
            assert!(
                ["sh", "json", ""].contains(&language),
                "{document}:{}: commands are `sh`, not {language}",
                index + 1
            );
            if language == "sh" {
                blocks.push(Block {
                    document: document.to_owned(),
                    line: index + 1,
                    mark: mark(before),
                    commands: body.join("\n") + "\n",
                });
            }
        }
        before = line;
    }
    blocks
}

fn mark(line: &str) -> Mark {
    let comment = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
    let Some((kind, reason)) = comment.and_then(|comment| comment.split_once(": ")) else {
        return Mark::Run;
    };
    match kind {
        "only on AWS" => Mark::OnlyOnAws(reason.to_owned()),
        "run by the gate" => Mark::Gate(reason.to_owned()),
        "by hand" => Mark::ByHand(reason.to_owned()),
        other => panic!("no such mark: {other}"),
    }
}

#[test]
fn a_mark_is_read_with_its_reason() {
    let reason = "the emulator has no such action".to_owned();
    assert_eq!(
        mark("<!-- only on AWS: the emulator has no such action -->"),
        Mark::OnlyOnAws(reason)
    );
    assert_eq!(mark("Then type:"), Mark::Run);
}

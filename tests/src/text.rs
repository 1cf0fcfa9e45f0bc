//! Blocks of commands and programs, as they stand in the documents.

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
    /// Whether it is run.
    pub mark: Mark,
    /// What is typed.
    pub commands: String,
}

impl Block {
    /// What no document has, and a test types.
    pub fn of_a_test(commands: &str) -> Self {
        Self {
            document: "the test".to_owned(),
            line: 0,
            mark: Mark::Run,
            commands: format!("{commands}\n"),
        }
    }
}

/// One fenced block of a programming language.
#[derive(Clone, Debug)]
pub struct Snippet {
    /// `docs/subscribing.md`.
    pub document: String,
    /// Where its fence is.
    pub line: usize,
    /// Whether it is run.
    pub mark: Mark,
    /// `python`, `rust`, `swift` or `typescript`.
    pub language: String,
    /// Its text.
    pub program: String,
}

/// What programs are written in. Other blocks are commands (`sh`), JSON, or text of no language.
const LANGUAGES: [&str; 4] = ["python", "rust", "swift", "typescript"];

/// `README.md` and its neighbours, and `docs/*.md`, by their paths.
pub fn documents() -> Vec<String> {
    let in_folder = |folder: &str| {
        let entries = std::fs::read_dir(workspace::root().join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let names = names.filter(|name| name.ends_with(".md"));
        names.map(|name| format!("{folder}{name}")).collect::<Vec<_>>()
    };
    let mut documents = [in_folder(""), in_folder("docs/")].concat();
    documents.sort();
    documents
}

/// The text of a document.
pub fn text(document: &str) -> String {
    let path: PathBuf = workspace::root().join(document);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// A document's blocks of commands, in order.
pub fn blocks(document: &str) -> Vec<Block> {
    let sections = sections(document).into_iter();
    sections.flat_map(|section| section.blocks).collect()
}

/// A section of a document that has blocks of commands.
#[derive(Clone, Debug)]
pub struct Section {
    /// Of the second level; empty before the first.
    pub heading: String,
    /// In order.
    pub blocks: Vec<Block>,
}

/// A document's sections with blocks of commands, in order.
pub fn sections(document: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for fence in fences(document).into_iter().filter(|fence| fence.language == "sh") {
        let block = Block {
            document: document.to_owned(),
            line: fence.line,
            mark: mark(&fence.before),
            commands: fence.body,
        };
        match sections.last_mut().filter(|section| section.heading == fence.heading) {
            Some(section) => section.blocks.push(block),
            None => sections.push(Section {
                heading: fence.heading,
                blocks: vec![block],
            }),
        }
    }
    sections
}

/// A document's programs, in order.
pub fn snippets(document: &str) -> Vec<Snippet> {
    let fences = fences(document).into_iter();
    let snippet = |fence: Fence| Snippet {
        document: document.to_owned(),
        line: fence.line,
        mark: mark(&fence.before),
        language: fence.language,
        program: fence.body,
    };
    fences
        .filter(|fence| LANGUAGES.contains(&&*fence.language))
        .map(snippet)
        .collect()
}

/// Whatever stands between two lines of three backticks.
struct Fence {
    line: usize,
    heading: String,
    /// The line before it.
    before: String,
    language: String,
    body: String,
}

fn fences(document: &str) -> Vec<Fence> {
    let text = text(document);
    let (mut fences, mut heading, mut before) = (Vec::new(), "", "");
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let body: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| !line.starts_with("```"))
                .collect();
            assert!(
                LANGUAGES.contains(&language) || ["sh", "json", ""].contains(&language),
                "{document}:{}: commands are `sh`, programs {LANGUAGES:?}, not {language}",
                index + 1
            );
            fences.push(Fence {
                line: index + 1,
                heading: heading.to_owned(),
                before: before.to_owned(),
                language: language.to_owned(),
                body: body.join("\n") + "\n",
            });
        }
        heading = line.strip_prefix("## ").unwrap_or(heading);
        before = line;
    }
    fences
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

//! What the documents link to is there: files, and the headings in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use printbell_harness::workspace;

/// The repository's Markdown files.
pub fn documents() -> Vec<PathBuf> {
    let folders = ["", "docs", "docs/decisions"].map(|folder| workspace::root().join(folder));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let paths = files.map(|file| file.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// The lines of a document that aren't within a fenced block.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_fenced = false;
    text.lines().filter(move |line| {
        let is_fence = line.starts_with("```");
        is_fenced ^= is_fence;
        !is_fence && !is_fenced
    })
}

/// What GitHub makes of a heading: small letters, digits, `-` and `_` stay, and a space becomes `-`.
fn anchor(heading: &str) -> String {
    let small = heading.trim().to_lowercase();
    let kept = small.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The anchors of a document; of headings that are alike, the second one's ends with `-1`.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).filter_map(|line| line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' '));
    let numbered = headings.map(|heading| {
        let anchor = anchor(heading);
        let count = counts.entry(anchor.clone()).or_default();
        *count += 1;
        if *count == 1 {
            anchor
        } else {
            format!("{anchor}-{}", *count - 1)
        }
    });
    numbered.collect()
}

/// The targets of a document's links, but for those to other sites.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text).collect::<Vec<_>>().join("\n");
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let targets = targets.map(|(target, _)| target.to_owned());
    targets.filter(|target| !target.contains("://")).collect()
}

#[test]
fn what_the_documents_link_to_is_there() {
    let (mut files, mut headings, mut broken) = (0, 0, Vec::new());
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let folder = document.parent().unwrap_or(Path::new(""));
            let target = if file.is_empty() {
                document.clone()
            } else {
                folder.join(file)
            };
            let is_there = match anchor {
                "" => target.exists(),
                anchor => std::fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor)),
            };
            files += 1;
            headings += usize::from(!anchor.is_empty());
            if !is_there {
                broken.push(format!("{} links to {link}", document.display()));
            }
        }
    }
    println!("{files} links within the repository, {headings} of them to a heading");
    assert!(broken.is_empty() && headings > 0, "{broken:#?}");
}

#[test]
fn an_anchor_is_what_github_makes_of_a_heading() {
    let text = "# `PublicUrl`: a domain, or none\n```sh\n# no heading\n```\n## By hand\n## By hand\n";
    assert_eq!(
        anchors(text),
        ["publicurl-a-domain-or-none", "by-hand", "by-hand-1"]
            .map(str::to_owned)
            .into()
    );
    assert_eq!(
        links("a [b](c.md#d), ![e](f.svg) and [g](https://h)"),
        ["c.md#d", "f.svg"]
    );
}

//! Snapshots that nothing compares itself with any more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use printbell_harness::workspace;

/// The files and folders in a folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Every folder named `snapshots` below this one; what isn't the repository's own is passed over.
fn snapshot_folders(folder: &Path) -> Vec<PathBuf> {
    let folders = entries(folder).into_iter().filter(|path| path.is_dir());
    folders
        .flat_map(|path| match path.file_name().unwrap().to_str().unwrap() {
            "snapshots" => vec![path],
            name if name == "target" || name.starts_with('.') => vec![],
            _ => snapshot_folders(&path),
        })
        .collect()
}

/// `insta` keeps a snapshot beside the test's source, as `crate__module__test.snap`.
#[test]
fn every_snapshot_has_its_test() {
    let folders = snapshot_folders(workspace::root());
    assert!(!folders.is_empty());
    for folder in folders {
        let sources = entries(folder.parent().unwrap()).into_iter();
        let sources: String = sources
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        let mut tests = BTreeSet::new();
        for file in entries(&folder) {
            let name = file.file_stem().unwrap().to_str().unwrap();
            let test = name.rsplit("__").next().unwrap().to_owned();
            assert_eq!(file.extension().unwrap(), "snap", "{}", file.display());
            assert!(
                sources.contains(&format!("fn {test}(")) || sources.contains(&format!("\"{test}\"")),
                "{} belongs to no test",
                file.display()
            );
            assert!(tests.insert(test), "{} is kept twice", file.display());
        }
    }
}

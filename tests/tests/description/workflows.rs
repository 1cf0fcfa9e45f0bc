//! What GitHub reads of the repository, by the schemas that it publishes for it.

use std::path::Path;

use printbell_harness::workspace;
use printbell_tests::judges::verdict;

/// The YAML files in a folder, as paths in the repository, sorted.
fn files(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(workspace::root().join(folder));
    let entries = entries.unwrap_or_else(|error| panic!("{folder}: {error}"));
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_yaml = |name: &String| {
        Path::new(name)
            .extension()
            .is_some_and(|end| end == "yml" || end == "yaml")
    };
    let mut files: Vec<_> = names.filter(is_yaml).map(|name| format!("{folder}/{name}")).collect();
    files.sort();
    files
}

fn check(schema: &str, files: &[String]) {
    assert!(!files.is_empty(), "nothing to hold against {schema}");
    let arguments = ["--builtin-schema".to_owned(), format!("vendor.{schema}")];
    verdict("check-jsonschema", arguments.iter().chain(files));
    println!("{} files are as {schema} wants them: {}", files.len(), files.join(" "));
}

#[test]
fn github_can_read_the_workflows_and_the_issue_templates() {
    check("github-workflows", &files(".github/workflows"));
    let (config, forms): (Vec<_>, Vec<_>) = files(".github/ISSUE_TEMPLATE")
        .into_iter()
        .partition(|file| file.contains("/config."));
    check("github-issue-forms", &forms);
    check("github-issue-config", &config);
}

//! Documents and code say the same.

use std::collections::BTreeSet;
use std::path::Path;

use printbell_harness::binaries::{self, Binary};

fn read(path: &str) -> String {
    std::fs::read_to_string(binaries::workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The words of `text` that look like the name of an environment variable and stand between two `quote`s.
fn variables(text: &str, quote: char) -> BTreeSet<&str> {
    let like_a_variable =
        |word: &&str| word.contains('_') && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    text.split(quote).skip(1).step_by(2).filter(like_a_variable).collect()
}

#[test]
fn the_template_sets_the_variables_that_a_function_reads() {
    let template = read("template.yaml");
    let shared_settings = read("shared/src/holder/setup.rs");
    for binary in Binary::ALL {
        let resource = template
            .split_once(&format!("\n  {}:\n", binary.logical_id()))
            .unwrap()
            .1;
        let after = resource.split_once("        Variables:\n").unwrap().1;
        let set: BTreeSet<_> = after
            .lines()
            .take_while(|line| line.starts_with("          "))
            .filter_map(|line| line.strip_prefix("          ")?.split_once(':'))
            .map(|(name, _)| name)
            .filter(|name| !name.starts_with(' '))
            .collect();
        let config = read(&format!("functions/{}/src/config.rs", binary.name()));
        let mut read_by_function = variables(&config, '"');
        if matches!(binary, Binary::Register | Binary::Renew) {
            read_by_function.extend(variables(&shared_settings, '"'));
        }
        assert_eq!(set, read_by_function, "{binary:?}");
    }
}

#[test]
fn what_the_documents_link_to_is_there() {
    let markdown = |folder: &str| {
        let files = std::fs::read_dir(binaries::workspace().join(folder)).unwrap();
        let paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        paths
            .into_iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    };
    for document in ["", "docs", "docs/decisions"].into_iter().flat_map(markdown) {
        let text = std::fs::read_to_string(&document).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        for (link, _) in links.filter(|(link, _)| !link.contains("://")) {
            let file = link.split('#').next().unwrap_or_default();
            let target = document.parent().unwrap_or(Path::new("")).join(file);
            assert!(
                target.exists(),
                "{} links to {link}, which is not there",
                document.display()
            );
        }
    }
}

#[test]
fn the_readme_names_every_parameter_and_route() {
    let (readme, template) = (read("README.md"), read("template.yaml"));
    let parameters = template
        .split_once("\nParameters:\n")
        .unwrap()
        .1
        .split_once("\nConditions:\n")
        .unwrap()
        .0;
    let parameters = parameters
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    for parameter in parameters.filter(|name| !name.starts_with(' ')) {
        assert!(readme.contains(&format!("`{parameter}`")), "{parameter}");
    }
    for route in template
        .lines()
        .filter_map(|line| line.trim().strip_prefix("RouteKey: "))
    {
        let (method, path) = route.split_once(' ').unwrap();
        let known = readme.contains(&format!("{method} {path}")) || path == "/octoeverywhere/webhook" || {
            let end = path.rsplit('/').next().unwrap();
            readme.contains(&format!("{method} …/{end}"))
        };
        assert!(known, "{route}");
    }
}

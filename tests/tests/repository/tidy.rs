//! Documents and code say the same.

use std::collections::BTreeSet;

use printbell_harness::template::Template;
use printbell_harness::workspace;

fn read(path: &str) -> String {
    std::fs::read_to_string(workspace::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The words of `text` that look like the name of an environment variable and stand between two `quote`s.
fn variables(text: &str, quote: char) -> BTreeSet<&str> {
    let like_a_variable =
        |word: &&str| word.contains('_') && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    text.split(quote).skip(1).step_by(2).filter(like_a_variable).collect()
}

#[test]
fn the_template_sets_the_variables_that_a_function_reads() {
    let shared_settings = read("adapters/src/worker/setup.rs");
    for function in Template::read().unwrap().functions().unwrap() {
        let name = function.name;
        let set: BTreeSet<_> = function.variables.iter().map(|(name, _)| name.as_str()).collect();
        let config = read(&format!("functions/{name}/src/config.rs"));
        let mut read_by_function = variables(&config, '"');
        if matches!(name.as_str(), "register" | "renew") {
            read_by_function.extend(variables(&shared_settings, '"'));
        }
        assert_eq!(set, read_by_function, "{name}");
    }
}

#[test]
fn the_readme_names_every_parameter_and_route() {
    let (readme, template) = (read("README.md"), Template::read().unwrap());
    for parameter in template.parameters() {
        assert!(readme.contains(&format!("`{parameter}`")), "{parameter}");
    }
    for route in template.routes().unwrap() {
        let (method, path) = route.split_once(' ').unwrap();
        let is_documented = readme.contains(&format!("{method} {path}")) || path == "/octoeverywhere/webhook" || {
            let end = path.rsplit('/').next().unwrap();
            readme.contains(&format!("{method} …/{end}"))
        };
        assert!(is_documented, "{route}");
    }
}

#[test]
fn the_readme_names_the_versions_as_they_are() {
    let (readme, pinned) = (read("README.md"), read("xtask/requirements/tools.in"));
    for (package, name) in [
        ("aws-sam-cli", "sam"),
        ("cargo-lambda", "cargo-lambda"),
        ("ziglang", "zig"),
    ] {
        let mut versions = pinned
            .lines()
            .filter_map(|line| line.strip_prefix(package)?.strip_prefix("=="));
        let version = versions.next().unwrap();
        assert!(readme.contains(&format!("{name} {version}")), "{name} {version}");
    }
    let workspace = read("Cargo.toml");
    for (key, name) in [("rust-version = ", "Rust"), ("version = ", "Printbell")] {
        let version = workspace
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap()
            .trim_matches('"');
        assert!(readme.contains(&format!("{name} {version}")), "{name} {version}");
    }
}

#[test]
fn what_aws_logs_by_the_template_holds_no_url_and_no_body() {
    /// What API Gateway may write into the access log: neither a path nor a query.
    const LOGGED: [&str; 8] = [
        "requestTime",
        "requestId",
        "routeKey",
        "status",
        "responseLatency",
        "identity.sourceIp",
        "identity.userArn",
        "integrationErrorMessage",
    ];
    let template = read("template.yaml");
    let is_of_a_name = |c: char| c.is_ascii_alphabetic() || c == '.';
    let names = template.split("$context.").skip(1);
    let logged: Vec<_> = names
        .map(|rest| rest.split(|c| !is_of_a_name(c)).next().unwrap())
        .collect();
    assert_eq!(logged, LOGGED);
    let functions = Template::read().unwrap().functions().unwrap();
    assert_eq!(
        template.matches("LoggingConfig: {LogFormat: JSON, ").count(),
        functions.len()
    );
    assert_eq!(template.matches("LoggingConfig").count(), functions.len());
    // X-Ray's segments would be metadata of requests; the SDK isn't instrumented for more.
    assert_eq!(template.matches("Tracing: PassThrough").count(), 1);
    for setting in [
        "ApplicationLogLevel",
        "RUST_LOG",
        "AWS_LAMBDA_LOG_LEVEL",
        "DataTraceEnabled",
        "TracingConfig",
    ] {
        assert!(!template.contains(setting), "{setting}");
    }
}

//! That rules are pure is what Cargo and Clippy say, not a promise.

use std::collections::BTreeSet;
use std::process::Command;

use printbell_harness::workspace;

/// All that the rules may stand on. Each was looked through: values in, values out.
const PURE: [&str; 33] = [
    "base64",
    "block-buffer",
    "cfg-if",
    "cmov",
    "const-oid",
    "cpufeatures",
    "crypto-common",
    "ctutils",
    "digest",
    "hmac",
    "hybrid-array",
    "itoa",
    "jiff",
    "jiff-core",
    "libc",
    "memchr",
    "percent-encoding",
    "printbell-shared",
    "proc-macro2",
    "quote",
    "secrecy",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "sha2",
    "syn",
    "thiserror",
    "thiserror-impl",
    "typenum",
    "unicode-ident",
    "zeroize",
    "zmij",
];

/// Features by which a crate among them would get a clock, the system's time zones, randomness or an operating system.
const IMPURE_FEATURES: [(&str, &[&str]); 3] = [
    (
        "jiff",
        &[
            "std",
            "tz-system",
            "tzdb-zoneinfo",
            "tzdb-concatenated",
            "tzdb-bundle-platform",
            "js",
            "perf-inline-std",
        ],
    ),
    ("crypto-common", &["getrandom", "rand_core", "os_rng"]),
    ("digest", &["getrandom", "rand_core", "os_rng"]),
];

/// The crates that may read a clock and the environment.
const TOUCHES_THE_WORLD: [&str; 7] = [
    "adapters/src/lib.rs",
    "bench/src/main.rs",
    "harness/src/lib.rs",
    "rehearsal/src/main.rs",
    "simulator/src/lib.rs",
    "simulator/src/main.rs",
    "xtask/src/main.rs",
];

/// The crates behind `package` over normal edges, each with its features, as Cargo resolves them for it alone.
fn tree(package: &str) -> Vec<(String, BTreeSet<String>)> {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--package",
            package,
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args(["--no-dedupe", "--format", "{p} | {f}"])
        .current_dir(workspace::root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    let line = |line: &str| {
        let (package, features) = line.split_once(" | ").unwrap_or((line, ""));
        let (name, _) = package.split_once(' ')?;
        let features = features.split(',').filter(|feature| !feature.is_empty());
        Some((name.to_owned(), features.map(str::to_owned).collect()))
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn the_rules_stand_on_nothing_that_touches_the_world() {
    let tree = tree("printbell-shared");
    let names: BTreeSet<_> = tree.iter().map(|(name, _)| name.as_str()).collect();
    let strangers: Vec<_> = names.iter().filter(|name| !PURE.contains(name)).collect();
    assert!(
        strangers.is_empty(),
        "printbell-shared got {strangers:?}: see that it has no clock, environment, I/O or randomness, and add it to the list"
    );
    for (name, impure) in IMPURE_FEATURES {
        for (_, features) in tree.iter().filter(|(other, _)| other == name) {
            let found: Vec<_> = impure.iter().filter(|feature| features.contains(**feature)).collect();
            assert!(found.is_empty(), "{name} has {found:?} behind printbell-shared");
        }
    }
    println!("{} crates behind printbell-shared, all of them pure", names.len());
}

#[test]
fn the_rehearsals_and_the_commands_compile_no_sdk() {
    for package in ["printbell-rehearsal", "xtask"] {
        let is_sdk =
            |name: &str| name.starts_with("aws-sdk-") || name == "aws-smithy-runtime" || name == "printbell-adapters";
        let found: BTreeSet<_> = tree(package)
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| is_sdk(name))
            .collect();
        assert!(found.is_empty(), "{package} compiles {found:?}");
    }
}

#[test]
fn only_those_who_touch_the_world_may_read_a_clock() {
    let mut found = BTreeSet::new();
    let mut folders = vec![workspace::root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "tests" {
                folders.push(path);
            } else if name.ends_with(".rs")
                && std::fs::read_to_string(&path)
                    .unwrap()
                    .contains("allow(clippy::disallowed_methods")
            {
                let path = path.strip_prefix(workspace::root()).unwrap();
                found.insert(path.to_str().unwrap().to_owned());
            }
        }
    }
    let may: BTreeSet<_> = TOUCHES_THE_WORLD.map(str::to_owned).into_iter().collect();
    assert_eq!(found, may);
}

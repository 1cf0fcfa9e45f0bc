//! Where the tools come from, each package pinned to a version and to the bytes of that version's files; and what the functions are
//! made of, as they are deployed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use auditable_info::{Limits, audit_info_from_file};
use printbell_harness::template::{FunctionResource, Template};
use printbell_harness::workspace;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

/// What is installed from PyPI: the pins, and the same with their hashes.
const REQUIREMENTS: [&str; 5] = [
    "xtask/requirements/tools",
    "xtask/requirements/checkov",
    "xtask/requirements/judges",
    "xtask/requirements/emulator",
    "bench/baselines/python/requirements",
];

fn read(file: &str) -> String {
    std::fs::read_to_string(workspace::root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Requirements by package and version, each with its hashes. Names are spelt as pip compares them (PEP 503).
fn pins(file: &str) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut pins = BTreeMap::new();
    let text = read(file).replace("\\\n", " ");
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (requirement, hashes) = line.split_once("--hash=").unwrap_or((line, ""));
        let requirement = requirement.split(';').next().unwrap_or_default();
        let pin = requirement.trim().split_once("==");
        let (name, version) = pin.unwrap_or_else(|| panic!("{file} has no version: {line}"));
        let name = name.to_ascii_lowercase().replace(['_', '.'], "-");
        let hashes = hashes.split("--hash=").map(|hash| hash.trim().to_owned());
        let earlier = pins.insert(
            (name, version.to_owned()),
            hashes.filter(|hash| !hash.is_empty()).collect(),
        );
        assert_eq!(earlier, None, "{file} says it twice: {line}");
    }
    pins
}

#[test]
fn every_pin_has_the_hashes_of_its_files() {
    let (mut packages, mut hashes) = (0, 0);
    for list in REQUIREMENTS {
        let (wanted, hashed) = (pins(&format!("{list}.in")), pins(&format!("{list}.txt")));
        let names = |pins: &BTreeMap<(String, String), _>| pins.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(
            names(&wanted),
            names(&hashed),
            "{list}.txt isn't made of {list}.in: docs/decisions/0072 says how"
        );
        for ((name, version), files) in &hashed {
            assert!(!files.is_empty(), "{list}.txt has no hash of {name} {version}");
            for file in files {
                let hash = file.strip_prefix("sha256:").unwrap_or_default();
                let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
                assert!(is_hash, "{list}.txt, {name}: {file}");
            }
            hashes += files.len();
        }
        packages += hashed.len();
        let text = read(&format!("{list}.txt"));
        assert!(!text.contains("://"), "{list}.txt names a host");
    }
    println!("{packages} packages from PyPI are pinned by {hashes} hashes");
}

fn functions() -> Vec<FunctionResource> {
    Template::read().unwrap().functions().unwrap()
}

/// `name version` of each package that Cargo links into a function, or builds it with.
fn linked(function: &str) -> BTreeSet<String> {
    let tree = [
        "tree",
        "--locked",
        "--offline",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    let output = Command::new(env!("CARGO"))
        .args(tree)
        .args(["--package", function])
        .current_dir(workspace::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let package = |line: &str| {
        let mut words = line.split_whitespace();
        Some(format!("{} {}", words.next()?, words.next()?.strip_prefix('v')?))
    };
    text.lines().filter_map(package).collect()
}

#[test]
fn every_deployed_program_says_what_it_is_made_of() {
    for function in functions() {
        let program = function.deployable();
        let list = audit_info_from_file(&program, Limits::default());
        let list = list.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let named: BTreeSet<_> = list
            .packages
            .iter()
            .map(|package| format!("{} {}", package.name, package.version))
            .collect();
        let linked = linked(&function.name);
        let missing: Vec<_> = linked.difference(&named).collect();
        assert!(missing.is_empty(), "{} doesn't name {missing:?}", program.display());
        let root = list.packages.iter().find(|package| package.root).unwrap();
        assert_eq!(root.name, function.name);
        println!(
            "{} names {} packages, of which Cargo links or runs {}",
            function.name,
            named.len(),
            linked.len()
        );

        let bill: Value = serde_json::from_slice(&read_bytes(&function.bill_of_materials())).unwrap();
        let component = |component: &Value| format!("{} {}", text(component, "name"), text(component, "version"));
        for component in bill["components"].as_array().unwrap() {
            let expected = format!("pkg:cargo/{}@{}", text(component, "name"), text(component, "version"));
            assert_eq!(text(component, "purl"), expected);
        }
        let components = bill["components"]
            .as_array()
            .unwrap()
            .iter()
            .chain([&bill["metadata"]["component"]]);
        assert_eq!(
            components.map(component).collect::<BTreeSet<_>>(),
            named,
            "{}",
            function.name
        );
        // What changes from build to build.
        assert!(bill.get("serialNumber").is_none() && bill["metadata"].get("timestamp").is_none());
    }
}

fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}"))
}

fn read_bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn what_is_deployed_has_the_sums_that_are_listed() {
    let sums = workspace::built().join("SHA256SUMS");
    let sums = String::from_utf8(read_bytes(&sums)).unwrap();
    let mut listed = BTreeMap::new();
    for line in sums.lines() {
        let (sum, file) = line.split_once("  ").unwrap();
        listed.insert(workspace::built().join(file), sum.to_owned());
    }
    let template = std::fs::read_to_string(workspace::built().join("template.yaml")).unwrap();
    for function in functions() {
        for file in [function.archive(), function.bill_of_materials()] {
            let sum: String = Sha256::digest(read_bytes(&file))
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(listed.remove(&file), Some(sum), "{}", file.display());
        }
        let name = function.archive();
        let name = name.file_name().unwrap().to_str().unwrap();
        assert!(
            template.contains(&format!("CodeUri: {name}\n")),
            "{name} isn't what is deployed"
        );
        let mut archive = ZipArchive::new(File::open(function.archive()).unwrap()).unwrap();
        assert_eq!(archive.len(), 1);
        let mut program = Vec::new();
        let mut member = archive.by_name("bootstrap").unwrap();
        assert_eq!(member.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        member.read_to_end(&mut program).unwrap();
        assert!(
            program == read_bytes(&function.deployable()),
            "{name} has another program"
        );
    }
    assert!(listed.is_empty(), "{listed:?}");
}

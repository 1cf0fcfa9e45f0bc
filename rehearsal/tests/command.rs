//! `simulate`, as it is called: of fleets of any size, with options that somebody may give by mistake.

#![allow(clippy::disallowed_methods, reason = "it starts a program")]
#![allow(clippy::unwrap_used, reason = "in a test that is how a failure is told")]

use std::process::{Command, Output};

fn simulate(options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulate"));
    command.args(options).output().unwrap()
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_fleet_of_any_size_gets_figures_and_a_verdict() {
    for printers in ["1", "2", "3", "7", "10", "50", "100", "300", "1000"] {
        let output = simulate(&["--printers", printers]);
        let (text, errors) = texts(&output);
        assert!(output.status.success(), "{printers}: {text}{errors}");
        assert!(!text.contains("NaN") && !text.contains("inf "), "{printers}: {text}");
        let verdict = text.lines().last().unwrap();
        assert!(verdict.starts_with("every promise was kept: "), "{printers}: {text}");
    }
}

#[test]
fn a_broken_promise_is_the_last_word() {
    let output = simulate(&["--printers", "100", "--days", "250", "--event", "outage@10d+200d"]);
    let (text, _) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let (_, verdict) = text.split_once("PROMISES WERE BROKEN\n").unwrap();
    assert!(verdict.starts_with("  100 registrations lapsed\n"), "{text}");
}

#[test]
fn no_fleet_and_no_days_are_refused() {
    for options in [["--printers", "0"], ["--days", "0"], ["--cycle-days", "5"]] {
        let output = simulate(&options);
        let (text, errors) = texts(&output);
        assert_eq!((output.status.code(), text.as_str()), (Some(2), ""), "{options:?}");
        assert!(errors.contains("invalid value"), "{options:?}: {errors}");
    }
}

#[test]
fn what_would_happen_after_the_end_is_not_told_as_survived() {
    let asked = simulate(&["--printers", "10", "--days", "90", "--event", "outage@80d+45d"]);
    let (text, errors) = texts(&asked);
    assert_eq!((asked.status.success(), text.as_str()), (false, ""));
    assert!(errors.contains("give --days 126 or more"), "{errors}");

    let (text, _) = texts(&simulate(&[
        "--printers",
        "10",
        "--days",
        "126",
        "--event",
        "outage@80d+45d",
    ]));
    assert!(text.contains("through outage, 45 days"), "{text}");

    let (usual, _) = texts(&simulate(&["--printers", "10", "--days", "200"]));
    assert!(usual.contains("outage, 45 days") && !usual.contains("604"), "{usual}");
}

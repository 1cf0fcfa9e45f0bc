//! Small fleets in virtual time.

use printbell_rehearsal::simulation::{Event, Report, Scenario, Simulation};
use printbell_shared::registration::renewal::Cycle;

fn cycle() -> Cycle {
    Cycle::from_days(120).unwrap_or_else(|error| panic!("{error}"))
}

fn fleet(printers: u32, days: u32, events: &[&str]) -> Scenario {
    let event = |event: &&str| event.parse().unwrap_or_else(|error| panic!("{error}"));
    Scenario {
        printers,
        days,
        cycle: cycle(),
        calls_per_second: Scenario::rate_cap(printers),
        events: events.iter().map(event).collect(),
    }
}

/// The calls a second that a fleet needs on average.
fn mean(printers: u32) -> f64 {
    f64::from(printers) / cycle().length().as_secs_f64()
}

fn simulate(scenario: Scenario) -> Report {
    Simulation::run(scenario, |_| {})
}

#[test]
fn through_an_outage_refusals_and_failures_nothing_lapses_and_the_load_is_even_again() {
    let events = ["outage@150d+45d", "refusals@400d+1h", "failures@560d+1d*10"];
    let report = simulate(fleet(100_000, 730, &events));
    assert_eq!(report.broken_promises(), [""; 0]);
    let renewals_each = (report.calls() - report.failed()) as f64 / 100_000.0;
    assert!((5.9..6.2).contains(&renewals_each), "{renewals_each}");
}

#[test]
fn four_times_the_mean_is_enough_for_a_rate_cap_and_twice_is_not() {
    let events = ["outage@150d+45d"];
    let calls = |calls_per_second| Scenario {
        calls_per_second,
        ..fleet(300_000, 400, &events)
    };
    assert_eq!(simulate(calls(mean(300_000) * 4.1)).broken_promises(), [""; 0]);
    assert!(simulate(calls(mean(300_000) * 2.0)).lapses > 0);
}

#[test]
fn suspended_printers_come_back() {
    let report = simulate(fleet(20_000, 400, &["suspensions@10d+150d*20"]));
    assert_eq!(report.broken_promises(), [""; 0]);
}

#[test]
fn an_outage_longer_than_what_is_left_of_the_lifetime_is_noticed() {
    let report = simulate(fleet(20_000, 400, &["outage@150d+75d"]));
    assert!(report.lapses > 0);
    assert_eq!(report.revoked, 0);
    let promises = report.broken_promises();
    assert!(
        promises.iter().any(|promise| promise.contains("lapsed")),
        "{promises:?}"
    );
}

#[test]
fn a_load_that_stays_uneven_is_noticed() {
    let mut report = simulate(fleet(20_000, 200, &["outage@20d+1d"]));
    assert_eq!(report.broken_promises(), [""; 0]);
    report.hours[150 * 24].calls += 60;
    assert_eq!(report.broken_promises().len(), 1);
}

#[test]
fn events_are_told_by_kind_and_time() {
    for good in [
        "outage@150d+45d",
        "refusals@400d+1h",
        "failures@560d+1d*10",
        "suspensions@50d+9d*2.5",
    ] {
        assert!(good.parse::<Event>().is_ok(), "{good}");
    }
    for bad in [
        "",
        "outage",
        "outage@1d",
        "storm@1d+1d",
        "outage@1+1d",
        "outage@1d+1d*x",
        "outage@-1d+1d",
    ] {
        assert!(bad.parse::<Event>().is_err(), "{bad}");
    }
}

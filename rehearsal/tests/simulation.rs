//! Small fleets in virtual time.

use printbell_rehearsal::simulation::{Event, Report, Scenario, Simulation};
use printbell_shared::registration::renewal::Cycle;

fn fleet(cycle: u8, printers: u32, days: u32, events: &[&str]) -> Scenario {
    let event = |event: &&str| event.parse().unwrap_or_else(|error| panic!("{error}"));
    let cycle = Cycle::from_days(cycle).unwrap_or_else(|error| panic!("{error}"));
    Scenario {
        printers,
        days,
        cycle,
        calls_per_second: Scenario::rate_cap(printers, cycle),
        events: events.iter().map(event).collect(),
    }
}

/// The same with a rate cap of so many times what it needs on average.
fn capped(fleet: Scenario, times: f64) -> Scenario {
    let mean = f64::from(fleet.printers) / fleet.cycle.length().as_secs_f64();
    Scenario {
        calls_per_second: mean * times,
        ..fleet
    }
}

fn simulate(scenario: Scenario) -> Report {
    Simulation::run(scenario, |_| {})
}

#[test]
fn through_an_outage_refusals_and_failures_nothing_lapses_and_the_load_is_even_again() {
    let check = |cycle, printers, days, events: &[&str], renewals: std::ops::Range<f64>| {
        let report = simulate(fleet(cycle, printers, days, events));
        assert_eq!(report.broken_promises(), [""; 0], "every {cycle} days");
        let renewals_each = (report.calls() - report.failed()) as f64 / f64::from(printers);
        assert!(renewals.contains(&renewals_each), "every {cycle} days: {renewals_each}");
    };
    let in_a_year = ["outage@100d+45d", "refusals@220d+1h", "failures@300d+1d*10"];
    check(30, 30_000, 365, &in_a_year, 11.4..11.8);
    let in_two = ["outage@150d+45d", "refusals@400d+1h", "failures@560d+1d*10"];
    check(120, 30_000, 730, &in_two, 5.9..6.2);
}

#[test]
fn four_times_the_mean_is_enough_for_a_rate_cap_at_120_days_and_twice_is_not() {
    let fleet = fleet(120, 300_000, 400, &["outage@150d+45d"]);
    assert_eq!(simulate(capped(fleet.clone(), 4.1)).broken_promises(), [""; 0]);
    assert!(simulate(capped(fleet, 2.0)).lapses > 0);
}

#[test]
fn at_30_days_nothing_lapses_at_the_mean_and_1_6_times_that_is_even_within_a_cycle() {
    let fleet = fleet(30, 300_000, 120, &["outage@35d+45d"]);
    assert_eq!(simulate(capped(fleet.clone(), 1.6)).broken_promises(), [""; 0]);
    let slow = simulate(capped(fleet.clone(), 1.35));
    assert_eq!((slow.lapses, slow.broken_promises().len()), (0, 1));
    assert_eq!(simulate(capped(fleet, 1.03)).lapses, 0);
}

#[test]
fn at_30_days_an_outage_may_last_a_hundred() {
    let report = simulate(fleet(30, 20_000, 200, &["outage@40d+100d"]));
    assert_eq!(report.broken_promises(), [""; 0]);
}

#[test]
fn suspended_printers_come_back() {
    let report = simulate(fleet(30, 10_000, 300, &["suspensions@10d+150d*20"]));
    assert_eq!(report.broken_promises(), [""; 0]);
}

#[test]
fn an_outage_longer_than_what_is_left_of_the_lifetime_is_noticed() {
    for (cycle, outage) in [(30, "outage@50d+160d"), (120, "outage@150d+75d")] {
        let report = simulate(fleet(cycle, 10_000, 400, &[outage]));
        assert!(report.lapses > 0, "every {cycle} days");
        assert_eq!(report.revoked, 0);
        let promises = report.broken_promises();
        assert!(
            promises.iter().any(|promise| promise.contains("lapsed")),
            "{promises:?}"
        );
    }
}

#[test]
fn a_load_that_stays_uneven_is_noticed() {
    let mut report = simulate(fleet(30, 20_000, 100, &["outage@20d+1d"]));
    assert_eq!(report.broken_promises(), [""; 0]);
    report.hours[75 * 24].calls += 60;
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

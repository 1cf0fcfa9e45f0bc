//! Small fleets in virtual time.

use jiff::SignedDuration;
use printbell_rehearsal::simulation::{Event, Report, Scenario, Simulation, Sweep};
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
    // A sweep right after an outage renews what waits, and one in quiet times, in an hour here, renews everybody once more.
    let in_a_year = ["outage@100d+45d", "sweep@145d", "sweep@190d", "failures@300d+1d*10"];
    check(30, 30_000, 365, &in_a_year, 12.3..12.8);
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

/// The sweeps of a fleet that has the calls which a hundred million have, for as many as it is smaller, and whatever is broken.
fn sweeps(cycle: u8, printers: u32, days: u32, events: &[&str]) -> (Vec<Sweep>, Vec<String>) {
    let calls_per_second = Scenario::rate_cap(100_000_000, Cycle::from_days(cycle).unwrap_or_default());
    let fleet = Scenario {
        calls_per_second: calls_per_second * f64::from(printers) / 100e6,
        ..fleet(cycle, printers, days, events)
    };
    let report = simulate(fleet);
    let broken = report.broken_promises();
    (report.sweeps, broken)
}

fn days(duration: SignedDuration) -> f64 {
    duration.as_secs_f64() / 86_400.0
}

#[test]
fn a_sweep_takes_its_rows_divided_by_half_of_the_calls() {
    for (cycle, calls_per_second) in [(30, 0.5), (30, 2.0), (120, 1.0)] {
        let fleet = Scenario {
            calls_per_second,
            ..fleet(cycle, 100_000, 100, &["sweep@40d"])
        };
        let sweep = simulate(fleet).sweeps[0];
        let took = days(sweep.length.expect("it is over"));
        // A run starts no call in its last 15 of 900 seconds.
        let expected = sweep.calls as f64 / (calls_per_second / 2.0) / 86_400.0 * 900.0 / 885.0;
        assert!(
            (took - expected).abs() < 0.03,
            "every {cycle} days, {calls_per_second}: {took}, not {expected}"
        );
        assert_eq!(sweep.calls + sweep.rows_left_alone, 100_000);
        assert!(sweep.longest_wait < SignedDuration::from_mins(40), "{sweep:?}");
    }
}

#[test]
fn a_sweep_leaves_alone_what_was_renewed_at_its_slot_meanwhile() {
    let (sweeps, broken) = sweeps(30, 100_000, 100, &["sweep@35d"]);
    assert_eq!(broken, [""; 0]);
    // As many as 31 calls a second come to in some 24 days, and not a hundred million.
    assert!((55_000..65_000).contains(&sweeps[0].calls), "{sweeps:?}");
}

#[test]
fn in_a_sweep_nothing_lapses_and_nobody_waits_for_a_week() {
    for (cycle, length) in [(30, 21.0..25.0), (120, 30.0..35.0)] {
        let (sweeps, broken) = sweeps(cycle, 100_000, 300, &["sweep@130d"]);
        assert_eq!(broken, [""; 0], "every {cycle} days");
        let took = days(sweeps[0].length.expect("it is over"));
        assert!(length.contains(&took), "every {cycle} days: {took}");
        let wait = days(sweeps[0].longest_wait);
        assert!(wait < 7.0, "every {cycle} days: {wait}");
    }
}

#[test]
fn in_a_sweep_right_after_an_outage_of_45_days_nothing_lapses() {
    for cycle in [30, 120] {
        let events = ["outage@150d+45d", "sweep@195d"];
        let (sweeps, broken) = sweeps(cycle, 300_000, 400, &events);
        assert_eq!(broken, [""; 0], "every {cycle} days");
        assert!(sweeps[0].length.is_some() && sweeps[0].lapses == 0, "{sweeps:?}");
    }
    // What is enough at 120 days without a sweep isn't with one.
    let fleet = fleet(120, 300_000, 400, &["outage@150d+45d", "sweep@195d"]);
    assert!(simulate(capped(fleet, 4.1)).lapses > 0);
}

#[test]
fn a_new_reason_moves_the_mark_and_the_sweep_goes_on_round() {
    let (sweeps, broken) = sweeps(30, 50_000, 120, &["sweep@40d", "sweep@50d"]);
    assert_eq!(broken, [""; 0]);
    let end = |sweep: &Sweep| sweep.from + sweep.length.expect("it is over");
    assert!(end(&sweeps[1]) > end(&sweeps[0]), "{sweeps:?}");
    for sweep in &sweeps {
        assert_eq!(sweep.calls + sweep.rows_left_alone, 50_000);
    }
    // One round each, though there was one sweep at a time.
    assert!(days(sweeps[1].length.expect("it is over")) < 26.0, "{sweeps:?}");
}

#[test]
fn what_a_sweep_could_not_renew_is_retried_as_regular_work() {
    let (sweeps, broken) = sweeps(30, 50_000, 200, &["sweep@40d", "outage@45d+5d", "failures@55d+1d*50"]);
    assert_eq!(broken, [""; 0]);
    assert!(sweeps[0].length.is_some());
}

#[test]
fn events_are_told_by_kind_and_time() {
    for good in [
        "outage@150d+45d",
        "refusals@400d+1h",
        "failures@560d+1d*10",
        "suspensions@50d+9d*2.5",
        "sweep@195d",
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
        "sweep@1",
        "sweep@1d+1d",
    ] {
        assert!(bad.parse::<Event>().is_err(), "{bad}");
    }
}

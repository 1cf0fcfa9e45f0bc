use super::*;
use crate::registration::endpoint::Endpoint;
use crate::registration::renewal::Renewal;

const NOW: EpochSeconds = EpochSeconds(1_800_000_000);
const URL: &str = "https://bell.example.com";
const OTHER_URL: &str = "https://api.example.com";

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

fn row(status: Status, url: &str, key: &str, renewed_at: Option<EpochSeconds>) -> Registration {
    let registration = crate::id::RegistrationKey {
        tenant: "abc".parse().unwrap(),
        printer: "p1".parse().unwrap(),
    };
    Registration {
        endpoint: Some(Endpoint {
            url: url.to_owned(),
            key: key.into(),
        }),
        renewal: Renewal {
            status,
            renewed_at,
            ..Renewal::default()
        },
        ..Registration::empty(&registration)
    }
}

fn renovation(mark: Option<EpochSeconds>, statuses: SweepStatuses) -> Renovation {
    Renovation {
        scope: SweepScope { tenant: None, statuses },
        standard: Standard {
            url: URL.to_owned(),
            keys: ["good".into(), "old but good".into()].into(),
        },
        mark,
        began: NOW,
    }
}

#[test]
fn a_sweep_is_for_what_differs_or_was_set_before_its_mark() {
    use Status::{Active, Deleting, Pending, Replaced, Revoked, Suspended};
    use SweepStatuses::{All, Wanted};
    let (old, recent) = (NOW + seconds(-1000), NOW + seconds(-10));
    let mark = Some(NOW + seconds(-500));
    let revoked = SweepStatuses::Revoked;
    for (status, url, key, set, mark, statuses, is_for) in [
        (Active, URL, "good", Some(old), None, Wanted, false),
        (Active, URL, "old but good", Some(old), None, Wanted, false),
        (Active, OTHER_URL, "good", Some(old), None, Wanted, true),
        (Active, URL, "retiring", Some(old), None, Wanted, true),
        (Active, URL, "good", Some(old), mark, Wanted, true),
        (Active, URL, "good", Some(recent), mark, Wanted, false),
        (Active, OTHER_URL, "good", Some(recent), mark, Wanted, true),
        // Within the mark's own second nobody can tell which came first.
        (Active, URL, "good", mark, mark, Wanted, true),
        (Pending, URL, "good", None, mark, Wanted, true),
        (Suspended, URL, "good", Some(old), mark, Wanted, true),
        // What was set since the run began is left alone, whatever it says.
        (Active, OTHER_URL, "good", Some(NOW), None, Wanted, false),
        (Active, OTHER_URL, "good", Some(NOW), mark, Wanted, false),
        (Active, URL, "good", Some(NOW), Some(NOW), Wanted, true),
        // Revoked ones only if asked for.
        (Revoked, OTHER_URL, "good", Some(old), mark, Wanted, false),
        (Revoked, URL, "good", Some(recent), mark, revoked, true),
        (Revoked, URL, "good", Some(recent), None, All, true),
        (Active, OTHER_URL, "good", Some(old), mark, revoked, false),
        (Active, OTHER_URL, "good", Some(old), None, All, true),
        (Replaced, OTHER_URL, "good", Some(old), mark, All, false),
        (Deleting, OTHER_URL, "good", Some(old), mark, All, false),
    ] {
        let row = row(status, url, key, set);
        let case = format!("{status:?} {url} {key} {set:?} {mark:?} {statuses:?}");
        assert_eq!(renovation(mark, statuses).is_for(&row), is_for, "{case}");
    }
    let unknown = Registration {
        endpoint: None,
        ..row(Active, URL, "good", Some(old))
    };
    assert!(renovation(None, Wanted).is_for(&unknown));
    let mut others = renovation(mark, All);
    others.scope.tenant = "xyz".parse().ok();
    assert!(!others.is_for(&row(Active, OTHER_URL, "good", Some(old))));
}

/// A sweep that has seen `URL`, and has nothing to do.
fn idle() -> Sweep<u32> {
    Sweep {
        url: Some(URL.to_owned()),
        ..Sweep::default()
    }
}

fn reapply() -> Reason {
    Reason::Reapply(SweepScope::default())
}

#[test]
fn a_change_of_url_is_swept_once_no_run_of_the_old_configuration_can_be_alive() {
    let mut sweep = idle();
    assert!(!sweep.look(URL, false, NOW));
    assert!(sweep.look(OTHER_URL, false, NOW));
    // A run of the old configuration, and one of the new.
    let (flip, flop) = (NOW + seconds(60), NOW + seconds(120));
    assert!(sweep.look(URL, false, flip));
    assert!(sweep.look(OTHER_URL, false, flop));
    let begins = flop + SETTLING_TIME;
    assert_eq!(sweep.at_work(begins + seconds(-1)), None);
    let lap = sweep.at_work(begins).unwrap();
    assert_eq!((lap.mark, lap.place), (None, None));
    assert_eq!(sweep.passed(Some(1), Tally::default(), begins), None);
    assert!(sweep.passed(None, Tally::default(), begins).is_some());
    assert_eq!((sweep.lap, sweep.end), (None, Some(begins)));
}

#[test]
fn a_new_reason_moves_the_mark_and_goes_round_once_more() {
    let mut sweep = idle();
    sweep.ask(reapply(), NOW);
    assert_eq!(sweep.passed(Some(7), Tally::default(), NOW), None);
    let later = NOW + seconds(60);
    sweep.ask(reapply(), later);
    let lap = sweep.lap.clone().unwrap();
    assert_eq!((lap.mark, lap.place, lap.again), (Some(later), Some(7), true));
    // A run that began before can't tell what it has set itself from what was set before the mark.
    assert_eq!(sweep.at_work(NOW), None);
    assert!(sweep.at_work(later).is_some());
    assert_eq!(sweep.passed(None, Tally::default(), later), None);
    let lap = sweep.lap.clone().unwrap();
    assert_eq!((lap.place, lap.again), (None, false));
    assert!(sweep.passed(None, Tally::default(), later).is_some());
}

#[test]
fn a_reason_for_other_rows_makes_it_one_for_both_from_the_start() {
    let (one, other) = ("abc".parse().ok(), "xyz".parse().ok());
    let of = |tenant: &Option<_>, statuses| SweepScope {
        tenant: Option::clone(tenant),
        statuses,
    };
    use SweepStatuses::{All, Revoked, Wanted};
    for (first, second, both) in [
        (of(&one, Wanted), of(&other, Wanted), of(&None, Wanted)),
        (of(&one, Wanted), of(&None, Wanted), of(&None, Wanted)),
        (of(&one, Wanted), of(&one, Revoked), of(&one, All)),
        (of(&None, Revoked), of(&one, Wanted), of(&None, All)),
        (of(&None, All), of(&None, Wanted), of(&None, All)),
    ] {
        let mut sweep = idle();
        sweep.ask(Reason::Reapply(first), NOW);
        sweep.passed(Some(7), Tally::default(), NOW);
        sweep.ask(Reason::Reapply(second), NOW);
        let lap = sweep.lap.unwrap();
        assert_eq!((lap.scope, lap.place, lap.again), (both, None, false));
    }
}

#[test]
fn failing_callbacks_have_everything_set_again_once_a_day() {
    let mut sweep = idle();
    sweep.ask(Reason::Recovery, NOW);
    assert!(sweep.look(URL, false, NOW));
    assert_eq!(sweep.lap.take().unwrap().mark, Some(NOW));
    let later = NOW + seconds(3600);
    sweep.ask(Reason::Recovery, later);
    sweep.ask(Reason::Recovery, later);
    assert!(!sweep.look(URL, false, later), "put off");
    let next = NOW + RECOVERY_INTERVAL;
    assert_eq!(sweep.next_recovery(), Some(next));
    assert!(sweep.look(URL, false, next), "and not forgotten");
    assert_eq!(sweep.lap.take().unwrap().mark, Some(next));
    assert!(!sweep.look(URL, false, next + RECOVERY_INTERVAL));
}

#[test]
fn while_webhooks_bear_a_retiring_key_they_are_tried_daily() {
    let mut sweep = idle();
    sweep.ask(Reason::Retirement, NOW);
    let begins = NOW + KEY_SETTLING_TIME;
    assert!(!sweep.look(URL, true, begins), "it is under way");
    let failed = Tally {
        bearing: 1,
        ..Tally::default()
    };
    assert_eq!(sweep.passed(None, failed, begins).map(|lap| lap.tally), Some(failed));
    assert!(!sweep.look(URL, true, begins + seconds(3600)));
    assert!(!sweep.look(URL, false, begins + LAP_INTERVAL), "it is retired");
    assert!(sweep.look(URL, true, begins + LAP_INTERVAL));
    assert_eq!(sweep.lap.unwrap().scope, EVERYTHING);
}

#[test]
fn what_bears_a_key_is_counted_within_one_round() {
    let mut sweep = idle();
    sweep.ask(Reason::Retirement, NOW);
    let tally = Tally {
        applied: 1,
        failed: 1,
        missing: 0,
        bearing: 1,
    };
    sweep.passed(Some(7), tally, NOW);
    sweep.ask(Reason::Retirement, NOW);
    assert_eq!(sweep.passed(None, tally, NOW), None);
    let lap = sweep.passed(None, Tally::default(), NOW).unwrap();
    assert_eq!((lap.tally.applied, lap.tally.failed, lap.tally.bearing), (2, 2, 0));
}

#[test]
fn what_could_not_be_read_or_written_is_passed_once_more_unless_that_is_of_no_use() {
    let missing = |count| Tally {
        missing: count,
        ..Tally::default()
    };
    let mut sweep = idle();
    sweep.ask(reapply(), NOW);
    assert_eq!(sweep.passed(None, missing(3), NOW), None);
    assert_eq!(sweep.passed(None, missing(1), NOW), None);
    assert!(sweep.passed(None, missing(1), NOW).is_some());
    sweep.ask(reapply(), NOW);
    assert_eq!(sweep.passed(None, missing(3), NOW), None);
    assert!(sweep.passed(None, missing(0), NOW).is_some());
}

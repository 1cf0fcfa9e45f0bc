use super::*;
use crate::id::RegistrationKey;
use crate::registration::endpoint::Endpoint;
use crate::registration::renewal::{ForeignLease, LIFETIME, Lease, Renewal, Status};

const NOW: EpochSeconds = EpochSeconds(1_800_000_000);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn row(renewal: Renewal) -> Registration {
    let key = RegistrationKey {
        tenant: "abc".parse().unwrap(),
        printer: "p1".parse().unwrap(),
    };
    Registration {
        endpoint: Some(Endpoint {
            url: "https://old.example.com".to_owned(),
            key: "0f1e2d3c".into(),
        }),
        renewal,
        ..Registration::empty(&key)
    }
}

/// Active, set ten days ago, and due in twenty.
fn active() -> Renewal {
    Renewal {
        status: Status::Active,
        revision: 7,
        version: 1,
        applied: Some(1),
        due: Some(NOW + DAY * 20),
        renewed_at: Some(NOW + -DAY * 10),
        ..Renewal::default()
    }
}

fn moved(renewal: Renewal) -> Registration {
    row(renewal).in_another_table(Cycle::DEFAULT, NOW.to_timestamp())
}

/// Passes one page, which is all that there is.
fn pass(restore: &mut Restore<u32>, rows: &[&str], now: EpochSeconds) -> Result<(), SourceChange> {
    let mut page = Fingerprint::default();
    rows.iter().for_each(|row| page += Fingerprint::of(&[row]));
    restore.passed(None, page, Tally::default(), now)
}

#[test]
fn nothing_is_taken_over_before_two_looks_have_found_the_same() {
    let mut restore = Restore::new(NOW);
    assert!(restore.is_due(NOW));
    assert_eq!(pass(&mut restore, &["a", "b"], NOW + MINUTE), Ok(()));
    assert_eq!(restore.phase, Phase::SecondLook);
    assert!(!restore.is_due(NOW + MINUTE * 20) && restore.is_due(NOW + MINUTE * 21));
    // In whatever order, and in whatever pages.
    restore
        .passed(Some(7), Fingerprint::of(&["b"]), Tally::default(), NOW + MINUTE * 21)
        .unwrap();
    assert_eq!((restore.phase, restore.place), (Phase::SecondLook, Some(7)));
    assert_eq!(pass(&mut restore, &["a"], NOW + MINUTE * 21), Ok(()));
    assert_eq!((restore.phase, restore.place), (Phase::TakeOver, None));
    assert!(restore.is_due(NOW + MINUTE * 21));
    assert_eq!(pass(&mut restore, &["a", "b"], NOW + MINUTE * 22), Ok(()));
    assert_eq!((restore.phase, restore.since), (Phase::Over, NOW + MINUTE * 22));
    assert!(!restore.is_due(NOW + DAY * 1000));
}

#[test]
fn other_rows_than_the_first_look_s_are_refused_at_the_second_and_at_the_end() {
    for rows in [&["a"][..], &["a", "c"], &["a", "b", "c"], &["a", "a"], &[]] {
        let mut restore = Restore::new(NOW);
        pass(&mut restore, &["a", "b"], NOW).unwrap();
        assert_eq!(pass(&mut restore, rows, NOW + DAY), Err(SourceChange::Rows), "{rows:?}");
        let mut restore = Restore::new(NOW);
        pass(&mut restore, &["a", "b"], NOW).unwrap();
        pass(&mut restore, &["a", "b"], NOW + DAY).unwrap();
        assert_eq!(pass(&mut restore, rows, NOW + DAY), Err(SourceChange::Rows), "{rows:?}");
    }
    let parts = |parts: &[&str]| Fingerprint::of(parts);
    assert_ne!(parts(&["a", "bc"]), parts(&["ab", "c"]));
}

#[test]
fn who_is_at_a_row_or_was_since_the_beginning_is_seen_but_at_the_first_look() {
    let lease = |minutes: i32| Lease {
        id: 7,
        until: NOW + MINUTE * minutes,
    };
    let at = |time| Some(NOW + time);
    for (name, renewal, is_change) in [
        ("at rest", active(), false),
        (
            "a lease that is over",
            Renewal {
                lease: Some(lease(-2)),
                ..active()
            },
            false,
        ),
        (
            "a lease within the clocks' skew",
            Renewal {
                lease: Some(lease(20)),
                ..active()
            },
            true,
        ),
        (
            "somebody else's lease",
            Renewal {
                foreign: Some(ForeignLease {
                    origin: None,
                    until: NOW + MINUTE * 30,
                }),
                ..active()
            },
            true,
        ),
        (
            "renewed",
            Renewal {
                renewed_at: at(MINUTE * 2),
                ..active()
            },
            true,
        ),
        (
            "set",
            Renewal {
                set_at: at(MINUTE * 2),
                ..active()
            },
            true,
        ),
        (
            "found to have lapsed",
            Renewal {
                lapsed_at: at(MINUTE * 2),
                ..active()
            },
            true,
        ),
        (
            "by a clock that is ahead",
            Renewal {
                renewed_at: at(MINUTE),
                ..active()
            },
            false,
        ),
    ] {
        let now = NOW + MINUTE * 20;
        let mut restore = Restore::<u32>::new(NOW);
        assert_eq!(restore.check(&row(renewal), now), Ok(()), "{name}");
        for phase in [Phase::SecondLook, Phase::TakeOver] {
            restore.phase = phase;
            assert_eq!(restore.check(&row(renewal), now).is_err(), is_change, "{name}");
        }
    }
}

#[test]
fn a_row_comes_without_leases_and_is_due_in_its_slot() {
    let key = KeyHash::from(&row(active()).key);
    let slot = Slot {
        key,
        cycle: Cycle::DEFAULT,
    }
    .next(NOW);
    let past = NOW + -DAY;
    let row = moved(Renewal {
        lease: Some(Lease { id: 7, until: past }),
        foreign: Some(ForeignLease {
            origin: None,
            until: past,
        }),
        reapply: Some(past),
        ..active()
    });
    assert_eq!(
        (row.renewal.lease, row.renewal.foreign, row.renewal.reapply),
        (None, None, None)
    );
    assert_eq!((row.renewal.due, row.renewal.index()), (Some(slot), Some(slot)));
    assert_eq!((row.endpoint, row.renewal.status), (None, Status::Active));
    assert_eq!(row.renewal.revision, (NOW.0 as u64) << 20);
    // The one who held the lease may have set it as late as that, if it was due.
    let held = Renewal {
        lease: Some(Lease { id: 7, until: past }),
        due: Some(past + -DAY),
        ..active()
    };
    assert_eq!(moved(held).renewal.expires_at(), Some(past + LIFETIME));
}

#[test]
fn each_status_stays_and_is_due_as_it_has_to_be() {
    let of = |status, due| {
        moved(Renewal {
            status,
            due,
            ..active()
        })
        .renewal
    };
    for status in Status::ALL {
        assert_eq!(of(status, Some(NOW + DAY * 5)).status, status);
    }
    assert_eq!(of(Status::Deleting, Some(NOW + DAY * 5)).due, Some(NOW));
    for status in [Status::Revoked, Status::Replaced] {
        assert_eq!(of(status, None).due, None);
    }
    // Never after its expiry.
    let late = Renewal {
        renewed_at: Some(NOW + DAY / 2 + -LIFETIME),
        ..active()
    };
    assert_eq!(moved(late).renewal.due, Some(NOW + DAY / 2));
    let newest = moved(Renewal {
        revision: u64::MAX - 5,
        ..active()
    });
    assert_eq!(newest.renewal.revision, u64::MAX - 4);
}

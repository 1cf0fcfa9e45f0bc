use super::*;

#[test]
fn only_a_due_row_that_nobody_holds_is_leased() {
    let held = active().answered_until(deadline(NOW));
    let over = deadline(NOW) + MAX_CLOCK_SKEW;
    let second = SignedDuration::from_secs(1);
    let table = [
        ("by hand", Renewal::default(), NOW, true),
        (
            "due now",
            Renewal {
                due: Some(NOW),
                ..active()
            },
            NOW,
            true,
        ),
        (
            "due in a second",
            Renewal {
                due: Some(NOW + second),
                ..active()
            },
            NOW,
            false,
        ),
        ("out of the index", Renewal { due: None, ..active() }, NOW, false),
        (
            "revoked, and due",
            Renewal {
                status: Status::Revoked,
                ..Renewal::default()
            },
            NOW,
            true,
        ),
        (
            "replaced, but put into the index by hand",
            Renewal {
                status: Status::Replaced,
                ..Renewal::default()
            },
            NOW,
            false,
        ),
        ("held", held, deadline(NOW), false),
        (
            "held by one whose clock is behind",
            held,
            EpochSeconds(over.0 - 1),
            false,
        ),
        ("held by one who died", held, over, true),
        ("not due, but with something to announce", announcing(), NOW + DAY, true),
    ];
    for (what, row, now, expected) in table {
        assert_eq!(row.lease(now, deadline(now)).is_some(), expected, "{what}");
    }
}

#[test]
fn a_leased_row_is_in_the_index_where_its_lease_counts_as_over() {
    let leased = Renewal::default().lease(NOW, deadline(NOW)).unwrap();
    assert_eq!(leased.index(), Some(deadline(NOW) + MAX_CLOCK_SKEW));
    assert_eq!(
        leased.lease,
        Some(Lease {
            id: 1,
            until: deadline(NOW)
        })
    );
}

#[test]
fn a_lease_that_is_given_back_leaves_the_row_due() {
    let leased = Renewal::default().lease(NOW, deadline(NOW)).unwrap();
    let released = leased.release(1).unwrap();
    assert_eq!((released.index(), released.revision), (Some(EpochSeconds(0)), 2));
    assert_eq!(leased.release(7), None, "somebody else's");
}

#[test]
fn after_a_crash_before_the_announcement_it_is_announced_and_not_called() {
    let leased = announcing().lease(NOW + DAY, deadline(NOW + DAY)).unwrap();
    assert_eq!(leased.call(NOW + DAY), None);
    let published = leased.published(leased.revision, NOW + DAY).unwrap();
    assert_eq!(
        (published.status_change, published.lease, published.index()),
        (None, None, active().due)
    );
}

#[test]
fn a_replaced_row_leaves_the_index_once_it_is_announced() {
    let row = Renewal {
        status: Status::Replaced,
        due: None,
        ..announcing()
    };
    assert_eq!(row.index(), Some(deadline(NOW) + MAX_CLOCK_SKEW));
    let leased = row.lease(NOW + DAY, deadline(NOW + DAY)).unwrap();
    assert_eq!(leased.call(NOW + DAY), None);
    assert_eq!(leased.published(leased.revision, NOW + DAY).unwrap().index(), None);
}

#[test]
fn a_wish_from_a_faster_clock_is_called_by_the_slower_holder() {
    let leased = Renewal::default().lease(NOW, deadline(NOW)).unwrap();
    let changed = Renewal::put(Some(&leased), NOW + MAX_CLOCK_SKEW);
    let call = changed.call(NOW).unwrap();
    assert_eq!((call.lease, call.version), (1, 1));
}

impl Renewal {
    /// The row, due and leased.
    fn answered_until(self, until: EpochSeconds) -> Self {
        let due = Self { due: Some(NOW), ..self };
        due.lease(NOW, until).unwrap()
    }
}

/// Active, and its holder died before it could say so.
fn announcing() -> Renewal {
    let row = leased(Renewal::put(None, NOW), NOW);
    let call = row.call(NOW).unwrap();
    written(row.settle(SLOT, &call, &ResponseClass::Applied, 0, NOW)).0
}

//! Tokens that go from one registration to another, with the leases under which somebody may be calling for them.

use super::*;

const ORIGIN: (KeyHash, u64) = (KeyHash(7), 3);

fn foreign(seconds: i64) -> ForeignLease {
    ForeignLease {
        origin: Some(ORIGIN),
        until: NOW + SignedDuration::from_secs(seconds),
    }
}

/// A new row whose token somebody may still be calling for, for so many seconds.
fn taker(seconds: i64) -> Renewal {
    Renewal::put(None, NOW).with_foreign(Some(foreign(seconds)))
}

#[test]
fn nobody_calls_before_a_foreign_lease_is_over() {
    let over = foreign(300).until + MAX_CLOCK_SKEW;
    let before = EpochSeconds(over.0 - 1);
    let row = taker(300);
    assert_eq!(row.take_turn(NOW, deadline(NOW)).lease, None);
    assert_eq!(row.index(), Some(over));
    assert_eq!(row.lease(before, deadline(before)), None);
    let held = Renewal {
        lease: active().answered_by_nobody(NOW).lease,
        ..row
    };
    assert_eq!(
        (held.call(before), held.call(over).is_some()),
        (None, true),
        "not even who holds the row"
    );
    let leased = row.lease(over, deadline(over)).unwrap();
    assert!(leased.call(over).is_some());
    assert_eq!(leased.foreign, None);
}

#[test]
fn a_foreign_lease_is_given_back_by_its_holder_only() {
    let row = taker(300);
    for origin in [(ORIGIN.0, 4), (KeyHash(8), ORIGIN.1)] {
        assert_eq!(row.returned(origin), None, "{origin:?}");
    }
    let returned = row.returned(ORIGIN).unwrap();
    assert_eq!(
        (returned.foreign, returned.revision, returned.index()),
        (None, row.revision + 1, Some(NOW))
    );
    assert_eq!(returned.returned(ORIGIN), None, "twice");
}

#[test]
fn of_two_foreign_leases_the_longer_counts_and_nobody_gives_it_back() {
    let other = ForeignLease {
        origin: Some((KeyHash(8), 1)),
        ..foreign(400)
    };
    let both = taker(300).with_foreign(Some(other));
    let longer = ForeignLease {
        origin: None,
        until: other.until,
    };
    assert_eq!(both.foreign, Some(longer));
    assert_eq!((both.returned(ORIGIN), both.returned((KeyHash(8), 1))), (None, None));
    assert_eq!(
        taker(300).with_foreign(Some(foreign(300))).foreign,
        Some(foreign(300)),
        "the same twice"
    );
    assert_eq!(taker(300).with_foreign(None).foreign, Some(foreign(300)));
}

#[test]
fn the_leases_on_a_row_are_those_that_may_be_running() {
    let own = active().answered_by_nobody(NOW);
    let as_foreign = ForeignLease {
        origin: Some((KEY, own.revision)),
        until: deadline(NOW),
    };
    let both = Renewal {
        foreign: Some(foreign(300)),
        ..own
    };
    let longer = ForeignLease {
        origin: None,
        until: foreign(300).until,
    };
    let over = deadline(NOW) + MAX_CLOCK_SKEW;
    let table = [
        ("free", active(), NOW, None),
        ("leased", own, NOW, Some(as_foreign)),
        ("leased by one who died", own, over, None),
        ("taken just before", taker(300), NOW, Some(foreign(300))),
        ("leased, and taken before", both, NOW, Some(longer)),
        ("one of two is over", both, over, Some(foreign(300))),
    ];
    for (what, row, now, expected) in table {
        assert_eq!(row.leases(KEY, now), expected, "{what}");
    }
}

#[test]
fn who_lost_its_token_is_called_no_more_and_tells_it() {
    let leased = Renewal {
        old_tokens: 2,
        reapply: Some(NOW),
        ..active().answered_by_nobody(NOW)
    };
    let call = leased.call(NOW).unwrap();
    let row = leased.replaced(NOW);
    assert_eq!(
        (row.status, row.lease, row.due, row.reapply, row.old_tokens),
        (Status::Replaced, None, None, None, 0)
    );
    assert_eq!(row.index(), Some(NOW), "for the news");
    assert_eq!(
        row.settle(SLOT, &call, &ResponseClass::Applied, 0, NOW),
        Settlement::Lost
    );
    let leased = row.lease(NOW, deadline(NOW)).unwrap();
    assert_eq!(
        (leased.call(NOW), leased.status_change.unwrap().news),
        (None, News::Replaced)
    );
    assert_eq!(leased.published(leased.revision, NOW).unwrap().index(), None);
}

#[test]
fn who_gets_its_token_back_is_what_it_was_and_due_at_once() {
    let told = |row: Renewal| {
        let leased = row.lease(NOW, deadline(NOW)).unwrap();
        leased.published(leased.revision, NOW).unwrap()
    };
    let with = |status| Renewal { status, ..active() };
    let later = NOW + HOUR;
    let table = [
        ("active, and nobody heard of it", active().replaced(NOW), Status::Active),
        (
            "active, and told to be replaced",
            told(active().replaced(NOW)),
            Status::Pending,
        ),
        ("pending", told(with(Status::Pending).replaced(NOW)), Status::Pending),
        (
            "suspended",
            told(with(Status::Suspended).replaced(NOW)),
            Status::Suspended,
        ),
        ("revoked", told(with(Status::Revoked).replaced(NOW)), Status::Revoked),
    ];
    for (what, row, status) in table {
        let row = row.given_back(1, later);
        assert_eq!(
            (row.status, row.index(), row.old_tokens),
            (status, Some(later), 1),
            "{what}"
        );
        let news = row.status_change.map(|change| change.news);
        assert_eq!(
            (row.previous_status, news),
            (None, News::of(status).filter(|_| status != Status::Active)),
            "{what}"
        );
        assert!(!row.is_applied(), "{what}");
    }
    let (_, _, news) = told(active().replaced(NOW))
        .given_back(0, later)
        .announced(ResponseClass::Applied, later);
    assert_eq!(
        news,
        [News::Active],
        "who was told that it is replaced hears that it is back"
    );
}

#[test]
fn who_lost_an_old_token_is_confirmed_anew() {
    let leased = Renewal {
        old_tokens: 2,
        clearing: Clearing::IsNext,
        ..active().answered_by_nobody(NOW)
    };
    let call = leased.call(NOW).unwrap();
    assert_eq!(call.kind, CallKind::Clear);
    let row = leased.robbed(1, NOW);
    assert_eq!(
        row.settle(SLOT, &call, &ResponseClass::Applied, 1, NOW),
        Settlement::Changed
    );
    assert_eq!((row.call(NOW).unwrap().kind, row.old_tokens), (CallKind::Set, 1));
}

impl Renewal {
    /// The row, due and leased.
    fn answered_by_nobody(self, now: EpochSeconds) -> Self {
        let due = Self { due: Some(now), ..self };
        due.lease(now, deadline(now)).expect("free")
    }
}

//! When a webhook expires, what is said of it then, and how long a revoked one is tried.

use super::*;

/// Active, and at its expiry.
fn expired() -> Renewal {
    Renewal {
        renewed_at: Some(NOW + -LIFETIME),
        ..active()
    }
}

#[test]
fn a_wanted_registration_has_lapsed_from_its_expiry_until_a_success() {
    let with = |status| Renewal { status, ..expired() };
    let second = SignedDuration::from_secs(1);
    let never_set = Renewal::default();
    let unpublished = {
        let leased = expired().held();
        let call = leased.call(NOW).unwrap();
        written(leased.settle(SLOT, &call, &ResponseClass::Applied, 0, NOW)).0
    };
    let table = [
        ("before its expiry", expired(), NOW + -second, false),
        ("at its expiry", expired(), NOW, true),
        ("pending", with(Status::Pending), NOW, true),
        ("suspended", with(Status::Suspended), NOW, false),
        ("revoked", with(Status::Revoked), NOW, false),
        ("replaced", with(Status::Replaced), NOW, false),
        ("deleting", with(Status::Deleting), NOW, false),
        ("never set", never_set, NOW + LIFETIME, false),
        ("failed since", expired().answered(TEMPORARY, NOW).0, NOW, true),
        (
            "unanswered since it lapsed",
            expired().answered(TEMPORARY, NOW).0.answered(SILENCE, NOW).0,
            NOW,
            true,
        ),
        ("renewed, but nobody was told", unpublished, NOW, false),
        ("renewed", expired().answered(ResponseClass::Applied, NOW).0, NOW, false),
    ];
    for (what, row, now, expected) in table {
        assert_eq!(row.has_lapsed(now), expected, "{what}");
    }
}

#[test]
fn what_lapses_is_told_once_and_that_it_is_back_too() {
    use News::{Active, Lapsed, Suspended};
    use ResponseClass::Applied;
    /// What the case is about, the status at the expiry, and the answers since, each a day after the one before, with the news.
    type Case = (&'static str, Status, &'static [(ResponseClass, &'static [News])]);
    const SUSPENDED: ResponseClass = ResponseClass::Suspended;
    let table: [Case; 7] = [
        (
            "active",
            Status::Active,
            &[
                (TEMPORARY, &[Lapsed]),
                (TEMPORARY, &[]),
                (Applied, &[Active]),
                (Applied, &[]),
            ],
        ),
        (
            "pending",
            Status::Pending,
            &[(TEMPORARY, &[Lapsed]), (TEMPORARY, &[]), (Applied, &[Active])],
        ),
        (
            "suspended",
            Status::Suspended,
            &[(SUSPENDED, &[Lapsed]), (SUSPENDED, &[]), (Applied, &[Active])],
        ),
        (
            "suspended too late",
            Status::Active,
            &[(SUSPENDED, &[Suspended]), (SUSPENDED, &[Lapsed]), (SUSPENDED, &[])],
        ),
        (
            "tried too late",
            Status::Active,
            &[(Applied, &[Lapsed, Active]), (Applied, &[])],
        ),
        (
            "back from a suspension",
            Status::Suspended,
            &[(Applied, &[Lapsed, Active]), (Applied, &[])],
        ),
        ("being deleted", Status::Deleting, &[]),
    ];
    for (what, status, answers) in table {
        let mut row = Renewal { status, ..expired() };
        for (day, (class, expected)) in (0..).zip(answers) {
            let (next, _, news) = row.announced(*class, NOW + DAY * day);
            assert_eq!(news, *expected, "{what}, day {day}");
            row = next;
        }
    }
}

#[test]
fn a_lapse_that_was_overtaken_untold_does_not_hide_the_next_one() {
    let leased = expired().held();
    let call = leased.call(NOW).unwrap();
    let (row, _) = written(leased.settle(SLOT, &call, &ResponseClass::Applied, 0, NOW));
    let row = row.postponed(call.lease, NOW).unwrap();
    let (row, _, news) = row.announced(ResponseClass::Suspended, NOW + DAY);
    assert_eq!(news, [News::Suspended]);
    let (_, _, news) = row.announced(ResponseClass::Suspended, NOW + LIFETIME);
    assert_eq!(news, [News::Lapsed]);
}

#[test]
fn it_expires_180_days_after_the_last_set_that_may_have_succeeded() {
    let later = NOW + DAY * 30;
    let registration_s = ResponseClass::Temporary {
        fault: Fault::Registration,
        retry_after: None,
    };
    let table = [
        ("a success", active(), ResponseClass::Applied, later),
        ("no answer", active(), SILENCE, later),
        ("no connection", active(), TEMPORARY, NOW),
        ("offline", active(), registration_s, NOW),
        ("605", active(), ResponseClass::Suspended, NOW),
        ("604", active(), ResponseClass::Refused, NOW),
        ("no answer to a DELETE", with(Status::Deleting), SILENCE, NOW),
    ];
    for (what, row, class, set) in table {
        let (row, _) = row.answered(class, later);
        assert_eq!(row.expires_at(), Some(set + LIFETIME), "{what}");
    }
    let (row, _) = Renewal::default().answered(TEMPORARY, NOW);
    assert_eq!(row.expires_at(), None);
}

#[test]
fn who_died_may_have_set_it_until_the_end_of_the_lease() {
    let (start, end) = (NOW + DAY * 30, deadline(NOW + DAY * 30));
    let deleting = with(Status::Deleting);
    let only_news = Renewal {
        status_change: Some(StatusChange::new(News::Active, start)),
        due: Some(start + DAY * 2),
        ..active()
    };
    let due = |row| Renewal {
        due: Some(start),
        ..row
    };
    let table = [
        ("died, found a day later", due(active()), start + DAY, end),
        ("died, found at once", due(active()), end + MAX_CLOCK_SKEW, end),
        ("was deleting it", due(deleting), start + DAY, NOW),
        ("had only news to tell", only_news, start + DAY, NOW),
    ];
    for (what, row, later, set) in table {
        let dead = row.lease(start, end).unwrap();
        let found = dead.lease(later, deadline(later)).unwrap();
        assert_eq!(found.expires_at(), Some(set + LIFETIME), "{what}");
        let released = dead.release(dead.revision).unwrap();
        let found = released.lease(later, deadline(later)).unwrap();
        assert_eq!(found.expires_at(), Some(NOW + LIFETIME), "{what}: given back");
    }
}

#[test]
fn whatever_it_answers_it_is_asked_again_at_the_expiry() {
    let classes = [
        TEMPORARY,
        ResponseClass::Suspended,
        ResponseClass::Refused,
        ResponseClass::Doubtful,
    ];
    for status in [Status::Active, Status::Pending, Status::Suspended, Status::Deleting] {
        for class in classes {
            let row = Renewal {
                status,
                attempts: 30,
                ..active()
            };
            let expiry = NOW + LIFETIME;
            let (row, _) = row.answered(class, expiry + -HOUR);
            assert_eq!(row.index(), Some(expiry), "{status:?} {class:?}");
        }
    }
}

#[test]
fn deleting_ends_at_the_expiry_whatever_is_answered() {
    let leased = Renewal {
        status: Status::Deleting,
        ..expired()
    }
    .held();
    let call = leased.call(NOW).unwrap();
    for class in [
        TEMPORARY,
        SILENCE,
        ResponseClass::Suspended,
        ResponseClass::Refused,
        ResponseClass::Doubtful,
    ] {
        let settlement = leased.settle(SLOT, &call, &class, 0, NOW);
        assert_eq!(settlement, Settlement::Remove(Effect::Deleted), "{class:?}");
    }
}

#[test]
fn a_revoked_registration_is_tried_weekly_until_180_days_after_the_last_success() {
    let revoked_by_hand = Renewal::default();
    let table = [
        ("renewed before", active(), NOW + DAY * 30, NOW + LIFETIME),
        (
            "never renewed",
            revoked_by_hand,
            NOW + DAY * 30,
            NOW + DAY * 30 + LIFETIME,
        ),
    ];
    for (what, mut row, first, end) in table {
        let mut now = first;
        for hours in [0, 12, 24] {
            now = first + HOUR * hours;
            (row, _) = row.answered(ResponseClass::Refused, now);
        }
        assert_eq!(row.status, Status::Revoked, "{what}");
        let classes = [ResponseClass::Refused, TEMPORARY, ResponseClass::Doubtful];
        for class in classes.into_iter().cycle() {
            let Some(due) = row.index() else { break };
            let wait = due - now;
            assert!(
                wait * 5 >= DAY * 28 && wait * 5 <= DAY * 42 && due <= end,
                "{what}: {wait}"
            );
            now = due;
            let news;
            (row, _, news) = row.announced(class, now);
            assert_eq!((row.status, news), (Status::Revoked, vec![]), "{what}");
        }
        assert!(end - now <= DAY * 9, "{what}: given up {} early", end - now);
    }
}

#[test]
fn a_revoked_registration_is_back_when_it_succeeds() {
    let table = [
        (ResponseClass::Applied, Status::Active, News::Active),
        (ResponseClass::Suspended, Status::Suspended, News::Suspended),
    ];
    for (class, status, expected) in table {
        let (row, _, news) = with(Status::Revoked).announced(class, NOW + DAY);
        assert_eq!((row.status, row.refusals, news), (status, None, vec![expected]));
    }
}

fn with(status: Status) -> Renewal {
    Renewal { status, ..active() }
}

impl Renewal {
    /// The row, due and leased.
    fn held(self) -> Self {
        let due = Self { due: Some(NOW), ..self };
        due.lease(NOW, deadline(NOW)).expect("free")
    }
}

use super::*;

#[test]
fn a_success_is_due_at_its_slot_and_starts_afresh() {
    let (failed, _) = active().answered(TEMPORARY, NOW);
    let leased = Renewal {
        due: Some(NOW),
        ..failed
    }
    .lease(NOW, deadline(NOW))
    .unwrap();
    let call = leased.call(NOW).unwrap();
    let (row, outcome) = written(leased.settle(KEY, &call, &Answer::Applied, NOW + MINUTE));
    assert_eq!(outcome, Outcome::Renewed);
    assert_eq!(row.renewed_at, Some(NOW), "counted from the start of the call");
    assert_eq!(row.index(), Some(KEY.next_slot(NOW)));
    assert_eq!((row.attempts, row.lease, row.announcement), (0, None, None));
}

#[test]
fn waits_follow_the_answers() {
    let after = |seconds| Answer::Temporary {
        fault: Fault::Registration,
        retry_after: Some(SignedDuration::from_secs(seconds)),
    };
    let expired = Renewal {
        renewed_at: Some(EpochSeconds(NOW.0 - 181 * 86_400)),
        ..active()
    };
    let many = Renewal {
        attempts: 30,
        ..active()
    };
    let table = [
        ("the first failure", active(), TEMPORARY, KEY.retry_delay(1)),
        ("the 31st", many, TEMPORARY, KEY.retry_delay(31)),
        (
            "after the expiry",
            Renewal {
                attempts: 30,
                ..expired
            },
            TEMPORARY,
            KEY.retry_delay(31),
        ),
        ("Retry-After", many, after(7200), HOUR * 2),
        ("Retry-After: 0", many, after(0), MINUTE),
        ("Retry-After, a year", active(), after(365 * 86_400), DAY),
        ("605", active(), Answer::Suspended, KEY.spread(DAY, 1)),
        (
            "605 after the expiry",
            expired,
            Answer::Suspended,
            KEY.spread(DAY * 7, 1),
        ),
        ("604", active(), Answer::Refused, KEY.retry_delay(1)),
    ];
    for (what, row, answer, wait) in table {
        let (row, _) = row.answered(answer, NOW);
        assert_eq!(row.index(), Some(NOW + wait), "{what}");
    }
}

#[test]
fn a_permanent_answer_is_believed_after_three_over_a_day() {
    use Outcome::{Refused, Revoked};
    /// What the case is about, and the answers: at which minute, which one, and what it comes to.
    type Case = (&'static str, &'static [(i64, Answer, Outcome)]);
    let table: [Case; 5] = [
        (
            "three within an hour",
            &[
                (0, Answer::Refused, Refused),
                (20, Answer::Refused, Refused),
                (60, Answer::Refused, Refused),
            ],
        ),
        (
            "two over a day",
            &[(0, Answer::Refused, Refused), (1440, Answer::Refused, Refused)],
        ),
        (
            "three over a day",
            &[
                (0, Answer::Refused, Refused),
                (60, Answer::Refused, Refused),
                (1440, Answer::Refused, Revoked),
            ],
        ),
        (
            "a failure in between proves nothing",
            &[
                (0, Answer::Refused, Refused),
                (60, TEMPORARY, Outcome::Temporary),
                (120, Answer::Refused, Refused),
                (1440, Answer::Refused, Revoked),
            ],
        ),
        (
            "a success or a 605 in between disproves it",
            &[
                (0, Answer::Refused, Refused),
                (60, Answer::Applied, Outcome::Renewed),
                (1439, Answer::Refused, Refused),
                (1440, Answer::Refused, Refused),
                (1441, Answer::Suspended, Outcome::Suspended),
                (3000, Answer::Refused, Refused),
            ],
        ),
    ];
    for (what, answers) in table {
        let mut row = active();
        for (minute, answer, expected) in answers {
            let now = NOW + MINUTE * i32::try_from(*minute).unwrap();
            let (next, outcome) = row.answered(*answer, now);
            assert_eq!(outcome, *expected, "{what}, minute {minute}");
            assert_eq!(next.status == Status::Revoked, outcome == Revoked, "{what}");
            assert_eq!(next.index().is_none(), outcome == Revoked, "{what}");
            row = next;
        }
    }
}

#[test]
fn the_ladder_itself_takes_a_day_to_believe_a_refusal() {
    let mut row = active();
    let mut now = NOW;
    let mut answers = 0;
    while row.status != Status::Revoked {
        (row, _) = row.answered(Answer::Refused, now);
        answers += 1;
        now = row.due.unwrap_or(now);
    }
    assert!(now - NOW >= DAY && now - NOW <= DAY * 2, "{}", now - NOW);
    assert!((8..=9).contains(&answers), "{answers}");
}

#[test]
fn a_change_of_status_is_announced_and_a_repetition_is_not() {
    let said = |row: Renewal, answer| {
        let leased = Renewal { due: Some(NOW), ..row }.lease(NOW, deadline(NOW)).unwrap();
        let call = leased.call(NOW).unwrap();
        let (row, _) = written(leased.settle(KEY, &call, &answer, NOW));
        assert_eq!(
            row.announcement.is_some(),
            row.lease.is_some(),
            "the lease is kept for the announcement"
        );
        row.announcement.map(|announcement| announcement.status)
    };
    let suspended = Renewal {
        status: Status::Suspended,
        ..active()
    };
    assert_eq!(said(Renewal::default(), Answer::Applied), Some(Status::Active));
    assert_eq!(said(active(), Answer::Applied), None);
    assert_eq!(said(active(), TEMPORARY), None);
    assert_eq!(said(active(), Answer::Suspended), Some(Status::Suspended));
    assert_eq!(said(suspended, Answer::Suspended), None);
    assert_eq!(said(suspended, Answer::Applied), Some(Status::Active));
}

#[test]
fn a_renewal_that_lost_its_lease_writes_nothing() {
    let leased = Renewal::default().lease(NOW, deadline(NOW)).unwrap();
    let call = leased.call(NOW).unwrap();
    let later = deadline(NOW) + MAX_CLOCK_SKEW;
    let taken = leased.lease(later, deadline(later)).unwrap();
    assert_eq!(taken.settle(KEY, &call, &Answer::Applied, later), Settlement::Lost);
    assert_eq!(taken.withdraw(&call, None, later), Settlement::Lost);
    assert_eq!(taken.announced(call.lease, later), None);
}

#[test]
fn a_wish_changed_during_the_call_is_applied_by_the_holder() {
    let leased = Renewal::default().lease(NOW, deadline(NOW)).unwrap();
    let call = leased.call(NOW).unwrap();
    let Change::Leave(changed) = Renewal::put(Some(&leased), NOW, deadline(NOW)) else {
        panic!("the lease is held");
    };
    assert_eq!(changed.settle(KEY, &call, &Answer::Applied, NOW), Settlement::Changed);
    let again = changed.call(NOW).unwrap();
    assert_eq!((again.lease, again.version), (call.lease, call.version + 1));
    assert!(
        written(changed.settle(KEY, &again, &Answer::Applied, NOW))
            .0
            .is_applied()
    );
}

#[test]
fn an_update_that_is_applied_forgets_the_wish_before() {
    let row = applied(Renewal::put(Some(&active()), NOW, deadline(NOW)));
    assert_eq!(row.fallback, Some(Status::Active));
    let call = row.call(NOW).unwrap();
    let (row, _) = written(row.settle(KEY, &call, &Answer::Applied, NOW));
    assert_eq!((row.fallback, row.is_applied()), (None, true));
}

#[test]
fn an_update_that_is_refused_for_good_goes_back_to_the_wish_before() {
    let refused_for_good = |row: Renewal| {
        let mut row = applied(Renewal::put(Some(&row), NOW, deadline(NOW))).release_own();
        for hours in [0, 12, 24] {
            (row, _) = row.answered(Answer::Refused, NOW + HOUR * hours);
        }
        row
    };
    let day_later = Some(NOW + DAY);
    let table = [
        (active(), Status::Active, day_later),
        (
            Renewal {
                status: Status::Suspended,
                ..active()
            },
            Status::Suspended,
            day_later,
        ),
        (
            Renewal {
                status: Status::Deleting,
                ..active()
            },
            Status::Deleting,
            day_later,
        ),
        (
            Renewal {
                status: Status::Revoked,
                due: None,
                ..active()
            },
            Status::Revoked,
            None,
        ),
    ];
    for (before, status, due) in table {
        let after = refused_for_good(before);
        assert_eq!((after.status, after.index()), (status, due));
        assert_eq!((after.fallback, after.refusals, after.attempts), (None, None, 0));
        assert_eq!(after.version, before.version + 2, "the earlier wish is confirmed anew");
    }
}

#[test]
fn going_back_keeps_what_was_learned_about_the_owner_meanwhile() {
    let mut row = applied(Renewal::put(Some(&active()), NOW, deadline(NOW))).release_own();
    (row, _) = row.answered(Answer::Suspended, NOW);
    for hours in [12, 24, 36] {
        (row, _) = row.answered(Answer::Refused, NOW + HOUR * hours);
    }
    assert_eq!((row.status, row.fallback), (Status::Suspended, None));
}

#[test]
fn deleting_ends_with_a_confirmation_or_with_a_refusal_that_is_believed() {
    let deleting = applied(active().delete(NOW, deadline(NOW)));
    let call = deleting.call(NOW).unwrap();
    assert_eq!(call.kind, CallKind::Delete);
    assert_eq!(
        deleting.settle(KEY, &call, &Answer::Applied, NOW),
        Settlement::Remove(Outcome::Deleted)
    );

    let mut row = deleting.release_own();
    for (hours, answer) in [
        (0, Answer::Refused),
        (1, TEMPORARY),
        (2, Answer::Suspended),
        (3, Answer::Refused),
        (20, Answer::Refused),
    ] {
        (row, _) = row.answered(answer, NOW + HOUR * hours);
        assert_eq!((row.status, row.announcement), (Status::Deleting, None));
    }
    let now = NOW + HOUR * 27;
    let leased = Renewal { due: Some(now), ..row }.lease(now, deadline(now)).unwrap();
    let call = leased.call(now).unwrap();
    assert_eq!(
        leased.settle(KEY, &call, &Answer::Refused, now),
        Settlement::Remove(Outcome::Deleted)
    );
}

impl Renewal {
    /// The row after its holder gave the lease back.
    fn release_own(self) -> Self {
        self.lease.and_then(|lease| self.release(lease.id)).expect("held")
    }
}

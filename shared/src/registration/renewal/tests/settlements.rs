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
    let (row, effect) = written(leased.settle(SLOT, &call, &ResponseClass::Applied, 0, NOW + MINUTE));
    assert_eq!(effect, Effect::Renewed);
    assert_eq!(row.renewed_at, Some(NOW), "counted from the start of the call");
    assert_eq!(row.index(), Some(SLOT.next(NOW)));
    assert_eq!((row.attempts, row.lease, row.status_change), (0, None, None));
}

#[test]
fn waits_follow_the_answers() {
    let after = |seconds| ResponseClass::Temporary {
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
        ("605", active(), ResponseClass::Suspended, KEY.spread(DAY, 1)),
        (
            "605 after the expiry",
            expired,
            ResponseClass::Suspended,
            KEY.spread(DAY * 7, 1),
        ),
        ("604", active(), ResponseClass::Refused, KEY.retry_delay(1)),
    ];
    for (what, row, class, wait) in table {
        let (row, _) = row.answered(class, NOW);
        assert_eq!(row.index(), Some(NOW + wait), "{what}");
    }
}

#[test]
fn a_permanent_answer_is_believed_after_three_over_a_day() {
    use Effect::{Refused, Revoked};
    /// What the case is about, and the answers: at which minute, which one, and what it comes to.
    type Case = (&'static str, &'static [(i64, ResponseClass, Effect)]);
    let table: [Case; 5] = [
        (
            "three within an hour",
            &[
                (0, ResponseClass::Refused, Refused),
                (20, ResponseClass::Refused, Refused),
                (60, ResponseClass::Refused, Refused),
            ],
        ),
        (
            "two over a day",
            &[
                (0, ResponseClass::Refused, Refused),
                (1440, ResponseClass::Refused, Refused),
            ],
        ),
        (
            "three over a day",
            &[
                (0, ResponseClass::Refused, Refused),
                (60, ResponseClass::Refused, Refused),
                (1440, ResponseClass::Refused, Revoked),
            ],
        ),
        (
            "a failure in between proves nothing",
            &[
                (0, ResponseClass::Refused, Refused),
                (60, TEMPORARY, Effect::Temporary),
                (120, ResponseClass::Refused, Refused),
                (1440, ResponseClass::Refused, Revoked),
            ],
        ),
        (
            "a success or a 605 in between disproves it",
            &[
                (0, ResponseClass::Refused, Refused),
                (60, ResponseClass::Applied, Effect::Renewed),
                (1439, ResponseClass::Refused, Refused),
                (1440, ResponseClass::Refused, Refused),
                (1441, ResponseClass::Suspended, Effect::Suspended),
                (3000, ResponseClass::Refused, Refused),
            ],
        ),
    ];
    for (what, answers) in table {
        let mut row = active();
        for (minute, class, expected) in answers {
            let now = NOW + MINUTE * i32::try_from(*minute).unwrap();
            let (next, effect) = row.answered(*class, now);
            assert_eq!(effect, *expected, "{what}, minute {minute}");
            assert_eq!(next.status == Status::Revoked, effect == Revoked, "{what}");
            let is_weekly = next.index() == Some(now + KEY.revoked_delay(next.attempts));
            assert_eq!(is_weekly, effect == Revoked, "{what}");
            row = next;
        }
    }
}

#[test]
fn the_ladder_itself_takes_a_day_to_believe_a_refusal() {
    let mut row = active();
    let mut now = NOW;
    let mut answers = 0;
    loop {
        (row, _) = row.answered(ResponseClass::Refused, now);
        answers += 1;
        match row.due {
            Some(due) if row.status != Status::Revoked => now = due,
            _ => break,
        }
    }
    assert!(now - NOW >= DAY && now - NOW <= DAY * 2, "{}", now - NOW);
    assert!((8..=9).contains(&answers), "{answers}");
}

#[test]
fn a_change_of_status_is_announced_and_a_repetition_is_not() {
    let announced = |row: Renewal, class| {
        let leased = Renewal { due: Some(NOW), ..row }.lease(NOW, deadline(NOW)).unwrap();
        let call = leased.call(NOW).unwrap();
        let (row, _) = written(leased.settle(SLOT, &call, &class, 0, NOW));
        assert_eq!(
            row.status_change.is_some(),
            row.lease.is_some(),
            "the lease is kept for the announcement"
        );
        row.status_change.map(|change| change.news)
    };
    let suspended = Renewal {
        status: Status::Suspended,
        ..active()
    };
    assert_eq!(
        announced(Renewal::default(), ResponseClass::Applied),
        Some(News::Active)
    );
    assert_eq!(announced(active(), ResponseClass::Applied), None);
    assert_eq!(announced(active(), TEMPORARY), None);
    assert_eq!(announced(active(), ResponseClass::Suspended), Some(News::Suspended));
    assert_eq!(announced(suspended, ResponseClass::Suspended), None);
    assert_eq!(announced(suspended, ResponseClass::Applied), Some(News::Active));
}

#[test]
fn a_renewal_that_lost_its_lease_writes_nothing() {
    let leased = Renewal::default().lease(NOW, deadline(NOW)).unwrap();
    let call = leased.call(NOW).unwrap();
    let later = deadline(NOW) + MAX_CLOCK_SKEW;
    let taken = leased.lease(later, deadline(later)).unwrap();
    assert_eq!(
        taken.settle(SLOT, &call, &ResponseClass::Applied, 0, later),
        Settlement::Lost
    );
    assert_eq!(taken.withdraw(&call, None, later), Settlement::Lost);
    assert_eq!(taken.published(call.lease, later), None);
}

#[test]
fn a_wish_changed_during_the_call_is_applied_by_the_holder() {
    let leased = Renewal::default().lease(NOW, deadline(NOW)).unwrap();
    let call = leased.call(NOW).unwrap();
    let changed = Renewal::put(Some(&leased), NOW);
    assert_eq!(
        changed.settle(SLOT, &call, &ResponseClass::Applied, 0, NOW),
        Settlement::Changed
    );
    let again = changed.call(NOW).unwrap();
    assert_eq!((again.lease, again.version), (call.lease, call.version + 1));
    assert!(
        written(changed.settle(SLOT, &again, &ResponseClass::Applied, 0, NOW))
            .0
            .is_applied()
    );
}

#[test]
fn an_update_that_is_applied_forgets_the_wish_before() {
    let row = leased(Renewal::put(Some(&active()), NOW), NOW);
    assert_eq!(row.previous_status, Some(Status::Active));
    let call = row.call(NOW).unwrap();
    let (row, _) = written(row.settle(SLOT, &call, &ResponseClass::Applied, 0, NOW));
    assert_eq!((row.previous_status, row.is_applied()), (None, true));
}

#[test]
fn an_update_that_is_refused_for_good_goes_back_to_the_wish_before() {
    let refused_for_good = |row: Renewal| {
        let mut row = leased(Renewal::put(Some(&row), NOW), NOW).release_own();
        for hours in [0, 12, 24] {
            (row, _) = row.answered(ResponseClass::Refused, NOW + HOUR * hours);
        }
        row
    };
    let day_later = Some(NOW + DAY);
    let next_week = Some(NOW + DAY + KEY.revoked_delay(0));
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
                ..active()
            },
            Status::Revoked,
            next_week,
        ),
    ];
    for (before, status, due) in table {
        let after = refused_for_good(before);
        assert_eq!((after.status, after.index()), (status, due));
        assert_eq!((after.previous_status, after.refusals, after.attempts), (None, None, 0));
        assert_eq!(after.version, before.version + 2, "the earlier wish is confirmed anew");
    }
}

#[test]
fn going_back_keeps_what_was_learned_about_the_owner_meanwhile() {
    let mut row = leased(Renewal::put(Some(&active()), NOW), NOW).release_own();
    (row, _) = row.answered(ResponseClass::Suspended, NOW);
    for hours in [12, 24, 36] {
        (row, _) = row.answered(ResponseClass::Refused, NOW + HOUR * hours);
    }
    assert_eq!((row.status, row.previous_status), (Status::Suspended, None));
}

#[test]
fn deleting_ends_with_a_confirmation_or_with_a_refusal_that_is_believed() {
    let deleting = leased(wanted(active().delete(NOW)), NOW);
    let call = deleting.call(NOW).unwrap();
    assert_eq!(call.kind, CallKind::Delete);
    assert_eq!(
        deleting.settle(SLOT, &call, &ResponseClass::Applied, 0, NOW),
        Settlement::Remove(Effect::Deleted)
    );

    let mut row = deleting.release_own();
    for (hours, class) in [
        (0, ResponseClass::Refused),
        (1, TEMPORARY),
        (2, ResponseClass::Suspended),
        (3, ResponseClass::Refused),
        (20, ResponseClass::Refused),
    ] {
        (row, _) = row.answered(class, NOW + HOUR * hours);
        assert_eq!((row.status, row.status_change), (Status::Deleting, None));
    }
    let now = NOW + HOUR * 27;
    let leased = Renewal { due: Some(now), ..row }.lease(now, deadline(now)).unwrap();
    let call = leased.call(now).unwrap();
    assert_eq!(
        leased.settle(SLOT, &call, &ResponseClass::Refused, 0, now),
        Settlement::Remove(Effect::Deleted)
    );
}

impl Renewal {
    /// The row after its holder gave the lease back.
    fn release_own(self) -> Self {
        self.lease.and_then(|lease| self.release(lease.id)).expect("held")
    }
}

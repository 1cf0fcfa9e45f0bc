use super::*;

#[test]
fn a_put_keeps_the_status_until_there_is_a_better_one() {
    let table = [
        (None, Status::Pending, None),
        (Some(Renewal::default()), Status::Pending, Some(Status::Pending)),
        (Some(active()), Status::Active, Some(Status::Active)),
        (
            Some(with(Status::Suspended)),
            Status::Suspended,
            Some(Status::Suspended),
        ),
        (Some(with(Status::Revoked)), Status::Pending, Some(Status::Revoked)),
        (Some(with(Status::Deleting)), Status::Pending, Some(Status::Deleting)),
        (Some(with(Status::Replaced)), Status::Pending, None),
    ];
    for (existing, status, previous_status) in table {
        let row = leased(Renewal::put(existing.as_ref(), NOW), NOW);
        assert_eq!((row.status, row.previous_status), (status, previous_status));
        assert!(!row.is_applied());
        assert!(row.call(NOW).is_some());
    }
}

#[test]
fn a_new_token_starts_afresh_after_the_old_one_was_taken() {
    let replaced = active().replaced(NOW);
    let put = leased(Renewal::put(Some(&replaced), NOW), NOW);
    assert_eq!((put.expires_at(), put.renewed_at, put.applied), (None, None, None));
    assert!(!put.has_lapsed(NOW + LIFETIME));
    let call = put.call(NOW).unwrap();
    let (row, _) = written(put.withdraw(&call, Some(&replaced), NOW));
    assert_eq!(
        (row.expires_at(), row.renewed_at, row.applied),
        (replaced.expires_at(), replaced.renewed_at, replaced.applied)
    );
}

#[test]
fn a_second_update_still_goes_back_to_what_was_confirmed() {
    let once = leased(Renewal::put(Some(&with(Status::Revoked)), NOW), NOW);
    let later = NOW + DAY;
    let twice = leased(Renewal::put(Some(&once), later), later);
    assert_eq!(twice.previous_status, Some(Status::Revoked));
}

#[test]
fn a_change_under_somebody_s_lease_is_left_to_them() {
    let held = Renewal::default().lease(NOW, deadline(NOW)).unwrap();
    let changes = [
        Renewal::put(Some(&held), NOW),
        wanted(held.delete(NOW)),
        wanted(held.renew_now(NOW)),
    ];
    for row in changes {
        let row = row.take_turn(NOW, deadline(NOW) + DAY);
        assert_eq!(
            (row.lease, row.index(), row.revision),
            (held.lease, held.index(), held.revision + 1)
        );
        assert!(row.call(NOW).is_some(), "the holder must call");
    }
}

#[test]
fn a_put_that_is_refused_in_its_own_call_leaves_everything_as_it_was() {
    let twice = leased(Renewal::put(Some(&active()), NOW), NOW);
    let twice = Renewal {
        lease: None,
        attempts: 4,
        ..twice
    };
    let cases = [
        (active(), Some(NOW)),
        (with(Status::Suspended), Some(NOW)),
        (with(Status::Deleting), Some(NOW)),
        (with(Status::Revoked), with(Status::Revoked).due),
        (with(Status::Replaced), None),
        (twice, Some(NOW)),
    ];
    for (existing, due) in cases {
        let row = leased(Renewal::put(Some(&existing), NOW), NOW);
        let call = row.call(NOW).unwrap();
        let (row, effect) = written(row.withdraw(&call, Some(&existing), NOW));
        let expected = Renewal {
            revision: existing.revision + 2,
            version: existing.version + 2,
            due,
            ..existing
        };
        assert_eq!((row, effect), (expected, Effect::Restored));
    }
    let row = leased(Renewal::put(None, NOW), NOW);
    let call = row.call(NOW).unwrap();
    assert_eq!(row.withdraw(&call, None, NOW), Settlement::Remove(Effect::Withdrawn));
}

#[test]
fn a_put_that_was_overtaken_withdraws_nothing() {
    let row = leased(Renewal::put(Some(&active()), NOW), NOW);
    let call = row.call(NOW).unwrap();
    let overtaken = Renewal::put(Some(&row), NOW);
    assert_eq!(overtaken.withdraw(&call, Some(&active()), NOW), Settlement::Changed);
}

#[test]
fn a_revoked_row_is_deleted_by_a_call_and_renewed_by_nobody_s_wish() {
    let revoked = with(Status::Revoked);
    let deleting = leased(wanted(revoked.delete(NOW)), NOW);
    assert_eq!(deleting.call(NOW).map(|call| call.kind), Some(CallKind::Delete));
    assert_eq!(revoked.renew_now(NOW), Change::Never(Status::Revoked));
}

#[test]
fn a_replaced_row_is_removed_without_a_call_and_not_renewed() {
    let replaced = active().replaced(NOW);
    assert_eq!(replaced.delete(NOW), Change::Remove);
    assert_eq!(replaced.renew_now(NOW), Change::Never(Status::Replaced));
}

#[test]
fn a_delete_has_no_wish_to_go_back_to_but_a_put_after_it_has_the_delete() {
    let updated = leased(Renewal::put(Some(&active()), NOW), NOW);
    let later = NOW + DAY;
    let deleting = wanted(updated.delete(later));
    assert_eq!((deleting.status, deleting.previous_status), (Status::Deleting, None));
    let later = later + DAY;
    let put = leased(Renewal::put(Some(&deleting), later), later);
    assert_eq!(
        (put.status, put.previous_status),
        (Status::Pending, Some(Status::Deleting))
    );
}

#[test]
fn a_second_delete_only_hurries_the_first() {
    let first = wanted(active().delete(NOW));
    let later = NOW + DAY;
    let second = wanted(first.delete(later));
    assert_eq!((second.status, second.version), (Status::Deleting, first.version));
}

#[test]
fn a_sweep_brings_a_renewal_forward() {
    for status in [Status::Active, Status::Suspended, Status::Revoked] {
        let row = with(status).reapply(NOW);
        assert_eq!((row.index(), row.status, row.reapply), (Some(NOW), status, None));
        assert_eq!(leased(row, NOW).call(NOW).map(|call| call.kind), Some(CallKind::Set));
    }
    let due = Renewal {
        due: Some(NOW + -HOUR),
        ..active()
    };
    assert_eq!(due.reapply(NOW).index(), due.index(), "nothing is put off");
}

#[test]
fn a_sweep_during_a_call_has_it_made_once_more() {
    let due = Renewal {
        due: Some(NOW),
        ..active()
    };
    let leased = due.lease(NOW, deadline(NOW)).unwrap();
    let call = leased.call(NOW).unwrap();
    // Within the second in which the call began nobody can tell which came first.
    for asked in [NOW, NOW + SignedDuration::from_secs(5)] {
        let row = leased.reapply(asked);
        assert_eq!(row.lease, leased.lease);
        let (row, _) = written(row.settle(SLOT, &call, &ResponseClass::Applied, 0, asked));
        let again = row.call(asked).expect("the lease goes on");
        let (row, _) = written(row.settle(SLOT, &again, &ResponseClass::Applied, 0, asked));
        assert_eq!((row.index(), row.reapply), (Some(SLOT.next(asked)), None));
    }
}

#[test]
fn a_new_row_never_repeats_the_revisions_of_a_removed_one() {
    let removed = Renewal {
        revision: active().revision + 1_000_000,
        ..active()
    };
    let later = NOW + SignedDuration::from_secs(1);
    assert!(leased(Renewal::put(None, later), later).revision > removed.revision);
}

fn with(status: Status) -> Renewal {
    let due = active().due.filter(|_| status != Status::Replaced);
    Renewal {
        status,
        due,
        ..active()
    }
}

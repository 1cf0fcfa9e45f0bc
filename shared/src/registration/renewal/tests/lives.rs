//! Lives of one registration, made up at random: whatever happens in whatever order, what must hold does.

use proptest::prelude::*;

use super::*;

/// Something that happens, a while after what happened before.
#[derive(Debug, Clone)]
enum Event {
    /// A worker finds the row and gets this answer; it may die at once, before it writes, or before it announces.
    Work(ResponseClass, Death),
    Put,
    Delete,
    RenewNow,
    Reapply,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    None,
    BeforeWriting,
    BeforeAnnouncing,
}

fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
    let class = prop_oneof![
        4 => Just(ResponseClass::Applied),
        3 => Just(TEMPORARY),
        1 => (0..200_000_i64).prop_map(|seconds| ResponseClass::Temporary {
            fault: Fault::Registration,
            retry_after: Some(SignedDuration::from_secs(seconds)),
        }),
        2 => Just(ResponseClass::Suspended),
        5 => Just(ResponseClass::Refused),
    ];
    let death =
        prop_oneof![8 => Just(Death::None), 1 => Just(Death::BeforeWriting), 1 => Just(Death::BeforeAnnouncing)];
    let event = prop_oneof![
        12 => (class, death).prop_map(|(class, death)| Event::Work(class, death)),
        2 => Just(Event::Put),
        1 => Just(Event::Delete),
        1 => Just(Event::RenewNow),
        1 => Just(Event::Reapply),
    ];
    let pause = prop_oneof![0..100_i64, 0..100_000_i64, 0..20_000_000_i64];
    prop::collection::vec((pause, event), 1..60)
}

/// What one event makes of the row.
fn live(row: Renewal, event: &Event, now: EpochSeconds, slot: Slot) -> Option<Renewal> {
    match event {
        Event::Work(class, death) => match row.lease(now, deadline(now)) {
            None => Some(row),
            Some(leased) => work(leased, class, *death, now, slot),
        },
        Event::Put => changed(Renewal::put(Some(&row), now, deadline(now)), row, now),
        Event::Delete => changed(row.delete(now, deadline(now)), row, now),
        Event::RenewNow => changed(row.renew_now(now, deadline(now)), row, now),
        Event::Reapply => Some(row.reapply(now, now + HOUR).unwrap_or(row)),
    }
}

fn work(row: Renewal, class: &ResponseClass, death: Death, now: EpochSeconds, slot: Slot) -> Option<Renewal> {
    let lease = row.lease.map(|lease| lease.id).expect("leased");
    let row = match row.status_change {
        Some(_) if death == Death::BeforeAnnouncing => return Some(row),
        Some(_) => row.published(lease, now).expect("held"),
        None => row,
    };
    let Some(call) = row.call(now).filter(|_| death != Death::BeforeWriting) else {
        return Some(row);
    };
    match row.settle(slot, &call, class, now) {
        Settlement::Write(row, _) if row.status_change.is_some() && death == Death::None => row.published(lease, now),
        Settlement::Write(row, _) => Some(row),
        Settlement::Remove(_) => None,
        Settlement::Changed | Settlement::Lost => panic!("nobody else was there"),
    }
}

fn changed(change: Change<Renewal>, row: Renewal, now: EpochSeconds) -> Option<Renewal> {
    match change {
        // Without time for the call.
        Change::Apply(row) => row.lease.and_then(|lease| row.release(lease.id)),
        Change::Leave(row) => Some(row),
        Change::Remove => None,
        Change::Revoked => {
            assert_eq!(
                row.lease(now, deadline(now)).and_then(|row| row.call(now)),
                None,
                "a revoked row isn't called"
            );
            Some(row)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn what_must_hold_holds(hash: u64, cycle in Cycle::DAYS, events in events()) {
        let slot = Slot { key: KeyHash(hash), cycle: days(cycle) };
        let length = slot.cycle.length();
        let mut row = Renewal::default();
        let mut now = NOW;
        for (pause, event) in &events {
            now = now + SignedDuration::from_secs(*pause);
            let Some(next) = live(row, event, now, slot) else { break };

            prop_assert!(next == row || next.revision > row.revision, "a write that doesn't count");
            prop_assert!(next.version >= row.version);
            prop_assert_eq!(next.index().is_none(), next.status == Status::Revoked && next.status_change.is_none());
            prop_assert!(next.index() <= Some(now + (length + DAY).max(DAY * 9)), "due too late: {:?}", next);
            if !next.is_applied() && next.status != Status::Revoked {
                prop_assert!(next.index() <= Some(now + DAY * 9), "unapplied and hardly due: {:?}", next);
            }
            if let (Status::Active, true, Some(expiry)) = (next.status, next.is_applied(), next.expires_at()) {
                let renewed_now = next.renewed_at == Some(now);
                prop_assert!(!renewed_now || next.due.is_some_and(|due| expiry - due >= LIFETIME - length - DAY));
            }
            if next.status == Status::Revoked && row.status != Status::Revoked && row.previous_status != Some(Status::Revoked) {
                let earlier = row.refusals.expect("refused before");
                prop_assert!(earlier.count >= 2 && now - earlier.first >= DAY, "revoked too soon: {:?}", row);
            }
            row = next;
        }
    }
}

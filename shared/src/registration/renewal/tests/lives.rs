//! Lives of one registration, made up at random: whatever happens in whatever order, what must hold does.

use proptest::prelude::*;

use super::*;

/// Something that happens, a while after what happened before.
#[derive(Debug, Clone)]
enum Event {
    /// A worker finds the row and gets this answer; it may die at once, before it writes, or before it announces.
    Work(ResponseClass, Death),
    /// The app wants something else; `true`: with another token.
    Put(bool),
    Delete,
    RenewNow,
    Reapply,
    /// Another registration takes its present token.
    Replaced,
    /// It gets that back, with so many old tokens.
    GivenBack(u8),
    /// Another registration takes one of its old tokens.
    Robbed,
    /// It takes a token under which somebody may be calling for so many seconds more.
    Foreign(i64),
    /// Somebody gives that lease back.
    Returned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    None,
    BeforeWriting,
    BeforeAnnouncing,
    /// Not a death: the topic can't be told.
    Mute,
}

/// Whose lease a foreign one is.
const ORIGIN: (KeyHash, u64) = (KeyHash(7), 1);

fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
    let class = prop_oneof![
        6 => Just(ResponseClass::Applied),
        3 => Just(TEMPORARY),
        2 => Just(SILENCE),
        1 => (0..200_000_i64).prop_map(|seconds| ResponseClass::Temporary {
            fault: Fault::Registration,
            retry_after: Some(SignedDuration::from_secs(seconds)),
        }),
        2 => Just(ResponseClass::Suspended),
        5 => Just(ResponseClass::Refused),
        1 => Just(ResponseClass::Doubtful),
    ];
    let death = prop_oneof![
        8 => Just(Death::None),
        1 => Just(Death::BeforeWriting),
        1 => Just(Death::BeforeAnnouncing),
        1 => Just(Death::Mute),
    ];
    let event = prop_oneof![
        20 => (class, death).prop_map(|(class, death)| Event::Work(class, death)),
        2 => any::<bool>().prop_map(Event::Put),
        1 => Just(Event::Delete),
        1 => Just(Event::RenewNow),
        1 => Just(Event::Reapply),
        1 => Just(Event::Replaced),
        1 => (0..3_u8).prop_map(Event::GivenBack),
        1 => Just(Event::Robbed),
        1 => (0..1000_i64).prop_map(Event::Foreign),
        1 => Just(Event::Returned),
    ];
    let pause = prop_oneof![0..100_i64, 0..100_000_i64, 0..20_000_000_i64];
    prop::collection::vec((pause, event), 1..60)
}

/// A life, and what is known of it beside the row.
#[derive(Debug, Clone, Copy)]
struct Life {
    row: Renewal,
    /// Until when somebody may be calling for its token under another registration's lease.
    foreign: Option<EpochSeconds>,
    slot: Slot,
}

impl Life {
    /// What one event makes of the row; `None`: it is gone.
    fn live(&mut self, event: &Event, now: EpochSeconds) -> Option<Renewal> {
        let row = self.row;
        let is_replaced = row.status == Status::Replaced;
        Some(match event {
            Event::Work(class, death) => match row.lease(now, deadline(now)) {
                None => row,
                Some(leased) => return self.work(leased, class, *death, now),
            },
            Event::Put(is_new_token) => {
                let put = Renewal::put(Some(&row), now);
                let overtaken = u8::from(*is_new_token && row.old_tokens < 4);
                without_time(
                    Renewal {
                        old_tokens: row.old_tokens + overtaken,
                        ..put
                    },
                    now,
                )
            }
            Event::Delete => return changed(row.delete(now), row, now),
            Event::RenewNow => return changed(row.renew_now(now), row, now),
            Event::Reapply if !is_replaced => row.reapply(now),
            Event::Replaced if !is_replaced => {
                self.foreign = None; // whoever takes the token waits for it
                row.replaced(now)
            }
            Event::GivenBack(old_tokens) if is_replaced => row.given_back(*old_tokens, now),
            Event::Robbed if !is_replaced && row.old_tokens > 0 => row.robbed(row.old_tokens - 1, now),
            Event::Foreign(seconds) if !is_replaced => {
                let until = now + SignedDuration::from_secs(*seconds);
                self.foreign = self.foreign.max(Some(until));
                let lease = ForeignLease {
                    origin: Some(ORIGIN),
                    until,
                };
                Renewal::put(Some(&row), now).with_foreign(Some(lease))
            }
            Event::Returned => match row.returned(ORIGIN) {
                None => row,
                Some(row) => {
                    self.foreign = None;
                    row
                }
            },
            Event::Replaced | Event::GivenBack(_) | Event::Robbed | Event::Foreign(_) | Event::Reapply => row,
        })
    }

    fn work(&self, row: Renewal, class: &ResponseClass, death: Death, now: EpochSeconds) -> Option<Renewal> {
        let lease = row.lease.map(|lease| lease.id).expect("leased");
        let Some(call) = row.call(now) else {
            return Some(told(row, lease, death, now));
        };
        assert!(
            self.foreign.is_none_or(|until| until + MAX_CLOCK_SKEW <= now),
            "two callers: {row:?}"
        );
        assert_ne!(row.status, Status::Replaced, "a call without a token");
        if death == Death::BeforeWriting {
            return Some(row);
        }
        let old_tokens = match call.kind {
            CallKind::Set => row.old_tokens,
            CallKind::Clear => row.old_tokens - 1,
            CallKind::Delete => 0,
        };
        match row.settle(self.slot, &call, class, old_tokens, now) {
            Settlement::Write(row, _) => Some(told(row, lease, death, now)),
            Settlement::Remove(_) => None,
            Settlement::Changed | Settlement::Lost => panic!("nobody else was there"),
        }
    }
}

/// The row after its holder has told what there is to tell, and goes.
fn told(mut row: Renewal, lease: u64, death: Death, now: EpochSeconds) -> Renewal {
    while row.is_held_by(lease) && death != Death::BeforeAnnouncing {
        let news = row.status_change.filter(|change| change.is_due(now));
        row = match (news, death) {
            (None, _) => row.release(lease),
            (Some(_), Death::Mute) => row.postponed(lease, now),
            (Some(_), _) => row.published(lease, now),
        }
        .expect("held");
    }
    row
}

/// The row of a request without time for the call.
fn without_time(row: Renewal, now: EpochSeconds) -> Renewal {
    let row = row.take_turn(now, deadline(now));
    row.release(row.revision).unwrap_or(row)
}

fn changed(change: Change<Renewal>, row: Renewal, now: EpochSeconds) -> Option<Renewal> {
    match change {
        Change::Write(row) => Some(without_time(row, now)),
        Change::Remove => None,
        Change::Never(status) => {
            assert!(matches!(status, Status::Revoked | Status::Replaced));
            Some(row)
        }
    }
}

/// The end of a revoked row's weekly tries, by the contract.
fn end_of_tries(row: &Renewal) -> Option<EpochSeconds> {
    let first_refusal = row.refusals.map(|refusals| refusals.first);
    row.renewed_at.or(first_refusal).map(|last| last + LIFETIME)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn what_must_hold_holds(hash: u64, cycle in Cycle::DAYS, events in events()) {
        let slot = Slot { key: KeyHash(hash), cycle: days(cycle) };
        let length = slot.cycle.length();
        let week = DAY * 9; // give or take a fifth
        let mut life = Life { row: Renewal::default(), foreign: None, slot };
        let mut now = NOW;
        for (pause, event) in &events {
            now = now + SignedDuration::from_secs(*pause);
            let row = life.row;
            let Some(next) = life.live(event, now) else { break };

            prop_assert!(next == row || next.revision > row.revision, "a write that doesn't count");
            prop_assert!(next.version >= row.version);
            let has_news = next.status_change.is_some();
            match next.status {
                Status::Replaced => prop_assert_eq!(next.index().is_none(), !has_news && next.lease.is_none()),
                Status::Revoked => {
                    let is_over = end_of_tries(&next).is_none_or(|end| end <= now + week);
                    prop_assert!(next.index().is_some() || is_over && !has_news, "never tried again: {:?}", next);
                }
                _ => prop_assert!(next.index().is_some(), "forgotten: {:?}", next),
            }
            prop_assert!(next.index() <= Some(now + (length + DAY).max(week)), "due too late: {:?}", next);
            let is_wanted = !matches!(next.status, Status::Revoked | Status::Replaced);
            if !next.is_applied() || next.status == Status::Suspended {
                prop_assert!(next.index() <= Some(now + week), "unapplied and hardly due: {:?}", next);
            }
            if let (true, Some(due), Some(expiry)) = (is_wanted, next.due, next.expires_at()) {
                prop_assert!(due <= expiry || expiry <= now, "due after its expiry: {:?}", next);
            }
            if let (Status::Active, true, Some(expiry)) = (next.status, next.is_applied(), next.expires_at()) {
                let renewed_now = next.renewed_at == Some(now);
                prop_assert!(!renewed_now || next.due.is_some_and(|due| expiry - due >= LIFETIME - length - DAY));
            }
            let is_news = next.status == Status::Revoked && row.status != Status::Revoked;
            if is_news && row.previous_status != Some(Status::Revoked) {
                let earlier = row.refusals.expect("refused before");
                prop_assert!(earlier.count >= 2 && now - earlier.first >= DAY, "revoked too soon: {:?}", row);
            }
            life.row = next;
        }
    }
}

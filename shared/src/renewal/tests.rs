//! Tables and properties; the model check and the simulation are in the crate `printbell-rehearsal`.

mod changes;
mod leases;
mod lives;
mod settlements;
mod slots;

use super::*;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Some Tuesday, 2026-11-24T00:00:00Z.
const NOW: EpochSeconds = EpochSeconds(1_795_478_400);
const KEY: Key = Key(0x8000_0000_8000_0000);
const TEMPORARY: Answer = Answer::Temporary {
    fault: Fault::Service,
    retry_after: None,
};

fn deadline(now: EpochSeconds) -> EpochSeconds {
    now + MINUTE
}

fn written<R>(settlement: Settlement<R>) -> (R, Outcome) {
    match settlement {
        Settlement::Write(row, outcome) => (row, outcome),
        Settlement::Remove(outcome) => panic!("removed: {outcome:?}"),
        Settlement::Changed | Settlement::Lost => panic!("not written"),
    }
}

fn applied<R>(change: Change<R>) -> R {
    match change {
        Change::Apply(row) => row,
        Change::Leave(_) | Change::Remove | Change::Revoked => panic!("no lease taken"),
    }
}

impl Renewal {
    /// Due now, called at once, settled, and announced if it is news.
    fn answered(self, answer: Answer, now: EpochSeconds) -> (Self, Outcome) {
        let due = Self { due: Some(now), ..self };
        let leased = due.lease(now, deadline(now)).expect("free and due");
        let call = leased.call(now).expect("due");
        let (row, outcome) = written(leased.settle(KEY, &call, &answer, now));
        match row.announcement {
            Some(_) => (row.announced(call.lease, now).expect("the lease is kept"), outcome),
            None => (row, outcome),
        }
    }
}

/// A registration that has been put and confirmed.
fn active() -> Renewal {
    let row = applied(Renewal::put(None, NOW, deadline(NOW)));
    let call = row.call(NOW).expect("due");
    let (row, _) = written(row.settle(KEY, &call, &Answer::Applied, NOW));
    row.announced(call.lease, NOW).expect("the lease is kept")
}

//! Tables and properties; the model check and the simulation are in the crate `printbell-rehearsal`.

mod changes;
mod leases;
mod lives;
mod settlements;
mod slots;

use super::*;
use crate::registration::service_response::{Fault, ResponseClass};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Some Tuesday, 2026-11-24T00:00:00Z.
const NOW: EpochSeconds = EpochSeconds(1_795_478_400);
const KEY: KeyHash = KeyHash(0x8000_0000_8000_0000);
const SLOT: Slot = Slot {
    key: KEY,
    cycle: Cycle::DEFAULT,
};
const TEMPORARY: ResponseClass = ResponseClass::Temporary {
    fault: Fault::Service,
    retry_after: None,
};

/// A cycle of so many days.
fn days(days: u8) -> Cycle {
    Cycle::from_days(days).expect("a cycle")
}

fn deadline(now: EpochSeconds) -> EpochSeconds {
    now + MINUTE
}

fn written<R>(settlement: Settlement<R>) -> (R, Effect) {
    match settlement {
        Settlement::Write(row, effect) => (row, effect),
        Settlement::Remove(effect) => panic!("removed: {effect:?}"),
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
    fn answered(self, class: ResponseClass, now: EpochSeconds) -> (Self, Effect) {
        let due = Self { due: Some(now), ..self };
        let leased = due.lease(now, deadline(now)).expect("free and due");
        let call = leased.call(now).expect("due");
        let (row, effect) = written(leased.settle(SLOT, &call, &class, now));
        match row.status_change {
            Some(_) => (row.published(call.lease, now).expect("the lease is kept"), effect),
            None => (row, effect),
        }
    }
}

/// A registration that has been put and confirmed.
fn active() -> Renewal {
    let row = applied(Renewal::put(None, NOW, deadline(NOW)));
    let call = row.call(NOW).expect("due");
    let (row, _) = written(row.settle(SLOT, &call, &ResponseClass::Applied, NOW));
    row.published(call.lease, NOW).expect("the lease is kept")
}

//! Tables and properties; the model check and the simulation are in the crate `printbell-rehearsal`.

mod changes;
mod foreign;
mod lapses;
mod leases;
mod lives;
mod news;
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
const SILENCE: ResponseClass = ResponseClass::Temporary {
    fault: Fault::Silence,
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

/// The row of a request, with the lease that it takes.
fn leased(row: Renewal, now: EpochSeconds) -> Renewal {
    let row = row.take_turn(now, deadline(now));
    assert_eq!(row.lease.map(|lease| lease.id), Some(row.revision), "no lease taken");
    row
}

fn wanted<R>(change: Change<R>) -> R {
    match change {
        Change::Write(row) => row,
        Change::Remove | Change::Never(_) => panic!("nothing to write"),
    }
}

impl Renewal {
    /// Due now, called at once, settled, and announced if it is news; the lease is given back.
    fn answered(self, class: ResponseClass, now: EpochSeconds) -> (Self, Effect) {
        let (row, effect, _) = self.announced(class, now);
        (row, effect)
    }

    /// The same, with what the topic is told.
    fn announced(self, class: ResponseClass, now: EpochSeconds) -> (Self, Effect, Vec<News>) {
        let due = Self { due: Some(now), ..self };
        let leased = due.lease(now, deadline(now)).expect("free and due");
        let call = leased.call(now).expect("due");
        let (mut row, effect) = written(leased.settle(SLOT, &call, &class, 0, now));
        let mut news = Vec::new();
        while let Some(change) = row.status_change.filter(|change| change.is_due(now)) {
            news.push(change.news);
            row = row.published(call.lease, now).expect("the lease is kept");
        }
        (row.release(call.lease).unwrap_or(row), effect, news)
    }
}

/// A registration that has been put and confirmed.
fn active() -> Renewal {
    let row = leased(Renewal::put(None, NOW), NOW);
    let call = row.call(NOW).expect("due");
    let (row, _) = written(row.settle(SLOT, &call, &ResponseClass::Applied, 0, NOW));
    row.published(call.lease, NOW).expect("the lease is kept")
}

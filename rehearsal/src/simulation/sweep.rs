//! A sweep: every row of the table passed once, in the table's order, and renewed there and then if it was last set before the
//! sweep's mark.

use jiff::SignedDuration;
use printbell_shared::registration::renewal::{Change, EpochSeconds, LIFETIME};

use super::event::{Event, EventKind};
use super::fleet::Row;
use super::{START, Simulation};

/// A sweep as it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// When it was asked for, after the start: its mark.
    pub from: SignedDuration,
    /// How long it took to pass every row; `None`: it wasn't over at the end.
    pub length: Option<SignedDuration>,
    /// The calls that it made.
    pub calls: u64,
    /// The rows that needed nothing: most of them were renewed at their slots after the mark.
    pub rows_left_alone: u64,
    /// Webhooks that were found to be gone meanwhile.
    pub lapses: u64,
    /// The most registrations that were due before a run began and still when it had ended, meanwhile.
    pub most_waiting: u64,
    /// The longest that one of the regular work waited for its call, meanwhile.
    pub longest_wait: SignedDuration,
    /// The least time that was left before an expiry, meanwhile.
    pub closest: SignedDuration,
}

impl Sweep {
    fn new(event: &Event) -> Self {
        Self {
            from: event.from,
            length: None,
            calls: 0,
            rows_left_alone: 0,
            lapses: 0,
            most_waiting: 0,
            longest_wait: SignedDuration::ZERO,
            closest: LIFETIME,
        }
    }

    /// The calls that it had a second, if it is over.
    pub fn calls_per_second(&self) -> Option<f64> {
        self.length.map(|length| self.calls as f64 / length.as_secs_f64())
    }
}

/// The sweeps of a scenario. There is one at a time: a new reason only moves the mark, and it goes on round from where it is.
#[derive(Debug)]
pub(super) struct Sweeps {
    /// As many as the scenario has, in its order.
    all: Vec<Sweep>,
    /// At how many rows passed each of them is over; `None`: it hasn't begun.
    ends: Vec<Option<u64>>,
    printers: u64,
    /// All rows that were ever passed: the place in the table is what this leaves divided by `printers`.
    passed: u64,
    /// What was last set before this is renewed.
    mark: EpochSeconds,
}

impl Sweeps {
    pub fn new(events: &[Event], printers: u32) -> Self {
        let is_sweep = |event: &&Event| event.kind == EventKind::Sweep;
        let all: Vec<_> = events.iter().filter(is_sweep).map(Sweep::new).collect();
        Self {
            ends: vec![None; all.len()],
            all,
            printers: printers.into(),
            passed: 0,
            mark: START,
        }
    }

    /// Whether one is under way.
    pub fn is_under_way(&self) -> bool {
        self.ends.iter().flatten().any(|end| self.passed < *end)
    }

    fn under_way(&mut self) -> impl Iterator<Item = &mut Sweep> {
        let passed = self.passed;
        let sweeps = self.all.iter_mut().zip(&self.ends);
        sweeps
            .filter(move |(_, end)| end.is_some_and(|end| passed < end))
            .map(|(sweep, _)| sweep)
    }

    /// One of the regular work had waited so long when it was called.
    pub fn waited(&mut self, wait: SignedDuration) {
        for sweep in self.under_way() {
            sweep.longest_wait = sweep.longest_wait.max(wait);
        }
    }

    /// So many are due though a run has ended.
    pub fn left_over(&mut self, waiting: u64) {
        for sweep in self.under_way() {
            sweep.most_waiting = sweep.most_waiting.max(waiting);
        }
    }

    /// OctoEverywhere was asked again, so long before it would have forgotten.
    pub fn renewed(&mut self, left: SignedDuration) {
        for sweep in self.under_way() {
            sweep.closest = sweep.closest.min(left);
            sweep.lapses += u64::from(left.is_negative());
        }
    }

    /// Every one, as it went.
    pub fn into_all(self) -> Vec<Sweep> {
        self.all
    }

    /// Begins those whose time has come; whether there was one.
    fn begin(&mut self, now: EpochSeconds) -> bool {
        let mut has_begun = false;
        for (sweep, end) in self.all.iter().zip(&mut self.ends) {
            if end.is_none() && START + sweep.from <= now {
                *end = Some(self.passed + self.printers);
                self.mark = self.mark.max(START + sweep.from);
                has_begun = true;
            }
        }
        has_begun
    }

    /// Goes on by one row, `since` the start.
    fn pass(&mut self, since: SignedDuration) {
        self.passed += 1;
        for (sweep, end) in self.all.iter_mut().zip(&self.ends) {
            if *end == Some(self.passed) {
                sweep.length = Some(since - sweep.from);
            }
        }
    }
}

impl Simulation {
    /// Begins the sweeps whose time has come.
    pub(super) fn begin_sweeps(&mut self, now: EpochSeconds) {
        if self.sweeps.begin(now) {
            self.fleet.find_places(self.scenario.printers, self.sweeps.mark);
        }
    }

    /// Passes rows until one that is to be renewed, due now; `None`: every row is passed, and no sweep is under way any more.
    pub(super) fn next_to_sweep(&mut self, now: EpochSeconds) -> Option<Row> {
        while self.sweeps.is_under_way() {
            let place = (self.sweeps.passed % self.sweeps.printers) as u32;
            let row = self.fleet.take_stale(place);
            let row = row.and_then(|row| match row.renewal.renew_now(now) {
                Change::Write(renewal) => Some(Row { renewal, ..row }),
                // It was revoked, and is swept only when that is asked for.
                Change::Never(_) | Change::Remove => {
                    self.fleet.file(row);
                    None
                }
            });
            for sweep in self.sweeps.under_way() {
                match row {
                    Some(_) => sweep.calls += 1,
                    None => sweep.rows_left_alone += 1,
                }
            }
            self.sweeps.pass(now - START);
            if !self.sweeps.is_under_way() {
                self.fleet.forget_places();
            }
            if row.is_some() {
                return row;
            }
        }
        None
    }
}

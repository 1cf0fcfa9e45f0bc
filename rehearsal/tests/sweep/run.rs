//! One run of renew: looks what there is to do, renews the row if it is due, and goes on with the sweep meanwhile.
//!
//! What is a rule is `shared`'s. The order of the steps around it is that of `functions/renew`: `sweep` and `run`.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use printbell_shared::callback::key::VersionId;
use printbell_shared::registration::Registration;
use printbell_shared::registration::endpoint::{Endpoint, Standard};
use printbell_shared::registration::protocol::{CALL_TIME, Conclusion, Errand};
use printbell_shared::registration::renewal::{Effect, EpochSeconds, MAX_CLOCK_SKEW, Renewal};
use printbell_shared::registration::sweep::{Lap, Renovation, Sweep, SweepStatuses, Tally};

use crate::actors::{Luck, Part};
use crate::cast::{Attempt, Signer, Stack, key};
use crate::keys::Standing;
use crate::mishap::Mishap;
use crate::rules::{Rule, Sin};
use crate::work::{Course, Next, Work};
use crate::world::{State, World};

/// How long an invocation of renew may take.
const RUN: SignedDuration = SignedDuration::from_mins(15);

/// What is left of the invocation when no page is begun any more.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// A place in the table: behind its first page. The second one is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place;

/// A run under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    pub stack: Stack,
    pub began: Timestamp,
    /// When that was, by the world's clock.
    pub start: i64,
    pub deadline: Timestamp,
    /// The sweep as it was read, with its revision.
    sweep: Sweep<Place>,
    revision: u64,
    /// What the run knows of the keys.
    good: BTreeSet<VersionId>,
    retiring: BTreeSet<VersionId>,
    renovation: Option<Arc<Renovation>>,
    /// Pages of which every row is done, and that aren't written down.
    pages: Vec<(Option<Place>, Tally)>,
    pub pass: Pass,
    pub regular: Regular,
}

/// How far the sweep's part of a run is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pass {
    /// What the stack says is to be written down.
    Look,
    /// A page is to be read.
    Read(Option<Place>),
    /// A row is to be begun; the next page is there.
    Begin(Option<Place>),
    /// It is under way.
    Row(Option<Place>, Box<Work>),
    /// What is done is to be written down, unless the run goes on at once.
    Save(Option<Place>),
    /// Every row was passed, and none bears the first key: its label is to be taken away.
    Retire,
    Over,
}

/// How far the run is with what is due.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Regular {
    /// The index says that the row is due.
    Begin,
    Row(Box<Work>),
    Over,
}

impl Run {
    pub fn work(&self, part: Part) -> Option<&Work> {
        match (part, &self.pass, &self.regular) {
            (Part::Sweep, Pass::Row(_, work), _) | (Part::Regular, _, Regular::Row(work)) => Some(&**work),
            _ => None,
        }
    }

    pub fn work_mut(&mut self, part: Part) -> Option<&mut Work> {
        match (part, &mut self.pass, &mut self.regular) {
            (Part::Sweep, Pass::Row(_, work), _) | (Part::Regular, _, Regular::Row(work)) => Some(&mut **work),
            _ => None,
        }
    }

    /// Whether the part's next step is a write.
    pub fn writes(&self, part: Part) -> bool {
        match part {
            Part::Regular => matches!(self.regular, Regular::Row(_)),
            Part::Sweep => matches!(self.pass, Pass::Look | Pass::Row(..) | Pass::Save(_)),
        }
    }

    /// Whether what it sweeps is to be set again though it was set then.
    pub fn has_mark_since(&self, set: Option<EpochSeconds>) -> bool {
        let mark = self.renovation.as_ref().and_then(|renovation| renovation.mark);
        mark.is_some_and(|mark| set.is_none_or(|set| set <= mark + MAX_CLOCK_SKEW))
    }

    pub fn is_over(&self) -> bool {
        self.pass == Pass::Over && self.regular == Regular::Over
    }

    /// Whether it reads another page before it writes down what it has passed.
    pub fn can_go_on(&self) -> bool {
        matches!(self.pass, Pass::Save(Some(_)))
    }
}

impl World {
    /// What a run would find that begins now.
    pub fn has_to_run(&self, state: &State, stack: Stack, now: EpochSeconds) -> bool {
        let is_due = state.row.renewal.index().is_some_and(|index| index <= now);
        let mut sweep = state.sweep.clone();
        let changes = sweep.look(stack.url(), self.retires_keys(&state.keys.retiring(now)), now);
        is_due || changes || sweep.at_work(now).is_some()
    }

    /// Whether the run knows of a key to be retired.
    fn retires_keys(&self, retiring: &BTreeSet<VersionId>) -> bool {
        !retiring.is_empty() && self.keeps(Rule::Remainder)
    }

    pub fn begin_run(&self, state: &mut State, stack: Stack, now: Timestamp) -> Run {
        let deadline = now + RUN;
        if self.is_one_at_a_time {
            state.turn = Some(deadline.as_second());
        }
        let is_due = state.row.renewal.index().is_some_and(|index| index <= now.into());
        let mut run = Run {
            stack,
            began: now,
            start: state.now,
            deadline,
            sweep: state.sweep.clone(),
            revision: state.sweep_revision,
            good: state.keys.good(),
            retiring: state.keys.retiring(now.into()),
            renovation: None,
            pages: Vec::new(),
            pass: Pass::Over,
            regular: if is_due { Regular::Begin } else { Regular::Over },
        };
        self.look(state, &mut run);
        run
    }

    /// The sweep is read: what there is to be done, or written first.
    fn look(&self, state: &State, run: &mut Run) {
        run.sweep = state.sweep.clone();
        run.revision = state.sweep_revision;
        let is_changed = run
            .sweep
            .look(run.stack.url(), self.retires_keys(&run.retiring), run.began.into());
        if is_changed && run.sweep.url != state.sweep.url {
            if let Some(lap) = &mut run.sweep.lap
                && !self.keeps(Rule::Settling)
            {
                lap.begins = run.began.into();
            }
            if let Some(lap) = &mut run.sweep.lap
                && !self.keeps(Rule::Memory)
            {
                lap.mark = lap.mark.max(Some(run.began.into()));
            }
        }
        match is_changed {
            true => run.pass = Pass::Look,
            false => self.begin_pass(run),
        }
    }

    fn begin_pass(&self, run: &mut Run) {
        let lap = run.sweep.at_work(run.began.into()).cloned();
        run.renovation = lap.as_ref().map(|lap| {
            Arc::new(Renovation {
                scope: lap.scope.clone(),
                standard: Standard {
                    url: run.stack.url().to_owned(),
                    keys: run.good.clone(),
                },
                mark: lap.mark,
                began: match self.keeps(Rule::Since) {
                    true => run.began.into(),
                    false => EpochSeconds(i64::MAX),
                },
            })
        });
        run.pass = lap.map_or(Pass::Over, |lap| Pass::Read(lap.place));
    }

    /// Whether the run's part has a step to take that isn't a call.
    pub fn can_step(&self, run: &Run, part: Part) -> bool {
        match part {
            Part::Regular => run.regular != Regular::Over,
            Part::Sweep => match run.pass {
                Pass::Over => false,
                // It waits for the regular work's row, and then looks at it again.
                Pass::Begin(_) => !self.keeps(Rule::Patience) || !matches!(run.regular, Regular::Row(_)),
                _ => true,
            },
        }
    }

    pub fn step_run(&self, state: &mut State, run: &mut Run, part: Part, now: Timestamp, luck: Luck) {
        match part {
            Part::Regular => self.step_regular(state, run, now, luck),
            Part::Sweep => self.step_sweep(state, run, now, luck),
        }
    }

    fn step_regular(&self, state: &mut State, run: &mut Run, now: Timestamp, luck: Luck) {
        run.regular = match std::mem::replace(&mut run.regular, Regular::Over) {
            // The sweep is at it.
            Regular::Begin if matches!(run.pass, Pass::Row(..)) => Regular::Over,
            Regular::Begin => Regular::Row(Box::new(Work::new(
                Errand::Renew,
                run.stack,
                run.deadline,
                Some(self.read(state)),
            ))),
            Regular::Row(mut work) => match self.write(state, &mut work, now, luck) {
                Course::On => Regular::Row(work),
                Course::BrokenOff => Regular::Over,
            },
            Regular::Over => Regular::Over,
        };
        self.settle_run(run, now);
    }

    fn step_sweep(&self, state: &mut State, run: &mut Run, now: Timestamp, luck: Luck) {
        match std::mem::replace(&mut run.pass, Pass::Over) {
            Pass::Look => match self.write_sweep(state, run, luck) {
                true => self.begin_pass(run),
                false => self.look(state, run),
            },
            Pass::Read(place) => self.read_page(state, run, place, now, luck),
            Pass::Begin(next) if matches!(run.regular, Regular::Row(_)) => {
                self.done(run, next, Tally::default());
            }
            Pass::Begin(next) => {
                let Some(renovation) = run.renovation.clone() else {
                    return;
                };
                if !self.keeps(Rule::Place) {
                    run.pages.push((next, Tally::default()));
                    self.save(state, run, next, now, Luck::Good);
                }
                let work = Work::new(
                    Errand::Sweep(renovation),
                    run.stack,
                    run.deadline,
                    Some(self.read(state)),
                );
                run.pass = Pass::Row(next, Box::new(work));
            }
            Pass::Row(next, mut work) => match self.write(state, &mut work, now, luck) {
                Course::On => run.pass = Pass::Row(next, work),
                // It is passed once more, in another round.
                Course::BrokenOff => {
                    let missing = u64::from(self.keeps(Rule::Completion));
                    self.done(run, next, Tally { missing, ..BROKEN_OFF });
                }
            },
            Pass::Save(next) => self.save(state, run, next, now, luck),
            Pass::Retire => self.retire(state),
            Pass::Over => {}
        }
        self.settle_run(run, now);
    }

    /// Whatever follows from the time and from what was heard, without a step that anybody else could hear of.
    pub fn settle_run(&self, run: &mut Run, now: Timestamp) {
        if let Regular::Row(work) = &mut run.regular
            && work.call.is_none()
            && work.next(now).is_end()
        {
            run.regular = Regular::Over;
        }
        if let Pass::Row(next, work) = &mut run.pass
            && work.call.is_none()
            && let Next::Finish(conclusion) = work.next(now)
        {
            let next = *next;
            let row = work.row().cloned();
            let (is_unfinished, effect) = match conclusion {
                Conclusion::Worked(work) => (work.is_unfinished, work.effect),
                Conclusion::Idle | Conclusion::Objected(_) | Conclusion::Withdrawn(_) => (false, None),
            };
            let has_time = run.deadline.duration_since(now) >= CALL_TIME;
            if is_unfinished && !has_time {
                self.stop(run);
            } else {
                let is_applied = effect == Some(Effect::Renewed);
                let tally = Tally {
                    applied: u64::from(is_applied),
                    failed: u64::from(effect.is_some() && !is_applied),
                    missing: 0,
                    bearing: row.map_or(0, |row| self.bearing(run, &row)),
                };
                self.done(run, next, tally);
            }
        }
    }

    /// Goes on without writing down what it has passed.
    pub fn go_on(&self, run: &mut Run) {
        if let Pass::Save(next @ Some(_)) = run.pass {
            run.pass = Pass::Read(next);
        }
    }

    fn read_page(&self, state: &mut State, run: &mut Run, place: Option<Place>, now: Timestamp, luck: Luck) {
        if run.deadline.duration_since(now) < MARGIN {
            self.stop(run);
            return;
        }
        let next = place.is_none().then_some(Place);
        let earlier = state.earlier_row.clone().filter(|_| luck == Luck::Stale);
        let row = earlier.map_or_else(|| Arc::clone(&state.row), |(row, _)| row);
        let lap_is_for_it = |renovation: &Arc<Renovation>| {
            let tenant = renovation.scope.tenant.as_ref();
            renovation.scope.statuses != SweepStatuses::Revoked && tenant.is_none_or(|tenant| *tenant == key().tenant)
        };
        let is_there = place == self.page && run.renovation.as_ref().is_some_and(lap_is_for_it);
        if !is_there {
            self.done(run, next, Tally::default());
            return;
        }
        let is_for = run.renovation.as_ref().is_some_and(|renovation| {
            let mut row = Registration::clone(&row);
            if !self.keeps(Rule::Memory) {
                row.endpoint = renovation.standard.keys.first().map(|key| Endpoint {
                    url: renovation.standard.url.clone(),
                    key: key.clone(),
                });
            }
            renovation.is_for(&row)
        });
        match is_for {
            true => run.pass = Pass::Begin(next),
            false => {
                let bearing = self.bearing(run, &row);
                self.done(
                    run,
                    next,
                    Tally {
                        bearing,
                        ..Tally::default()
                    },
                );
            }
        }
    }

    fn bearing(&self, run: &Run, row: &Registration) -> u64 {
        let mut row = row.clone();
        if !self.keeps(Rule::LeaseBears) {
            row.renewal = Renewal {
                lease: None,
                ..row.renewal
            };
        }
        u64::from(row.may_bear(&run.retiring))
    }

    fn done(&self, run: &mut Run, next: Option<Place>, tally: Tally) {
        run.pages.push((next, tally));
        run.pass = Pass::Save(next);
    }

    /// No more pages; what was passed before is written down.
    fn stop(&self, run: &mut Run) {
        run.pass = match run.pages.is_empty() {
            true => Pass::Over,
            false => Pass::Save(None),
        };
    }

    fn save(&self, state: &mut State, run: &mut Run, next: Option<Place>, now: Timestamp, luck: Luck) {
        let mut over = None;
        for (next, tally) in std::mem::take(&mut run.pages) {
            over = run.sweep.passed(next, tally, now.into());
        }
        if !self.write_sweep(state, run, luck) {
            run.sweep = state.sweep.clone();
            run.revision = state.sweep_revision;
            run.pass = Pass::Over;
            return;
        }
        run.pass = match (over, next) {
            (Some(lap), _) if self.retires(state, run, &lap) => Pass::Retire,
            (None, Some(_)) => Pass::Read(next),
            _ => Pass::Over,
        };
    }

    /// Whether what the lap came to proves that no row bears the first key.
    fn retires(&self, state: &State, run: &Run, lap: &Lap<Place>) -> bool {
        let is_about_all = lap.scope.tenant.is_none() && lap.scope.statuses != SweepStatuses::Revoked;
        // What was passed while somebody could sign with it may have been set under it since.
        let is_after = state.keys.rest().is_some_and(|rest| rest <= lap.begins);
        !run.retiring.is_empty()
            && (is_about_all || !self.keeps(Rule::Scope))
            && (lap.tally.bearing == 0 || !self.keeps(Rule::Bearing))
            && (is_after || !self.keeps(Rule::Rest))
    }

    fn retire(&self, state: &mut State) {
        if state.bears_first() {
            state.sin = Some(Sin::RetiredTooEarly);
        }
        state.keys.first = Standing::Retired;
    }

    /// Writes the sweep in place of the one that was read; tells whether that was still so.
    fn write_sweep(&self, state: &mut State, run: &mut Run, luck: Luck) -> bool {
        if run.revision != state.sweep_revision && self.keeps(Rule::Revision) || luck == Luck::Broken {
            return false;
        }
        state.sweep = run.sweep.clone();
        state.sweep_revision += 1;
        run.revision = state.sweep_revision;
        luck != Luck::Lost
    }
}

/// What becomes of a row in a run's sweep that is broken off.
const BROKEN_OFF: Tally = Tally {
    applied: 0,
    failed: 1,
    missing: 1,
    bearing: 1,
};

impl State {
    /// Whether the webhook bears the first key, or may soon.
    fn bears_first(&self) -> bool {
        let is_late = |attempt: Attempt| attempt.signer == Signer::First;
        let orphans = self.orphans.iter().map(|orphan| orphan.attempt);
        self.webhook.signer == Signer::First || self.attempts().chain(orphans).any(is_late)
    }

    /// Whether somebody may read the row as it was before it was last written.
    pub fn may_be_stale(&self, run: &Run) -> bool {
        let is_recent = self.earlier_row.as_ref().is_some_and(|(_, at)| *at == self.now);
        matches!(run.pass, Pass::Read(_)) && is_recent && self.mishaps.may(Mishap::StalePage)
    }
}

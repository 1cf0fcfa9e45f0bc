//! The world that the actors meet in.

use std::sync::Arc;

use jiff::Timestamp;
use printbell_shared::registration::Registration;
use printbell_shared::registration::renewal::{CallKind, EpochSeconds, Renewal, Status, StatusChange};
use stateright::{Model, Property};

use crate::mishap::{Mishap, Mishaps, Reaction};
use crate::phase::{Phase, Role};
use crate::properties;
use crate::table::{number, row};

/// A wish that OctoEverywhere refuses, always.
pub const BAD_WISH: u8 = 9;
/// What an existing registration was put with.
pub const FIRST_WISH: u8 = 0;

/// When it all begins; and the first hour is one in which OctoEverywhere may answer 604 to anybody.
pub const BEGINNING: i64 = 1_800_000_000;
pub const STORM_ENDS: i64 = BEGINNING + 3600;

/// Which of the rules the actors keep. The check must find out when one is missing.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Nobody works on a row that somebody holds.
    pub lease: bool,
    /// A write is done only if the row is still the one that was read.
    pub condition: bool,
    /// An answer counts only for the version that was sent.
    pub version: bool,
    /// A permanent answer is believed after three over a day.
    pub three_answers: bool,
}

/// Every one of them.
pub const RULES: Rules = Rules {
    lease: true,
    condition: true,
    version: true,
    three_answers: true,
};

/// A call whose caller died; it may still arrive until the caller would have given up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Orphan {
    pub kind: CallKind,
    pub wish: u8,
    pub last_moment: i64,
}

/// Something that never may happen, and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sin {
    TwoCallers,
    CalledAfterTheEnd,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub now: i64,
    pub table: Option<Arc<Registration>>,
    /// What OctoEverywhere holds.
    pub held: Option<u8>,
    pub phases: Vec<Phase>,
    pub orphans: Vec<Orphan>,
    pub mishaps: Mishaps,
    /// What the app asked for, in the order of the table; `None`: to delete it.
    pub asked: Vec<Option<u8>>,
    /// Changes of status in the table that nobody has published.
    pub unpublished: Vec<StatusChange>,
    pub sin: Option<Sin>,
}

/// A step of somebody or of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Actor: the next step of its protocol.
    Step(usize),
    /// Worker: finds the row through an index that is behind.
    Start(usize),
    /// Actor: its write is done, and reported as failed.
    LoseWrite(usize),
    /// Actor: its call is answered.
    Answer(usize, Reaction),
    /// Actor: its invocation dies.
    Crash(usize),
    /// The call of a dead caller arrives; or it never does.
    Arrive,
    Vanish,
    /// Time goes on to the next moment at which anything changes.
    Wait(i64),
}

/// The actors with their clocks (seconds ahead of the world's), and how it begins.
#[derive(Debug, Clone)]
pub struct World {
    pub existing: Option<u8>,
    pub actors: Vec<(Role, i64)>,
    pub mishaps: Mishaps,
    /// Whether requests look on while somebody else is at their row, rather than being gone at once: as if each had crashed
    /// there, which it may at any time. (With all actors at once, looking on makes more states than can be visited.)
    pub patience: bool,
    pub rules: Rules,
}

impl World {
    /// What the actor's clock says.
    pub fn clock(&self, state: &State, actor: usize) -> Timestamp {
        EpochSeconds(state.now + self.actors[actor].1).to_timestamp()
    }

    /// The next moment at which anything changes: a row becomes due by some worker's clock, or an invocation must end.
    fn next_moment(&self, state: &State) -> Option<i64> {
        let index = state.table.as_ref().and_then(|row| self.index(row));
        let workers = self.actors.iter().filter(|(role, _)| *role == Role::Worker);
        let dues = workers.filter_map(|(_, ahead)| Some(index?.0 - ahead));
        // At its deadline an invocation is over, so the second before is its last.
        let ends = state.phases.iter().zip(&self.actors);
        let ends = ends.filter_map(|(phase, (_, ahead))| Some(phase.task()?.1.as_second() - 1 - ahead));
        let lasts: Vec<_> = ends
            .chain(state.orphans.iter().map(|orphan| orphan.last_moment))
            .collect();
        let looks = state.phases.iter().zip(&self.actors);
        let looks = looks.filter_map(|(phase, (_, ahead))| Some(phase.task()?.0.looks_on_until()?.as_second() - ahead));
        let moments = dues.chain(looks).chain(lasts.iter().copied());
        let next = moments.filter(|moment| *moment > state.now).min()?;
        let nobody_overruns = lasts.iter().all(|last| next <= *last);
        let may_pass = state.mishaps.may(Mishap::Stall) || !state.is_anybody_running();
        (nobody_overruns && may_pass && !self.rests(state)).then_some(next)
    }

    /// Whether nothing will happen for a long time.
    fn rests(&self, state: &State) -> bool {
        let settled = state.table.as_ref().is_none_or(|row| {
            row.renewal.status == Status::Active && row.renewal.is_applied() && row.renewal.lease.is_none()
        });
        !state.is_anybody_running() && settled && state.orphans.is_empty()
    }

    /// How OctoEverywhere may take a call.
    fn reactions(state: &State, kind: CallKind, wish: u8) -> impl Iterator<Item = Reaction> {
        let is_bad = kind == CallKind::Set && wish == BAD_WISH;
        let reactions: &[Reaction] = match is_bad {
            true => &[Reaction::Refused, Reaction::Failed],
            false if state.now < STORM_ENDS => &[
                Reaction::Done,
                Reaction::DoneButLost,
                Reaction::Failed,
                Reaction::Suspended,
                Reaction::RefusedInError,
            ],
            false => &[
                Reaction::Done,
                Reaction::DoneButLost,
                Reaction::Failed,
                Reaction::Suspended,
            ],
        };
        let mishaps = state.mishaps;
        let may = move |reaction: &Reaction| reaction.mishap().is_none_or(|mishap| mishaps.may(mishap));
        reactions.iter().copied().filter(may)
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let existing = self.existing.map(|wish| {
            let renewal = Renewal {
                status: Status::Active,
                version: 1,
                applied: Some(1),
                due: Some(EpochSeconds(BEGINNING)),
                renewed_at: Some(EpochSeconds(BEGINNING - 100 * 86_400)),
                ..Renewal::default()
            };
            Arc::new(row(wish, renewal))
        });
        vec![State {
            now: BEGINNING,
            held: existing.as_deref().map(number),
            asked: self.existing.map(Some).into_iter().collect(),
            table: existing,
            phases: vec![Phase::Idle; self.actors.len()],
            orphans: Vec::new(),
            mishaps: self.mishaps,
            unpublished: Vec::new(),
            sin: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (actor, phase) in state.phases.iter().enumerate() {
            match phase {
                Phase::Calling(task, _, call) => {
                    let wish = task.row().map_or(BAD_WISH, |row| number(row));
                    let reactions = Self::reactions(state, call.kind, wish);
                    actions.extend(reactions.map(|reaction| Action::Answer(actor, reaction)));
                }
                _ if self.can_step(state, actor) => actions.push(Action::Step(actor)),
                _ => {}
            }
            if state.mishaps.may(Mishap::StaleIndex) && self.is_waiting(state, actor) {
                actions.push(Action::Start(actor));
            }
            if state.mishaps.may(Mishap::LostWrite) && self.writes_next(state, actor) {
                actions.push(Action::LoseWrite(actor));
            }
            if state.mishaps.may(Mishap::Crash) && phase.task().is_some() {
                actions.push(Action::Crash(actor));
            }
        }
        if !state.orphans.is_empty() {
            actions.extend([Action::Arrive, Action::Vanish]);
        }
        actions.extend(self.next_moment(state).map(Action::Wait));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Step(actor) => self.step(&mut state, actor, false),
            Action::Start(actor) => {
                state.mishaps.spend(Mishap::StaleIndex);
                self.step(&mut state, actor, false);
            }
            Action::LoseWrite(actor) => {
                state.mishaps.spend(Mishap::LostWrite);
                self.step(&mut state, actor, true);
            }
            Action::Answer(actor, reaction) => self.answer(&mut state, actor, reaction),
            Action::Crash(actor) => self.crash(&mut state, actor),
            Action::Arrive => {
                let orphan = state.orphans.remove(0);
                state.carry_out(orphan.kind, orphan.wish);
            }
            Action::Vanish => {
                state.orphans.remove(0);
            }
            Action::Wait(moment) => {
                if state.is_anybody_running() {
                    state.mishaps.spend(Mishap::Stall);
                }
                state.now = moment;
            }
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl State {
    fn is_anybody_running(&self) -> bool {
        self.phases
            .iter()
            .any(|phase| phase.task().is_some() && !phase.looks_on())
    }

    /// OctoEverywhere does what it is asked, if the wish is any good.
    pub fn carry_out(&mut self, kind: CallKind, wish: u8) {
        match kind {
            CallKind::Set if wish == BAD_WISH => {}
            CallKind::Set => self.held = Some(wish),
            CallKind::Delete => self.held = None,
        }
    }
}

//! The world: OctoEverywhere's webhook, the row, the sweep's item, the keys, time, and everybody who is at them.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use printbell_shared::registration::Registration;
use printbell_shared::registration::renewal::{EpochSeconds, MAX_CLOCK_SKEW, Renewal, Status};
use printbell_shared::registration::sweep::{LAP_INTERVAL, Reason, Sweep};
use stateright::{Model, Property};

use crate::actors::{Event, Luck, Part, Phase, Role, counted};
use crate::cast::{Attempt, Signer, Stack, registration};
use crate::keys::{Keys, Standing};
use crate::mishap::{Mishap, Mishaps, Reaction};
use crate::properties;
use crate::rules::{Rule, Sin};
use crate::run::{Place, Run};
use crate::work::{Course, Work};

/// When it all begins, with the change of the stack if there is one.
pub const BEGINNING: i64 = 1_800_000_000;

/// How long after the change of the stack an invocation may begin that doesn't know it.
const STALE_START: i64 = 4 * 60 - 1;

const MONTH: i64 = 30 * 86_400;

/// How long an invocation of register may take.
const REQUEST: SignedDuration = SignedDuration::from_secs(30);

/// How long after OctoEverywhere has switched a webhook off the alarm says that it is over: its period is a minute.
const ALARM: i64 = 61;

/// A call whose caller died; it may still arrive until the caller would have given up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Orphan {
    pub attempt: Attempt,
    pub last_moment: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub now: i64,
    pub row: Arc<Registration>,
    /// What it was before it was last written, and when that was.
    pub earlier_row: Option<(Arc<Registration>, i64)>,
    /// What OctoEverywhere last did.
    pub webhook: Attempt,
    /// Whether it was switched off since, and when.
    pub outage: Option<i64>,
    /// Whether somebody has asked for it to be switched on again.
    pub is_recovery_asked: bool,
    pub keys: Keys,
    pub sweep: Sweep<Place>,
    pub sweep_revision: u64,
    /// Until when a run may be under way.
    pub turn: Option<i64>,
    pub phases: Vec<Phase>,
    pub orphans: Vec<Orphan>,
    pub mishaps: Mishaps,
    pub sin: Option<Sin>,
}

/// A step of somebody or of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Actor: begins the next invocation, or the next thing happens.
    Begin(usize),
    /// Actor: the next step that isn't a call.
    Step(usize, Part, Luck),
    /// Actor: calls OctoEverywhere with a URL that this key signs.
    Call(usize, Part, Signer),
    /// Actor: OctoEverywhere does what it was asked.
    CarryOut(usize, Part),
    /// Actor: its call is answered.
    Answer(usize, Part, Reaction),
    /// Run: reads another page before it writes down what it has passed.
    GoOn(usize),
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
    /// What the stack was before.
    pub before: Stack,
    /// Which of the two pages the row is on.
    pub page: Option<Place>,
    /// Whether the row is due at the beginning.
    pub is_due: bool,
    /// Whether a run waits for the one before; else its turn was lost.
    pub is_one_at_a_time: bool,
    pub actors: Vec<(Role, i64)>,
    pub mishaps: Mishaps,
    /// The rule that nobody keeps.
    pub without: Option<Rule>,
}

impl World {
    pub fn without(self, rule: Rule) -> Self {
        let without = Some(rule);
        Self { without, ..self }
    }

    pub fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// What the actor's clock says.
    fn clock(&self, state: &State, actor: usize) -> Timestamp {
        EpochSeconds(state.now + self.actors[actor].1).to_timestamp()
    }

    fn may_begin(&self, state: &State, actor: usize) -> bool {
        let Phase::Idle(times) = state.phases[actor] else {
            return false;
        };
        let now = EpochSeconds::from(self.clock(state, actor));
        let is_free = state
            .turn
            .is_none_or(|until| EpochSeconds(until) + MAX_CLOCK_SKEW <= now);
        let is_stale = |stack| stack == Stack::Old && state.now > BEGINNING + STALE_START;
        match self.actors[actor].0 {
            Role::Runs(stack, most) if stack == Stack::Old => is_free && times < most && !is_stale(stack),
            Role::Runs(stack, _) => is_free && self.has_to_run(state, stack, now),
            Role::App(stack, requests) => usize::from(times) < requests.len() && !is_stale(stack),
            Role::Events(events) => events.get(usize::from(times)).is_some_and(|event| match event {
                Event::Recovery => state.outage.is_some_and(|at| state.now >= at + ALARM),
                Event::Retirement => !state.is_first_current(),
                _ => true,
            }),
        }
    }

    fn begin(&self, state: &mut State, actor: usize) {
        let Phase::Idle(times) = state.phases[actor] else {
            return;
        };
        let now = self.clock(state, actor);
        state.phases[actor] = match self.actors[actor].0 {
            Role::Runs(stack, _) => {
                let run = self.begin_run(state, stack, now);
                self.running(state, times, run, now)
            }
            Role::App(stack, requests) => {
                let errand = requests[usize::from(times)].errand();
                let work = Work::new(errand, stack, now + REQUEST, Some(self.read(state)));
                self.requesting(times, work, now)
            }
            Role::Events(events) => self.happen(state, times, events[usize::from(times)], now),
        };
    }

    fn happen(&self, state: &mut State, times: u8, event: Event, now: Timestamp) -> Phase {
        match event {
            Event::Rotation => state.keys.change = Some(state.now),
            Event::Retirement => state.keys.first = Standing::Retiring,
            Event::Outage => {
                state.outage = Some(state.now);
                state.is_recovery_asked = false;
            }
            Event::Loss => {
                state.sweep = Sweep::default();
                state.sweep_revision = 0;
                state.turn = None;
            }
            Event::Reapplication | Event::ReapplicationOfRevoked | Event::ReapplicationOfAnother | Event::Recovery => {}
        }
        match event.reason() {
            None => Phase::Idle(times + 1),
            Some(reason) => self.asking(state, times, &reason, now),
        }
    }

    fn asking(&self, state: &State, times: u8, reason: &Reason, now: Timestamp) -> Phase {
        let mut sweep = state.sweep.clone();
        sweep.ask(reason.clone(), now.into());
        if let Some(lap) = &mut sweep.lap
            && !self.keeps(Rule::Rest)
        {
            lap.begins = now.into();
        }
        sweep.look_for_recovery(now.into());
        if let Some(lap) = &mut sweep.lap
            && !self.keeps(Rule::Again)
        {
            lap.again = false;
            lap.place = state.sweep.lap.as_ref().and_then(|lap| lap.place);
        }
        Phase::Asking(times, Box::new(sweep), state.sweep_revision)
    }

    fn step(&self, state: &mut State, actor: usize, part: Part, luck: Luck) {
        let now = self.clock(state, actor);
        if let Some(mishap) = luck.mishap() {
            state.mishaps.spend(mishap);
        }
        state.phases[actor] = match state.phases[actor].clone() {
            Phase::Running(times, run) => {
                let mut run = Arc::unwrap_or_clone(run);
                self.step_run(state, &mut run, part, now, luck);
                self.running(state, times, run, now)
            }
            Phase::Requesting(times, work) => {
                let mut work = Arc::unwrap_or_clone(work);
                match self.write(state, &mut work, now, luck) {
                    Course::On => self.requesting(times, work, now),
                    Course::BrokenOff => Phase::Idle(times + 1),
                }
            }
            Phase::Asking(times, sweep, revision) => {
                let event = self.event(actor, times);
                let is_as_read = revision == state.sweep_revision || !self.keeps(Rule::Revision);
                match event.and_then(Event::reason) {
                    Some(reason) if !is_as_read => self.asking(state, times, &reason, now),
                    _ => {
                        state.sweep = *sweep;
                        state.sweep_revision += 1;
                        let asks = matches!(event, Some(Event::Recovery | Event::Reapplication));
                        state.is_recovery_asked |= asks && state.outage.is_some();
                        Phase::Idle(times + 1)
                    }
                }
            }
            phase @ Phase::Idle(_) => phase,
        };
    }

    fn event(&self, actor: usize, times: u8) -> Option<Event> {
        match self.actors[actor].0 {
            Role::Events(events) => events.get(usize::from(times)).copied(),
            Role::Runs(..) | Role::App(..) => None,
        }
    }

    fn running(&self, state: &mut State, times: u8, mut run: Run, now: Timestamp) -> Phase {
        self.settle_run(&mut run, now);
        if !run.is_over() {
            return Phase::Running(times, Arc::new(run));
        }
        if self.is_one_at_a_time {
            state.turn = None;
        }
        Phase::Idle(counted(run.stack, times))
    }

    fn requesting(&self, times: u8, mut work: Work, now: Timestamp) -> Phase {
        match work.call.is_none() && work.next(now).is_end() {
            true => Phase::Idle(times + 1),
            false => Phase::Requesting(times, Arc::new(work)),
        }
    }

    /// Does this with the work that the actor has under way, if it has any.
    fn with_work(&self, state: &mut State, actor: usize, part: Part, change: impl FnOnce(&mut State, &mut Work)) {
        let now = self.clock(state, actor);
        state.phases[actor] = match state.phases[actor].clone() {
            Phase::Running(times, run) => {
                let mut run = Arc::unwrap_or_clone(run);
                if let Some(work) = run.work_mut(part) {
                    change(state, work);
                }
                self.running(state, times, run, now)
            }
            Phase::Requesting(times, work) => {
                let mut work = Arc::unwrap_or_clone(work);
                change(state, &mut work);
                self.requesting(times, work, now)
            }
            phase @ (Phase::Idle(_) | Phase::Asking(..)) => phase,
        };
    }

    fn call_out(&self, state: &mut State, actor: usize, part: Part, signer: Signer) {
        if part == Part::Sweep
            && let Phase::Running(_, run) = &state.phases[actor]
            && self.is_renewed_twice(state, run)
        {
            state.sin = Some(Sin::RenewedTwice);
        }
        self.with_work(state, actor, part, |state, work| {
            if let Some(call) = work.next_call {
                self.call(state, work, call, signer);
            }
        });
    }

    /// Whether a run sets what was set, for sure, after it began, though it knows of no reason that came since.
    fn is_renewed_twice(&self, state: &State, run: &Run) -> bool {
        let renewed_at = state.row.renewal.renewed_at;
        let is_since = renewed_at.is_some_and(|at| at > EpochSeconds::from(run.began));
        let is_known =
            state.row.endpoint.is_some() && state.row.renewal.is_applied() && state.row.renewal.attempts == 0;
        is_since && is_known && !run.has_mark_since(renewed_at)
    }

    fn crash(&self, state: &mut State, actor: usize) {
        state.mishaps.spend(Mishap::Crash);
        let ahead = self.actors[actor].1;
        let mut orphan = |work: Option<&Work>| {
            if let Some((work, (_, attempt))) = work.and_then(|work| Some((work, work.call?)))
                && !work.is_carried_out
            {
                state.orphans.push(Orphan {
                    attempt,
                    last_moment: work.deadline.as_second() - 1 - ahead,
                });
            }
        };
        let phase = match &state.phases[actor] {
            Phase::Running(times, run) => {
                orphan(run.work(Part::Regular));
                orphan(run.work(Part::Sweep));
                Phase::Idle(counted(run.stack, *times))
            }
            Phase::Requesting(times, work) => {
                orphan(Some(work));
                Phase::Idle(times + 1)
            }
            phase @ (Phase::Idle(_) | Phase::Asking(..)) => phase.clone(),
        };
        state.phases[actor] = phase;
    }

    /// The next moment at which anything changes.
    fn next_moment(&self, state: &State) -> Option<i64> {
        let runs = || {
            let runs = self.actors.iter().filter(|(role, _)| matches!(role, Role::Runs(..)));
            runs.map(|(_, ahead)| *ahead)
        };
        let is_anybody_running = state.phases.iter().any(Phase::is_running);
        let lap = state.sweep.lap.as_ref();
        let is_retiring = state.keys.first == Standing::Retiring;
        let by_clocks = [
            state.row.renewal.index().filter(|_| !is_at_rest(&state.row.renewal)),
            lap.map(|lap| lap.begins),
            lap.and_then(|lap| lap.mark),
            state.sweep.next_recovery(),
            state.sweep.end.filter(|_| is_retiring).map(|end| end + LAP_INTERVAL),
            state.turn.map(|until| EpochSeconds(until) + MAX_CLOCK_SKEW),
        ];
        let by_clocks = by_clocks.into_iter().flatten();
        let seen = by_clocks.flat_map(|at| runs().map(move |ahead| at.0 - ahead));
        let ends = || {
            let phases = state.phases.iter().zip(&self.actors);
            let ends = phases.filter_map(|(phase, (_, ahead))| Some(phase.deadline()?.as_second() - 1 - ahead));
            ends.chain(state.orphans.iter().map(|orphan| orphan.last_moment))
        };
        let alarm = state.outage.filter(|_| !state.is_recovery_asked).map(|at| at + ALARM);
        let is_old_to_come = |(actor, (role, _)): (usize, &(Role, i64))| {
            let (Role::Runs(Stack::Old, _) | Role::App(Stack::Old, _)) = role else {
                return false;
            };
            matches!(state.phases[actor], Phase::Idle(_)) && self.may_begin(state, actor)
        };
        let stale = self.actors.iter().enumerate().any(is_old_to_come);
        let stale = stale.then_some(BEGINNING + STALE_START);
        let moments = seen.chain(ends()).chain(state.keys.moments()).chain(alarm).chain(stale);
        let next = moments.filter(|moment| *moment > state.now).min()?;
        let nobody_overruns = ends().all(|last| next <= last);
        let may_pass = state.mishaps.may(Mishap::Stall) || !is_anybody_running;
        (nobody_overruns && may_pass).then_some(next)
    }

    fn lucks(&self, state: &State, actor: usize, part: Part) -> impl Iterator<Item = Luck> + use<> {
        let mishaps = state.mishaps;
        let (writes, reads) = match &state.phases[actor] {
            Phase::Running(_, run) => (run.writes(part), part == Part::Sweep && state.may_be_stale(run)),
            Phase::Requesting(..) => (true, false),
            Phase::Idle(_) | Phase::Asking(..) => (false, false),
        };
        let lucks = [
            (Luck::Good, true),
            (Luck::Lost, writes && mishaps.may(Mishap::LostWrite)),
            (Luck::Broken, writes && mishaps.may(Mishap::BrokenWrite)),
            (Luck::Stale, reads && mishaps.may(Mishap::StalePage)),
        ];
        lucks.into_iter().filter(|(_, may)| *may).map(|(luck, _)| luck)
    }

    fn work_actions(&self, state: &State, actor: usize, part: Part, work: &Work, actions: &mut Vec<Action>) {
        if work.call.is_some() {
            let may = |reaction: &Reaction| reaction.mishap().is_none_or(|mishap| state.mishaps.may(mishap));
            let reactions = Reaction::of(work.is_carried_out).iter().copied().filter(may);
            if !work.is_carried_out {
                actions.push(Action::CarryOut(actor, part));
            }
            actions.extend(reactions.map(|reaction| Action::Answer(actor, part, reaction)));
            return;
        }
        match work.next_call {
            Some(_) => {
                let signers = Signer::ALL.into_iter();
                let signers = signers.filter(|signer| state.keys.may_sign(*signer, state.now));
                actions.extend(signers.map(|signer| Action::Call(actor, part, signer)));
            }
            None => actions.extend(
                self.lucks(state, actor, part)
                    .map(|luck| Action::Step(actor, part, luck)),
            ),
        }
    }

    pub fn all_actions(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        actions
    }
}

/// Whether nothing will happen to this row for a long time.
pub fn is_at_rest(renewal: &Renewal) -> bool {
    let is_applied = renewal.status == Status::Active && renewal.is_applied() && renewal.attempts == 0;
    is_applied && renewal.lease.is_none() && renewal.due.is_some_and(|due| due.0 > BEGINNING + MONTH / 2)
}

impl State {
    /// Calls that OctoEverywhere hasn't answered.
    pub fn attempts(&self) -> impl Iterator<Item = Attempt> {
        self.phases.iter().flat_map(|phase| {
            let works = match phase {
                Phase::Running(_, run) => [run.work(Part::Regular), run.work(Part::Sweep)],
                Phase::Requesting(_, work) => [Some(&**work), None],
                Phase::Idle(_) | Phase::Asking(..) => [None, None],
            };
            works
                .into_iter()
                .flatten()
                .filter_map(|work| work.call.map(|(_, attempt)| attempt))
        })
    }

    /// OctoEverywhere does what it is asked, and with that the webhook is on.
    pub fn carry_out(&mut self, attempt: Attempt) {
        self.webhook = attempt;
        self.outage = None;
    }

    /// What is signed with first, while nothing else is in its place.
    fn is_first_current(&self) -> bool {
        self.keys.change.is_none()
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let due = if self.is_due { BEGINNING } else { BEGINNING + MONTH };
        vec![State {
            now: BEGINNING,
            row: registration(self.before, BEGINNING, due),
            earlier_row: None,
            webhook: Attempt {
                stack: self.before,
                signer: Signer::First,
                at: 0,
            },
            outage: None,
            is_recovery_asked: false,
            keys: Keys::FIRST,
            sweep: Sweep {
                url: Some(self.before.url().to_owned()),
                ..Sweep::default()
            },
            sweep_revision: 0,
            turn: None,
            phases: self.actors.iter().map(|_| Phase::Idle(0)).collect(),
            orphans: Vec::new(),
            mishaps: self.mishaps,
            sin: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        // What never may happen has happened: nothing that follows tells more.
        if state.sin.is_some() {
            return;
        }
        for (actor, phase) in state.phases.iter().enumerate() {
            if self.may_begin(state, actor) {
                actions.push(Action::Begin(actor));
            }
            match phase {
                Phase::Running(_, run) => {
                    for part in [Part::Regular, Part::Sweep] {
                        match run.work(part) {
                            Some(work) => self.work_actions(state, actor, part, work, actions),
                            None if self.can_step(run, part) => {
                                actions.extend(
                                    self.lucks(state, actor, part)
                                        .map(|luck| Action::Step(actor, part, luck)),
                                );
                            }
                            None => {}
                        }
                    }
                    if run.can_go_on() {
                        actions.push(Action::GoOn(actor));
                    }
                }
                Phase::Requesting(_, work) => self.work_actions(state, actor, Part::Regular, work, actions),
                Phase::Asking(..) => actions.push(Action::Step(actor, Part::Regular, Luck::Good)),
                Phase::Idle(_) => {}
            }
            let is_mortal = matches!(phase, Phase::Running(..) | Phase::Requesting(..));
            if is_mortal && state.mishaps.may(Mishap::Crash) {
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
            Action::Begin(actor) => self.begin(&mut state, actor),
            Action::Step(actor, part, luck) => self.step(&mut state, actor, part, luck),
            Action::Call(actor, part, signer) => self.call_out(&mut state, actor, part, signer),
            Action::Answer(actor, part, reaction) => {
                self.with_work(&mut state, actor, part, |state, work| {
                    self.answer(state, work, reaction)
                });
            }
            Action::CarryOut(actor, part) => {
                self.with_work(&mut state, actor, part, |state, work| self.carry_out(state, work));
            }
            Action::GoOn(actor) => {
                if let Phase::Running(times, run) = state.phases[actor].clone() {
                    let mut run = Arc::unwrap_or_clone(run);
                    self.go_on(&mut run);
                    state.phases[actor] = Phase::Running(times, Arc::new(run));
                }
            }
            Action::Crash(actor) => self.crash(&mut state, actor),
            Action::Arrive => {
                let orphan = state.orphans.remove(0);
                state.carry_out(orphan.attempt);
            }
            Action::Vanish => {
                state.orphans.remove(0);
            }
            Action::Wait(moment) => {
                if state.phases.iter().any(Phase::is_running) {
                    state.mishaps.spend(Mishap::Stall);
                }
                state.now = moment;
                for actor in 0..state.phases.len() {
                    self.wake(&mut state, actor);
                }
            }
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl World {
    /// What follows from the time alone for an invocation.
    fn wake(&self, state: &mut State, actor: usize) {
        let now = self.clock(state, actor);
        state.phases[actor] = match state.phases[actor].clone() {
            Phase::Running(times, run) => self.running(state, times, Arc::unwrap_or_clone(run), now),
            Phase::Requesting(times, work) => self.requesting(times, Arc::unwrap_or_clone(work), now),
            phase => phase,
        };
    }
}

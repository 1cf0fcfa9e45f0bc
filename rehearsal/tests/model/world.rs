//! The world that the actors meet in.

use std::sync::Arc;

use jiff::Timestamp;
use printbell_shared::registration::Registration;
use printbell_shared::registration::protocol::Step;
use printbell_shared::registration::renewal::{CallKind, EpochSeconds, News, Renewal, Status};
use stateright::{Model, Property};

use crate::actor::{Attempt, Orphan};
use crate::cast::{BAD_WISH, CLAIMS, Connections, FIRST_WISH, Key, Token, Wanted, claim};
use crate::mishap::{Mishap, Mishaps, Reaction};
use crate::phase::{Phase, Request, Role};
use crate::properties;

/// When it all begins; and the first hour is one in which OctoEverywhere may answer 604 to anybody.
pub const BEGINNING: i64 = 1_800_000_000;
pub const STORM_ENDS: i64 = BEGINNING + 3600;

/// How long a row may be due before a run comes to it: longer than an invocation may take.
const SCHEDULE: i64 = 20 * 60;

/// A rule that the actors keep. The check must find out when one is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Nobody works on a row that somebody holds.
    Lease,
    /// A write is done only if every row is still as it was read.
    Condition,
    /// An answer counts only for the version that was sent.
    Version,
    /// A permanent answer is believed after three over a day.
    ThreeAnswers,
    /// Nobody calls for a token while somebody may under the lease that came with it.
    ForeignLease,
    /// A write that is about others too is done as a whole, or not at all.
    Transaction,
    /// The present webhook is set once more after an old token's was deleted.
    SetAgain,
    /// What was taken goes back after a refusal.
    GiveBack,
    /// Who holds a token is written down.
    Holders,
}

/// Something that never may happen, and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sin {
    TwoCallers,
    CalledByAnother,
}

/// What there is at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Nothing.
    Nothing,
    /// P, which is due, with A.
    P,
    /// P with A, and Q with B.
    Both,
    /// P and Q, both by hand and both with A.
    ByHand,
    /// P with A, which holds it, and Q by hand with A.
    OneByHand,
}

/// What OctoEverywhere calls: whose webhook it is, and with which wish it was set.
pub type Webhook = (Key, u8);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub now: i64,
    pub rows: [Option<Arc<Registration>>; 2],
    /// Who holds what.
    pub holders: [Option<Key>; CLAIMS],
    /// What OctoEverywhere has, for each App Connection.
    pub webhooks: [Option<Webhook>; 2],
    pub phases: Vec<Phase>,
    pub orphans: Vec<Orphan>,
    pub mishaps: Mishaps,
    /// What the app asked for, in the order of the table.
    pub asked: Vec<Request>,
    /// What the topic was told of each registration last, by the order of the table: a topic keeps no order, so one that is told
    /// late counts for when it was announced.
    pub told: [Option<(u64, News)>; 2],
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
    /// Actor: its publication fails.
    FailToPublish(usize),
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
    pub existing: Existing,
    pub connections: Connections,
    /// A token that OctoEverywhere refuses, always.
    pub refused: Option<Token>,
    pub actors: Vec<(Role, i64)>,
    pub mishaps: Mishaps,
    /// Whether requests look on while somebody else is at their row, rather than being gone at once: as if each had crashed
    /// there, which it may at any time. (With all actors at once, looking on makes more states than can be visited.)
    pub is_patient: bool,
    /// The rule that nobody keeps.
    pub without: Option<Rule>,
}

impl World {
    pub fn beginning_with(self, existing: Existing) -> Self {
        Self { existing, ..self }
    }

    pub fn of(self, connections: Connections) -> Self {
        Self { connections, ..self }
    }

    pub fn refusing(self, token: Token) -> Self {
        let refused = Some(token);
        Self { refused, ..self }
    }

    pub fn patient(self) -> Self {
        let is_patient = true;
        Self { is_patient, ..self }
    }

    pub fn without(self, rule: Rule) -> Self {
        let without = Some(rule);
        Self { without, ..self }
    }

    pub fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// What the actor's clock says.
    pub fn clock(&self, state: &State, actor: usize) -> Timestamp {
        EpochSeconds(state.now + self.actors[actor].1).to_timestamp()
    }

    /// Whether OctoEverywhere refuses this, always.
    pub fn refuses(&self, wanted: Wanted) -> bool {
        wanted.number == BAD_WISH || self.refused == Some(wanted.token)
    }

    /// The next moment at which anything changes: a row becomes due by some worker's clock, or an invocation must end.
    fn next_moment(&self, state: &State) -> Option<i64> {
        let dues = self.actors.iter().filter_map(|(role, ahead)| match role {
            Role::Worker(key) => Some(self.index(state, *key)?.0 - ahead),
            Role::App(_) => None,
        });
        let invocations = || {
            let phases = state.phases.iter().zip(&self.actors);
            phases.filter_map(|(phase, (_, ahead))| Some((phase.invocation()?, *ahead)))
        };
        // At its deadline an invocation is over, so the second before is its last.
        let ends = invocations().map(|(invocation, ahead)| invocation.deadline.as_second() - 1 - ahead);
        let lasts = || {
            ends.clone()
                .chain(state.orphans.iter().map(|orphan| orphan.last_moment))
        };
        let looks =
            invocations().filter_map(|(invocation, ahead)| Some(invocation.task.looks_on_until()?.as_second() - ahead));
        let moments = dues.chain(looks).chain(lasts());
        let next = moments.filter(|moment| *moment > state.now).min()?;
        let nobody_overruns = lasts().all(|last| next <= last);
        let may_pass = state.mishaps.may(Mishap::Stall) || !state.is_anybody_running();
        (nobody_overruns && may_pass && !self.rests(state) && !self.is_somebody_late(state, next)).then_some(next)
    }

    /// Whether a row would be due for longer than the schedule takes to start a run, and nobody at it.
    fn is_somebody_late(&self, state: &State, moment: i64) -> bool {
        let is_late = |key: Key| self.index(state, key).is_some_and(|index| index.0 + SCHEDULE < moment);
        Key::ALL.into_iter().any(is_late)
    }

    /// Whether nothing will happen for a long time.
    fn rests(&self, state: &State) -> bool {
        !state.is_anybody_running()
            && state.orphans.is_empty()
            && state.rows.iter().flatten().all(|row| is_at_rest(row))
    }

    /// How OctoEverywhere may take a call.
    fn reactions(&self, state: &State, attempt: &Attempt) -> impl Iterator<Item = Reaction> + use<> {
        let is_bad = attempt.kind == CallKind::Set && self.refuses(attempt.wanted);
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

    /// OctoEverywhere does what it is asked.
    pub fn carry_out(&self, state: &mut State, attempt: &Attempt) {
        let Attempt { key, kind, wanted, .. } = *attempt;
        let webhook = &mut state.webhooks[self.connections.of(wanted.token)];
        match kind {
            CallKind::Set if self.refuses(wanted) => {}
            CallKind::Set => *webhook = Some((key, wanted.number)),
            CallKind::Delete | CallKind::Clear => *webhook = None,
        }
    }

    /// A row that is there at the beginning.
    fn row(&self, key: Key, token: Token, renewal: Renewal) -> Arc<Registration> {
        let wanted = Wanted {
            token,
            number: FIRST_WISH,
        };
        Arc::new(Registration {
            wish: self.connections.wish(wanted),
            renewal,
            ..Registration::empty(key.key())
        })
    }

    fn begin(&self, state: &mut State, key: Key, token: Token) {
        let renewal = Renewal {
            status: Status::Active,
            version: 1,
            applied: Some(1),
            revision: 1,
            due: Some(EpochSeconds(BEGINNING)),
            renewed_at: Some(EpochSeconds(BEGINNING - 100 * 86_400)),
            ..Renewal::default()
        };
        let row = self.row(key, token, renewal);
        for held in row.claims() {
            state.holders[claim(&held)] = Some(key);
        }
        state.rows[key as usize] = Some(row);
        state.told[key as usize] = Some((0, News::Active));
        let wanted = Wanted {
            token,
            number: FIRST_WISH,
        };
        state.asked.push(Request::Put(key, wanted));
        if !self.refuses(wanted) {
            state.webhooks[self.connections.of(token)] = Some((key, FIRST_WISH));
        }
    }

    fn write_by_hand(&self, state: &mut State, key: Key) {
        state.rows[key as usize] = Some(self.row(key, Token::A, Renewal::default()));
    }
}

/// Whether nothing will happen to this row for a long time.
pub fn is_at_rest(row: &Registration) -> bool {
    let renewal = &row.renewal;
    let is_over = match renewal.status {
        Status::Active => renewal.is_applied() && renewal.old_tokens == 0 && renewal.attempts == 0,
        Status::Revoked | Status::Replaced => true,
        Status::Pending | Status::Suspended | Status::Deleting => false,
    };
    is_over && renewal.lease.is_none() && renewal.status_change.is_none()
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            now: BEGINNING,
            rows: [None, None],
            holders: [None; CLAIMS],
            webhooks: [None; 2],
            phases: self.actors.iter().map(|(role, _)| role.before(0)).collect(),
            orphans: Vec::new(),
            mishaps: self.mishaps,
            asked: Vec::new(),
            told: [None; 2],
            sin: None,
        };
        match self.existing {
            Existing::Nothing => {}
            Existing::P => self.begin(&mut state, Key::P, Token::A),
            Existing::Both => {
                self.begin(&mut state, Key::P, Token::A);
                self.begin(&mut state, Key::Q, Token::B);
            }
            Existing::ByHand => Key::ALL.iter().for_each(|key| self.write_by_hand(&mut state, *key)),
            Existing::OneByHand => {
                self.begin(&mut state, Key::P, Token::A);
                self.write_by_hand(&mut state, Key::Q);
            }
        }
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let mishaps = &state.mishaps;
        for (actor, phase) in state.phases.iter().enumerate() {
            match phase {
                Phase::Calling(invocation, call) => {
                    let attempt = Attempt::of(&invocation.task, call);
                    let reactions = attempt.into_iter().flat_map(|attempt| self.reactions(state, &attempt));
                    actions.extend(reactions.map(|reaction| Action::Answer(actor, reaction)));
                }
                _ if self.can_step(state, actor) => actions.push(Action::Step(actor)),
                _ => {}
            }
            if mishaps.may(Mishap::StaleIndex) && self.is_waiting(state, actor) {
                actions.push(Action::Start(actor));
            }
            if mishaps.may(Mishap::LostWrite) && matches!(self.next(state, actor), Some(Step::Write(_))) {
                actions.push(Action::LoseWrite(actor));
            }
            if mishaps.may(Mishap::DeafTopic) && matches!(self.next(state, actor), Some(Step::Publish(_))) {
                actions.push(Action::FailToPublish(actor));
            }
            if mishaps.may(Mishap::Crash) && phase.invocation().is_some() {
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
            Action::FailToPublish(actor) => {
                state.mishaps.spend(Mishap::DeafTopic);
                self.step(&mut state, actor, true);
            }
            Action::Answer(actor, reaction) => self.answer(&mut state, actor, reaction),
            Action::Crash(actor) => self.crash(&mut state, actor),
            Action::Arrive => {
                let orphan = state.orphans.remove(0);
                self.carry_out(&mut state, &orphan.attempt);
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
    /// The row as it is in the table.
    pub fn row(&self, key: Key) -> Option<&Arc<Registration>> {
        self.rows[key as usize].as_ref()
    }

    pub fn is_anybody_running(&self) -> bool {
        self.phases
            .iter()
            .any(|phase| phase.invocation().is_some() && !phase.looks_on())
    }
}

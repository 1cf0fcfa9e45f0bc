//! A table, its holders, and an invocation that carries out what a [`Task`] says, with OctoEverywhere in its head.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::*;
use crate::registration::claim::{Claim, Inquiry, Survey};
use crate::registration::holding::{HolderWrite, RowWrite, Write};
use crate::registration::protocol::{Conclusion, Errand, Objection, Step, Task, Turn, WishUpdate};
use crate::registration::service_response::{Api, answered, unanswered};
use crate::registration::tokens::Place;
use crate::registration::wish::EventFilter;

/// 2026-11-24T00:00:00Z.
pub const START: Timestamp = Timestamp::constant(1_795_478_400, 0);

/// What OctoEverywhere does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Yes,
    /// 604.
    No,
    /// 503.
    Later,
    /// 605.
    Suspended,
    Silence,
}

/// All that there is.
#[derive(Debug)]
pub struct World {
    pub rows: BTreeMap<RegistrationKey, Arc<Registration>>,
    pub holders: BTreeMap<Claim, RegistrationKey>,
    pub now: Timestamp,
    /// What was called, as `Set A`.
    pub calls: Vec<String>,
    /// Whose webhook each App Connection has.
    pub webhooks: BTreeMap<String, RegistrationKey>,
    /// What comes next; then [`Answer::Yes`].
    pub answers: VecDeque<Answer>,
    pub last_write: Option<Write>,
}

pub fn key(text: &str) -> RegistrationKey {
    let (tenant, printer) = text.split_once('/').expect("tenant/printer");
    RegistrationKey {
        tenant: tenant.parse().expect("a tenant"),
        printer: printer.parse().expect("a printer"),
    }
}

/// `A`, or `A#i` for the token A of the App Connection i.
pub fn connection(text: &str) -> AppConnection {
    let (token, id) = text
        .split_once('#')
        .map_or((text, None), |(token, id)| (token, Some(id)));
    AppConnection {
        token: secrecy::SecretString::from(token).try_into().expect("a token"),
        id: id.map(|id| id.parse().expect("an id")),
    }
}

fn put(token: &str) -> Errand {
    Errand::Put(WishUpdate {
        connection: Some(connection(token)),
        events: EventFilter::default(),
        metadata: Default::default(),
    })
}

impl World {
    pub fn new() -> Self {
        Self {
            rows: BTreeMap::new(),
            holders: BTreeMap::new(),
            now: START,
            calls: Vec::new(),
            webhooks: BTreeMap::new(),
            answers: VecDeque::new(),
            last_write: None,
        }
    }

    /// After `steps`: `t/x A`: a PUT, carried out; `t/x A?`: one without a call; `t/x A…`: whatever
    /// comes of it; `t/x -`: a DELETE without a call; `t/x --`: one with its calls; `t/x !A`: one that
    /// is refused in its own call; `t/x ~`: what is due is done; `t/x ^`: leased, and left so.
    pub fn after(steps: &[&str]) -> Self {
        let mut world = Self::new();
        steps.iter().for_each(|step| world.step(step));
        world
    }

    pub fn step(&mut self, step: &str) {
        let (whose, what) = step.split_once(' ').expect("whose, and what");
        match (what.strip_prefix('!'), what.strip_suffix('?')) {
            (Some(token), _) => {
                self.answers.push_back(Answer::No);
                let conclusion = self.run(whose, put(token), Turn::Granted);
                assert!(matches!(conclusion, Conclusion::Withdrawn(_)), "{step}: {conclusion:?}");
            }
            (_, Some(token)) => drop(self.run(whose, put(token), Turn::Denied)),
            _ if what == "-" => drop(self.run(whose, Errand::Delete, Turn::Denied)),
            _ if what.ends_with('…') => drop(self.run(whose, put(what.trim_end_matches('…')), Turn::Granted)),
            _ if what == "--" => drop(self.run(whose, Errand::Delete, Turn::Granted)),
            _ if what == "~" => self.work(whose),
            _ if what == "^" => {
                let due = self.row(whose).renew_now(self.now);
                let Change::Write(due) = due else {
                    panic!("{step}: not leased")
                };
                let leased = due.take_turn(self.now, self.deadline());
                self.rows.insert(key(whose), Arc::new(leased));
            }
            _ => {
                let conclusion = self.run(whose, put(what), Turn::Granted);
                let is_applied = matches!(&conclusion, Conclusion::Worked(work) if work.is_applied);
                assert!(is_applied, "{step}: {conclusion:?}");
            }
        }
    }

    pub fn row(&self, whose: &str) -> &Arc<Registration> {
        self.rows.get(&key(whose)).expect("a row")
    }

    /// What is due by now is done, and what becomes due by that.
    pub fn work(&mut self, whose: &str) {
        self.run(whose, Errand::Renew, Turn::Granted);
    }

    /// The same as soon as it is due.
    pub fn wait_and_work(&mut self, whose: &str) {
        let due = self.row(whose).renewal.index().expect("due some time");
        self.now = due.to_timestamp().max(self.now);
        self.work(whose);
    }

    pub fn put(&mut self, whose: &str, token: &str, turn: Turn) -> Conclusion {
        self.run(whose, put(token), turn)
    }

    fn deadline(&self) -> Timestamp {
        self.now + SignedDuration::from_mins(5)
    }

    fn run(&mut self, whose: &str, errand: Errand, turn: Turn) -> Conclusion {
        let deadline = self.deadline();
        let row = self.rows.get(&key(whose)).cloned();
        let mut task = Task::new(key(whose), Cycle::DEFAULT, errand, row);
        let mut asked = Turn::Unasked;
        for _ in 0..1000 {
            match task.next_step(self.now, deadline, asked) {
                Step::Survey(inquiry) => task.surveyed(self.survey(inquiry)),
                Step::AwaitTurn => asked = turn,
                Step::Call(call) => {
                    asked = Turn::Unasked;
                    let row = task.row().expect("a row");
                    let token = row.called(call.kind).expect("a token").token.expose();
                    self.calls.push(format!("{:?} {token}", call.kind));
                    let connection = World::name(row.called(call.kind).expect("a token"));
                    task.answered(call, None, self.answer(call.kind, connection, &key(whose)));
                }
                Step::Publish(_) => task.published(),
                Step::Write(write) if self.write(&write) => task.stored(),
                Step::Write(_) => task.overtaken(self.rows.get(&key(whose)).cloned()),
                Step::Look => {
                    self.now += SignedDuration::from_secs(1);
                    task.read(self.rows.get(&key(whose)).cloned());
                }
                Step::Finish(conclusion) => return conclusion,
            }
        }
        panic!("no end of it: {task:?}")
    }

    /// The App Connection, as OctoEverywhere knows it.
    pub fn name(connection: &AppConnection) -> String {
        let id = connection.id.as_ref().map(|id| id.as_str().to_owned());
        id.unwrap_or_else(|| connection.token.expose().to_owned())
    }

    fn answer(&mut self, kind: CallKind, connection: String, whose: &RegistrationKey) -> ServiceResponse {
        let is_set = kind == CallKind::Set;
        let answer = self.answers.pop_front().unwrap_or(Answer::Yes);
        match answer {
            Answer::Yes | Answer::Silence if is_set => drop(self.webhooks.insert(connection, whose.clone())),
            // One that is refused has no webhook.
            Answer::Yes | Answer::Silence | Answer::No => drop(self.webhooks.remove(&connection)),
            Answer::Later | Answer::Suspended => {}
        }
        let api = if is_set { Api::Set } else { Api::Delete };
        match answer {
            Answer::Yes => answered(api, 200, None, None, "{}"),
            Answer::No => answered(api, 604, None, None, ""),
            Answer::Later => answered(api, 503, None, None, ""),
            Answer::Suspended => answered(api, 605, None, None, ""),
            Answer::Silence => unanswered("timeout"),
        }
    }

    fn survey(&self, inquiry: Inquiry) -> Survey {
        let holders: BTreeMap<_, _> = inquiry
            .claims
            .into_iter()
            .map(|claim| (claim, self.holders.get(&claim).cloned()))
            .collect();
        let rows = holders.values().flatten().cloned().chain(inquiry.rows);
        Survey {
            rows: rows.map(|key| (key.clone(), self.rows.get(&key).cloned())).collect(),
            holders,
        }
    }

    /// Everything, or nothing. What a row claims, nobody else holds afterwards.
    fn write(&mut self, write: &Write) -> bool {
        let is_current = |row: &RowWrite| self.rows.get(&row.key) == row.read.as_ref();
        let holds = |holder: &HolderWrite| match holder {
            HolderWrite::Claim { claim, from, .. } => self.holders.get(claim) == from.as_ref(),
            HolderWrite::Release { .. } => true,
        };
        if !write.rows.iter().all(is_current) || !write.holders.iter().all(holds) {
            return false;
        }
        let keys: BTreeSet<_> = write.rows.iter().map(|row| &row.key).collect();
        assert_eq!(keys.len(), write.rows.len(), "DynamoDB takes one item once: {write:?}");
        for row in &write.rows {
            if let (Some(read), Some(new)) = (&row.read, &row.new) {
                assert!(
                    read == new || read.renewal.revision < new.renewal.revision,
                    "not counted: {new:?}"
                );
            }
            match &row.new {
                Some(new) => drop(self.rows.insert(row.key.clone(), Arc::clone(new))),
                None => drop(self.rows.remove(&row.key)),
            }
        }
        for holder in &write.holders {
            match holder {
                HolderWrite::Claim { claim, to, .. } => drop(self.holders.insert(*claim, to.clone())),
                HolderWrite::Release { claim, from } if self.holders.get(claim) == Some(from) => {
                    self.holders.remove(claim);
                }
                HolderWrite::Release { .. } => {}
            }
        }
        self.last_write = Some(write.clone());
        self.check_holders();
        true
    }

    fn check_holders(&self) {
        for row in self.rows.values() {
            assert_eq!(usize::from(row.renewal.old_tokens), row.old_tokens.len(), "{row:?}");
            // A row by hand claims its token when it is adopted.
            for claim in row.claims().iter().filter(|_| row.renewal.revision > 0) {
                let holder = self.holders.get(claim);
                assert!(
                    holder.is_none_or(|holder| *holder == row.key),
                    "claims what {holder:?} holds: {}",
                    show(row)
                );
            }
        }
    }

    /// All rows, each in a line.
    pub fn show(&self) -> Vec<String> {
        self.rows.values().map(|row| show(row)).collect()
    }
}

/// `t/x active A, before: B, old: C D, taken: E from t/y`.
pub fn show(row: &Registration) -> String {
    let name = |connection: &AppConnection| connection.token.expose().to_owned();
    let names = |old: &[OldToken]| {
        old.iter()
            .map(|old| format!(" {}", name(&old.connection)))
            .collect::<String>()
    };
    let present = row.wish.connection.as_ref().map_or_else(|| "-".to_owned(), name);
    let mut text = format!("{} {} {present}", row.key, row.renewal.status.as_str());
    if let Some(previous) = row.previous.as_ref().and_then(|wish| wish.connection.as_ref()) {
        text += &format!(", before: {}", name(previous));
    }
    if !row.old_tokens.is_empty() {
        text += &format!(", old:{}", names(&row.old_tokens));
    }
    for taken in &row.taken {
        let place = if taken.place == Place::Other { "other " } else { "" };
        text += &format!(", taken: {place}{} from {}", name(&taken.connection), taken.from);
        text += &taken
            .previous
            .as_ref()
            .map_or_else(String::new, |previous| format!(" before {}", name(previous)));
        if !taken.old.is_empty() {
            text += &format!(" old{}", names(&taken.old));
        }
    }
    text
}

/// Whether it was objected, and to what.
pub fn objection(conclusion: &Conclusion) -> Option<Objection> {
    match conclusion {
        Conclusion::Objected(objection) => Some(*objection),
        _ => None,
    }
}

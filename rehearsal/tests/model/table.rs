//! The tables, as they are read and written: rows, and who holds what.

use std::sync::Arc;

use printbell_shared::registration::Registration;
use printbell_shared::registration::claim::{Inquiry, Survey};
use printbell_shared::registration::holding::{HolderWrite, RowWrite, Write};
use printbell_shared::registration::renewal::{Clearing, EpochSeconds, Renewal};

use crate::cast::{Key, claim};
use crate::world::{Rule, State, World};

const MONTH: i64 = 30 * 86_400;

/// The row without what no rule reads: histories that differ in nothing else are one.
fn without_history(row: &Registration) -> Registration {
    Registration {
        created_at: None,
        last_error: None,
        ..row.clone()
    }
}

impl World {
    /// A row's renewal as an actor sees it that may not keep every rule.
    fn visible(&self, renewal: Renewal) -> Renewal {
        Renewal {
            lease: renewal.lease.filter(|_| self.keeps(Rule::Lease)),
            foreign: renewal.foreign.filter(|_| self.keeps(Rule::ForeignLease)),
            ..renewal
        }
    }

    /// Where the row is in the index.
    pub fn index(&self, state: &State, key: Key) -> Option<EpochSeconds> {
        self.visible(state.row(key)?.renewal).index()
    }

    /// The row as an actor reads it.
    pub fn read(&self, state: &State, key: Key) -> Option<Arc<Registration>> {
        let row = state.row(key)?;
        let renewal = self.visible(row.renewal);
        Some(match renewal == row.renewal {
            true => Arc::clone(row),
            false => Arc::new(Registration {
                renewal,
                ..Registration::clone(row)
            }),
        })
    }

    /// Who holds what, for the row under `key`.
    pub fn survey(&self, state: &State, key: Key, inquiry: &Inquiry) -> Survey {
        let holder = |asked| state.holders[claim(asked)].filter(|_| self.keeps(Rule::Holders));
        let others = inquiry.claims.iter().filter_map(holder).filter(|holder| *holder != key);
        let rows = others.chain(inquiry.rows.iter().map(Key::of));
        Survey {
            rows: rows.map(|key| (key.key().clone(), self.read(state, key))).collect(),
            holders: inquiry
                .claims
                .iter()
                .map(|asked| (*asked, holder(asked).map(|key| key.key().clone())))
                .collect(),
        }
    }

    /// Writes everything or nothing, on condition that everything is as it was read; tells whether it did.
    pub fn write(&self, state: &mut State, write: Write) -> bool {
        let write = self.spoilt(state, write);
        let is_whole = self.keeps(Rule::Transaction);
        let may = match is_whole {
            true => write.rows.iter().all(|row| self.is_as_read(state, row)) && self.is_held_as_read(state, &write),
            false => write.rows.iter().take(1).all(|row| self.is_as_read(state, row)),
        };
        if !may {
            return false;
        }
        for row in write.rows.iter().filter(|row| !row.is_check()) {
            if is_whole || self.is_as_read(state, row) {
                state.rows[Key::of(&row.key) as usize] = row.new.as_deref().map(|row| Arc::new(without_history(row)));
            }
        }
        for holder in write.holders.iter().filter(|_| self.keeps(Rule::Holders)) {
            match holder {
                HolderWrite::Claim { claim: what, to, .. } => state.holders[claim(what)] = Some(Key::of(to)),
                HolderWrite::Release { claim: what, from } => {
                    state.holders[claim(what)].take_if(|holder| *holder == Key::of(from));
                }
            }
        }
        true
    }

    /// Whether the row is still as it was read.
    fn is_as_read(&self, state: &State, row: &RowWrite) -> bool {
        let revision = |row: &Arc<Registration>| row.renewal.revision;
        let present = state.row(Key::of(&row.key));
        !self.keeps(Rule::Condition) || present.map(revision) == row.read.as_ref().map(revision)
    }

    fn is_held_as_read(&self, state: &State, write: &Write) -> bool {
        let is_as_read = |holder: &HolderWrite| match holder {
            HolderWrite::Claim { claim: what, from, .. } => state.holders[claim(what)] == from.as_ref().map(Key::of),
            HolderWrite::Release { .. } => true,
        };
        !self.keeps(Rule::Holders) || write.holders.iter().all(is_as_read)
    }

    /// The write of an actor that may not keep every rule.
    fn spoilt(&self, state: &State, mut write: Write) -> Write {
        let own = write.rows[0].key.clone();
        if !self.keeps(Rule::SetAgain)
            && let Some(row) = &mut write.rows[0].new
            && row.renewal.clearing == Clearing::NeedsSet
        {
            let renewal = Renewal {
                clearing: Clearing::Rests,
                due: Some(EpochSeconds(state.now + MONTH)),
                ..row.renewal
            };
            *row = Arc::new(Registration {
                renewal,
                ..Registration::clone(row)
            });
        }
        let goes_back = |holder: &HolderWrite| matches!(holder, HolderWrite::Claim { to, .. } if *to != own);
        if !self.keeps(Rule::GiveBack) && write.holders.iter().any(goes_back) {
            write.rows.truncate(1);
            for holder in &mut write.holders {
                if let HolderWrite::Claim { claim, to, .. } = holder
                    && *to != own
                {
                    *holder = HolderWrite::Release {
                        claim: *claim,
                        from: own.clone(),
                    };
                }
            }
        }
        write
    }
}

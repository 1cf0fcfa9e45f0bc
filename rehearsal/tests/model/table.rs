//! The table, and what is told about changes in it.

use std::sync::Arc;

use printbell_shared::renewal::{EpochSeconds, Outcome, Renewal};

use crate::world::{State, World};

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    pub renewal: Renewal,
    pub wish: u8,
    pub previous: Option<u8>,
}

impl Row {
    pub fn with(&self, renewal: Renewal) -> Self {
        Self { renewal, ..*self }
    }

    /// The row that a settlement leaves.
    pub fn settled(&self, renewal: Renewal, outcome: Outcome) -> Self {
        let (wish, previous) = match outcome {
            Outcome::Renewed => (self.wish, None),
            Outcome::Restored => (self.previous.unwrap_or(self.wish), None),
            _ => (self.wish, self.previous),
        };
        Self {
            renewal,
            wish,
            previous,
        }
    }
}

/// What came of a write.
pub enum Written {
    /// The row is this now; `None`: removed.
    Done(Option<Arc<Row>>),
    /// It failed its condition, or seems to have.
    Failed,
}

impl World {
    /// Where the row is in the index.
    pub fn index(&self, row: &Row) -> Option<EpochSeconds> {
        self.seen(row).index()
    }

    /// The row as the rules see it.
    pub fn seen(&self, row: &Row) -> Renewal {
        let lease = row.renewal.lease.filter(|_| self.rules.lease);
        Renewal { lease, ..row.renewal }
    }

    /// Writes or removes the row, if it is still the one that was read.
    pub fn write(&self, state: &mut State, read: Option<&Arc<Row>>, new: Option<Row>, lost: bool) -> Written {
        let revision = |row: &Arc<Row>| row.renewal.revision;
        if self.rules.condition && state.table.as_ref().map(revision) != read.map(revision) {
            return Written::Failed;
        }
        let said = read.and_then(|row| row.renewal.announcement);
        let news = new.as_ref().and_then(|row| row.renewal.announcement);
        state.unpublished.extend(news.filter(|_| news != said));
        state.table = new.map(Arc::new);
        if lost {
            Written::Failed
        } else {
            Written::Done(state.table.clone())
        }
    }
}

impl State {
    /// The row's announcement goes out.
    pub fn publish(&mut self, row: &Row) {
        self.unpublished.retain(|news| Some(*news) != row.renewal.announcement);
    }

    /// The app is told 422: it is as if it hadn't asked.
    pub fn withdraw(&mut self, wish: u8) {
        if let Some(last) = self.asked.iter().rposition(|asked| *asked == Some(wish)) {
            self.asked.remove(last);
        }
    }
}

//! The table, and what is told about changes in it.

use std::sync::{Arc, LazyLock};

use printbell_shared::id::RegistrationKey;
use printbell_shared::registration::Registration;
use printbell_shared::registration::protocol::Write;
use printbell_shared::registration::renewal::{EpochSeconds, Renewal};
use printbell_shared::registration::wish::Wish;
use secrecy::SecretString;

use crate::world::{State, World};

/// The key of the one registration.
pub fn key() -> RegistrationKey {
    static KEY: LazyLock<RegistrationKey> = LazyLock::new(|| RegistrationKey {
        tenant: "t".parse().unwrap(),
        printer: "p".parse().unwrap(),
    });
    KEY.clone()
}

/// A wish that can be told from others: by its token, which is its number.
pub fn wish(number: u8) -> Wish {
    Wish {
        token: SecretString::from(number.to_string()).try_into().unwrap(),
        events: Default::default(),
        metadata: Default::default(),
    }
}

/// The number of a row's wish.
pub fn number(row: &Registration) -> u8 {
    row.wish.token.expose().parse().unwrap()
}

/// A row.
pub fn row(number: u8, renewal: Renewal) -> Registration {
    Registration {
        key: key(),
        wish: wish(number),
        previous: None,
        renewal,
        created_at: None,
        last_error: None,
    }
}

/// The row without what no rule reads: histories that differ in nothing else are one.
fn without_history(row: &Registration) -> Registration {
    Registration {
        created_at: None,
        last_error: None,
        ..row.clone()
    }
}

impl World {
    /// Where the row is in the index.
    pub fn index(&self, row: &Registration) -> Option<EpochSeconds> {
        let lease = row.renewal.lease.filter(|_| self.rules.lease);
        Renewal { lease, ..row.renewal }.index()
    }

    /// The row as an actor reads it.
    pub fn read(&self, state: &State) -> Option<Arc<Registration>> {
        let row = state.table.clone()?;
        if self.rules.lease {
            return Some(row);
        }
        let renewal = Renewal {
            lease: None,
            ..row.renewal
        };
        Some(Arc::new(Registration {
            renewal,
            ..Registration::clone(&row)
        }))
    }

    /// Writes or removes the row, if it is still the one that was read; tells whether it did.
    pub fn write(&self, state: &mut State, read: Option<&Arc<Registration>>, write: &Write) -> bool {
        let revision = |row: &Arc<Registration>| row.renewal.revision;
        if self.rules.condition && state.table.as_ref().map(revision) != read.map(revision) {
            return false;
        }
        let new = match write {
            Write::Store(row) => Some(Arc::new(without_history(row))),
            Write::Remove => None,
        };
        let before = read.and_then(|row| row.renewal.status_change);
        let news = new.as_ref().and_then(|row| row.renewal.status_change);
        state.unpublished.extend(news.filter(|_| news != before));
        state.table = new;
        true
    }
}

impl State {
    /// The row's change of status goes out.
    pub fn publish(&mut self, row: &Registration) {
        self.unpublished.retain(|news| Some(*news) != row.renewal.status_change);
    }

    /// The app is told 422: it is as if it hadn't asked.
    pub fn withdraw(&mut self, wish: u8) {
        if let Some(last) = self.asked.iter().rposition(|asked| *asked == Some(wish)) {
            self.asked.remove(last);
        }
    }
}

//! Every App Connection there is, by its token and by its printer.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::printer::Printer;
use crate::wire::connection::{AppConnection, NewPrinter};
use crate::wire::ids::{AppToken, ConnectionId, PrinterId};

/// A printer that calls and deliveries share. Whoever holds it keeps it, also when the fleet is reset meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct SharedPrinter {
    pub(crate) id: PrinterId,
    pub(crate) connection: ConnectionId,
    printer: Arc<Mutex<Printer>>,
}

impl SharedPrinter {
    fn new(id: PrinterId) -> Self {
        let connection = ConnectionId::random();
        Self {
            printer: Arc::new(Mutex::new(Printer::new(id.clone(), connection.clone()))),
            id,
            connection,
        }
    }

    fn with_token(&self, token: AppToken) -> AppConnection {
        AppConnection {
            connection_id: self.connection.clone(),
            token,
            printer_id: self.id.clone(),
        }
    }

    /// Never held across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Printer> {
        self.printer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All printers, each with the one App Connection that it has, and that with one token or more.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    by_token: HashMap<AppToken, SharedPrinter>,
    by_id: BTreeMap<PrinterId, SharedPrinter>,
}

/// Why a printer can't be issued.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub(crate) enum IssueError {
    #[error("a token is one or more visible ASCII characters: it has to fit into a header")]
    BadToken,
    #[error("a printerId is 1 to 64 characters of A–Z a–z 0–9 . _ ~ -")]
    BadId,
    #[error("this printerId belongs to another token")]
    IdTaken,
    #[error("this token belongs to another printerId")]
    TokenTaken,
}

impl Fleet {
    /// Issues an App Connection, or changes one whose token is known.
    pub(crate) fn issue(&mut self, new: &NewPrinter) -> Result<AppConnection, IssueError> {
        let token = new.token.clone().unwrap_or_else(AppToken::random);
        if token.expose().is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(IssueError::BadToken);
        }
        let printer = match (self.by_token(&token), &new.printer_id) {
            (Some(known), Some(id)) if known.id != *id => return Err(IssueError::TokenTaken),
            (Some(known), _) => known,
            (None, Some(id)) if self.by_id.contains_key(id) => return Err(IssueError::IdTaken),
            (None, Some(id)) if !is_url_safe(id) => return Err(IssueError::BadId),
            (None, id) => self.add(token.clone(), id.clone().unwrap_or_else(PrinterId::random)),
        };
        printer.lock().change(new);
        Ok(printer.with_token(token))
    }

    /// Issues one more token of a printer's App Connection, whose others stay good.
    pub(crate) fn issue_token(&mut self, printer: &SharedPrinter) -> AppConnection {
        let token = AppToken::random();
        self.by_token.insert(token.clone(), printer.clone());
        printer.with_token(token)
    }

    /// Takes a token for an App Connection, whether or not it was ever issued.
    pub(crate) fn welcome(&mut self, token: &AppToken) -> SharedPrinter {
        self.by_token(token)
            .unwrap_or_else(|| self.add(token.clone(), PrinterId::random()))
    }

    pub(crate) fn by_token(&self, token: &AppToken) -> Option<SharedPrinter> {
        self.by_token.get(token).cloned()
    }

    pub(crate) fn by_id(&self, id: &PrinterId) -> Option<SharedPrinter> {
        self.by_id.get(id).cloned()
    }

    /// In the order of their ids.
    pub(crate) fn all(&self) -> Vec<SharedPrinter> {
        self.by_id.values().cloned().collect()
    }

    fn add(&mut self, token: AppToken, id: PrinterId) -> SharedPrinter {
        let printer = SharedPrinter::new(id.clone());
        self.by_token.insert(token, printer.clone());
        self.by_id.insert(id, printer.clone());
        printer
    }
}

/// Ids stand in the control surface's paths.
fn is_url_safe(id: &PrinterId) -> bool {
    !matches!(id.as_str(), "." | "..")
        && (1..=64).contains(&id.as_str().len())
        && id
            .as_str()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(token: &str, id: &str) -> NewPrinter {
        NewPrinter {
            token: Some(AppToken::new(token)),
            printer_id: Some(PrinterId::new(id)),
            ..NewPrinter::default()
        }
    }

    #[test]
    fn issuing_a_known_token_again_changes_what_is_named_and_keeps_the_rest() {
        let mut fleet = Fleet::default();
        let secret_key = Some("s".to_owned());
        let first = fleet
            .issue(&NewPrinter {
                secret_key,
                ..NewPrinter::named("Ender")
            })
            .unwrap();
        let again = NewPrinter {
            token: Some(first.token),
            ..NewPrinter::named("Voron")
        };
        let second = fleet.issue(&again).unwrap();
        assert_eq!(second.printer_id, first.printer_id);
        let face = fleet.by_id(&first.printer_id).unwrap().lock().face();
        assert_eq!((face.name.as_str(), face.secret_key.as_deref()), ("Voron", Some("s")));
    }

    #[test]
    fn tokens_and_printers_go_in_pairs() {
        for (second, expected) in [
            (new("t1", "p1"), None),
            (new("t2", "p2"), None),
            (new("t1", "p2"), Some(IssueError::TokenTaken)),
            (new("t2", "p1"), Some(IssueError::IdTaken)),
            (new("", "p2"), Some(IssueError::BadToken)),
            (new("t 2", "p2"), Some(IssueError::BadToken)),
            (new("t2", ""), Some(IssueError::BadId)),
            (new("t2", "p/2"), Some(IssueError::BadId)),
        ] {
            let mut fleet = Fleet::default();
            fleet.issue(&new("t1", "p1")).unwrap();
            assert_eq!(fleet.issue(&second).err(), expected, "{second:?}");
        }
    }
}

//! Who holds a token: one registration for each, and for each App Connection whose id is known.
//!
//! OctoEverywhere has one webhook for each App Connection, so two registrations that call with one token undo each other's work. A
//! registration **claims** every token that it has, the old ones included; the table `State` says who **holds** each claim. Every
//! write that changes what a row claims is one transaction with what it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Registration;
use super::app_connection::AppConnection;
use crate::id::RegistrationKey;

/// A token, or an App Connection, that one registration at a time may call for. Only a hash of it: nobody can read the token from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// SHA-256 of an AppToken.
    Token([u8; 32]),
    /// SHA-256 of an App Connection's id.
    Connection([u8; 32]),
}

impl Claim {
    /// What a registration with this token claims.
    pub fn of(connection: &AppConnection) -> impl Iterator<Item = Self> {
        let hash = |text: &str| Sha256::digest(text).into();
        let id = connection.id.as_ref().map(|id| Self::Connection(hash(id.as_str())));
        [Self::Token(hash(connection.token.expose()))].into_iter().chain(id)
    }
}

impl fmt::Display for Claim {
    /// Its key in the table `State`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, hash) = match self {
            Self::Token(hash) => ("token", hash),
            Self::Connection(hash) => ("connection", hash),
        };
        write!(f, "{kind}/")?;
        hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What has to be read before a row that claims something is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Inquiry {
    /// Whose holders are asked for; and the rows of those.
    pub claims: BTreeSet<Claim>,
    /// These rows too.
    pub rows: BTreeSet<RegistrationKey>,
}

impl From<BTreeSet<Claim>> for Inquiry {
    fn from(claims: BTreeSet<Claim>) -> Self {
        Self {
            claims,
            rows: BTreeSet::new(),
        }
    }
}

/// What was read, each item by itself: a transaction proves that it still holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Survey {
    /// The holder of each claim.
    pub holders: BTreeMap<Claim, Option<RegistrationKey>>,
    /// The rows of the holders, and the others that were asked for, as far as there are any.
    pub rows: BTreeMap<RegistrationKey, Option<Arc<Registration>>>,
}

impl Survey {
    /// What of `inquiry` wasn't read yet.
    pub fn lacks(&self, inquiry: Inquiry) -> Option<Inquiry> {
        let rest = Inquiry {
            claims: inquiry
                .claims
                .into_iter()
                .filter(|claim| !self.holders.contains_key(claim))
                .collect(),
            rows: inquiry
                .rows
                .into_iter()
                .filter(|key| !self.rows.contains_key(key))
                .collect(),
        };
        (rest != Inquiry::default()).then_some(rest)
    }

    /// This one and `other`.
    pub fn and(mut self, other: Self) -> Self {
        self.holders.extend(other.holders);
        self.rows.extend(other.rows);
        self
    }
}

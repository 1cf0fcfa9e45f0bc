//! What an app wants OctoEverywhere to hold for one printer.

use std::hash::{Hash, Hasher};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::app_connection::AppConnection;
use super::tokens::Taken;
use crate::metadata::Metadata;

/// What OctoEverywhere is to hold: SetNotificationWebhook's parameters, as far as the app chooses them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Wish {
    /// Whose webhook it is; none in a registration that was replaced.
    pub connection: Option<AppConnection>,
    /// Which events are to be delivered.
    pub events: EventFilter,
    /// What rides in the callback URL.
    pub metadata: Metadata,
}

impl Wish {
    /// Whether its token is the one that was taken.
    pub(super) fn is_of(&self, taken: &Taken) -> bool {
        let own = self.connection.as_ref();
        own.is_some_and(|own| own.is_known_to_be(&taken.connection))
    }

    /// The same for a registration that has lost its token.
    pub(super) fn without_connection(self) -> Self {
        Self {
            connection: None,
            ..self
        }
    }

    /// The same with this token.
    pub(super) fn with_connection(self, connection: AppConnection) -> Self {
        Self {
            connection: Some(connection),
            ..self
        }
    }
}

/// The longest AppToken that is accepted, in bytes. OctoEverywhere documents no length, and a token is returned only once: one
/// that is refused here is lost.
pub const MAX_TOKEN_LENGTH: usize = 8 * 1024;

/// The bearer credential of one App Connection, which OctoEverywhere shows once and never again. It can't be printed.
#[derive(Debug, Clone)]
pub struct AppToken(SecretString);

/// Why a text can't be an [`AppToken`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("must be 1 to 8192 visible ASCII characters without spaces")]
pub struct InvalidAppToken;

impl AppToken {
    /// The token itself, for the call to OctoEverywhere and for the table: nowhere else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for AppToken {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for AppToken {}

impl Hash for AppToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl TryFrom<SecretString> for AppToken {
    type Error = InvalidAppToken;

    fn try_from(token: SecretString) -> Result<Self, InvalidAppToken> {
        let text = token.expose_secret();
        if (1..=MAX_TOKEN_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(token))
        } else {
            Err(InvalidAppToken)
        }
    }
}

/// Which event types are to be delivered, in ascending order; empty means all of them (`InclusiveEventTypesFilter`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct EventFilter(Vec<u16>);

/// A number that can't be in an [`EventFilter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be from 1 to 65535, not {0}")]
pub struct InvalidEventType(pub i64);

impl EventFilter {
    /// The filter for these event types; repeated ones count once.
    pub fn new(types: impl IntoIterator<Item = i64>) -> Result<Self, InvalidEventType> {
        let check = |number| match u16::try_from(number) {
            Ok(valid) if valid > 0 => Ok(valid),
            _ => Err(InvalidEventType(number)),
        };
        let mut types = types.into_iter().map(check).collect::<Result<Vec<_>, _>>()?;
        types.sort_unstable();
        types.dedup();
        Ok(Self(types))
    }

    /// The event types, ascending; empty means all.
    pub fn types(&self) -> &[u16] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_1_to_8192_visible_characters() {
        let is_token = |text: &str| AppToken::try_from(SecretString::from(text)).is_ok();
        for good in ["a", "!~\"\\/%&", &"x".repeat(8192)] {
            assert!(is_token(good), "{good}");
        }
        for bad in ["", " ", "a b", "a\n", "a\0", "ä", "a\u{7F}", &"x".repeat(8193)] {
            assert!(!is_token(bad), "{bad:?}");
        }
    }
}

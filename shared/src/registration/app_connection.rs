//! What the App Connection Portal gives for one printer, as far as Printbell keeps it.

use std::str::FromStr;

use thiserror::Error;

use super::wish::AppToken;

/// An App Connection, as its user made it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AppConnection {
    /// Its credential.
    pub token: AppToken,
    /// Which one it is, where the portal said so. Two tokens may be of one App Connection, and that has one webhook.
    pub id: Option<ConnectionId>,
}

impl AppConnection {
    /// Whether both are known to be one: the same token, or the same id.
    pub fn is_known_to_be(&self, other: &Self) -> bool {
        self.token == other.token || self.id.is_some() && self.id == other.id
    }
}

/// An App Connection's id: 1 to 128 visible ASCII characters. It is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConnectionId(String);

/// Why a text can't be a [`ConnectionId`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("must be 1 to 128 visible ASCII characters without spaces")]
pub struct InvalidConnectionId;

/// The longest id, in characters. OctoEverywhere documents no length.
const MAX_LENGTH: usize = 128;

impl ConnectionId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ConnectionId {
    type Error = InvalidConnectionId;

    fn try_from(text: String) -> Result<Self, InvalidConnectionId> {
        if (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(InvalidConnectionId)
        }
    }
}

impl FromStr for ConnectionId {
    type Err = InvalidConnectionId;

    fn from_str(text: &str) -> Result<Self, InvalidConnectionId> {
        text.to_owned().try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_1_to_128_visible_characters() {
        for good in ["7", "a-b_c", "!~", &"x".repeat(128)] {
            assert_eq!(good.parse::<ConnectionId>().unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "a\n", "ä", "a\u{7F}", &"x".repeat(129)] {
            assert_eq!(bad.parse::<ConnectionId>(), Err(InvalidConnectionId), "{bad:?}");
        }
    }
}

//! What the query of a callback claims: who it is for, the token that shall prove it, and the app's metadata.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode;

use super::key::KEY_ID_LENGTH;
use crate::id::RegistrationKey;
use crate::metadata::Metadata;

/// The longest query that is read, in bytes: API Gateway takes 10,240 for request line and headers together, and
/// Printbell's own URLs have less than 2,000.
const MAX_LENGTH: usize = 10_240;
/// The length of HMAC-SHA256's output.
const SIGNATURE_LENGTH: usize = 32;

/// A callback's query, read but not believed.
#[derive(Debug, Default)]
pub struct Query {
    /// Who the callback says it is for; `None` where an id or the token is missing, repeated or malformed.
    pub claim: Option<Claim>,
    /// The other parameters, less those that break a rule of [`Metadata`].
    pub metadata: Metadata,
}

/// An assertion that a callback is for `registration`, to be checked against the keys.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Who the callback says it is for.
    pub registration: RegistrationKey,
    /// What shall prove it.
    pub token: Token,
}

/// A callback token, well-formed and unproven: `{key id}.{base64url of the signature}`.
#[derive(Clone)]
pub struct Token {
    /// Which key it says it was signed with: the beginning of a version's id, all ASCII and nothing that needs care in a log.
    pub key_id: String,
    /// The signature that it shows.
    pub signature: [u8; SIGNATURE_LENGTH],
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Token {
    fn read(text: &str) -> Option<Self> {
        let (key_id, signature) = text.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?.try_into().ok()?;
        let is_key_id = key_id.len() == KEY_ID_LENGTH && key_id.bytes().all(|byte| byte.is_ascii_graphic());
        is_key_id.then(|| Self {
            key_id: key_id.to_owned(),
            signature,
        })
    }
}

impl Query {
    /// Reads the part of the URL after the `?`, as it was sent.
    ///
    /// It has to be the raw text: a map of parameters hides one that is repeated. Names and values are decoded before
    /// they are compared, so no spelling of a name gets past the rules.
    pub fn read(raw: &[u8]) -> Self {
        if raw.len() > MAX_LENGTH {
            return Self::default();
        }
        let mut tenant = Parameter::Missing;
        let mut printer = Parameter::Missing;
        let mut token = Parameter::Missing;
        let mut metadata = Metadata::default();
        for pair in raw.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &b""[..]),
            };
            let value = decode(value);
            match decode(name).as_deref() {
                Some("tenantId") => tenant.take(value),
                Some("printerRef") => printer.take(value),
                Some("callbackToken") => token.take(value),
                Some(name) => {
                    if let Some(value) = value {
                        let _ = metadata.insert(name, &value); // one that breaks a rule is left out
                    }
                }
                None => {}
            }
        }
        let claim = || {
            let registration = RegistrationKey {
                tenant: tenant.once()?.try_into().ok()?,
                printer: printer.once()?.try_into().ok()?,
            };
            Some(Claim {
                registration,
                token: Token::read(&token.once()?)?,
            })
        };
        Self {
            claim: claim(),
            metadata,
        }
    }
}

/// Percent-decoding, with `+` for a space: Printbell's own URLs have neither `+` nor a space, but what stands between may
/// write one for the other. `None` where the bytes aren't UTF-8.
fn decode(text: &[u8]) -> Option<String> {
    let spaced: Cow<'_, [u8]> = if text.contains(&b'+') {
        text.iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect()
    } else {
        text.into()
    };
    percent_decode(&spaced).decode_utf8().ok().map(Cow::into_owned)
}

/// A parameter that may be there once.
enum Parameter {
    Missing,
    Once(String),
    Unusable,
}

impl Parameter {
    fn take(&mut self, value: Option<String>) {
        *self = match (&self, value) {
            (Self::Missing, Some(value)) => Self::Once(value),
            _ => Self::Unusable,
        };
    }

    fn once(self) -> Option<String> {
        match self {
            Self::Once(value) => Some(value),
            Self::Missing | Self::Unusable => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "01234567.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn claim(query: &str) -> Option<String> {
        let query = query.replace("TOKEN", TOKEN);
        Query::read(query.as_bytes())
            .claim
            .map(|claim| claim.registration.to_string())
    }

    #[test]
    fn each_parameter_is_there_exactly_once() {
        let good = [
            "tenantId=a&printerRef=b&callbackToken=TOKEN",
            "callbackToken=TOKEN&&printerRef=b&tenantId=a&",
            "%74enantId=%61&printerRef=b&callbackToken=TOKEN",
        ];
        for query in good {
            assert_eq!(claim(query).as_deref(), Some("a/b"), "{query}");
        }
        let bad = [
            "",
            "&",
            "tenantId",
            "tenantId=a&printerRef=b",
            "tenantId=a&callbackToken=TOKEN",
            "tenantId=a&printerRef=b&callbackToken=TOKEN&callbackToken=TOKEN",
            "tenantId=a&printerRef=b&callbackToken=TOKEN&%63allbackToken=x",
            "tenantId=a&tenantId=a&printerRef=b&callbackToken=TOKEN",
            "tenantId=a&printerRef=b&printerRef=b&printerRef=b&callbackToken=TOKEN",
            "tenantId=&printerRef=b&callbackToken=TOKEN",
            "tenantId=.&printerRef=b&callbackToken=TOKEN",
            "tenantId=a&printerRef=%2E%2e&callbackToken=TOKEN",
            "tenantId=a+b&printerRef=b&callbackToken=TOKEN",
            "tenantId=a%00&printerRef=b&callbackToken=TOKEN",
            "tenantId=%FF&printerRef=b&callbackToken=TOKEN",
            "tenantid=a&printerRef=b&callbackToken=TOKEN",
            "tenantId=a&printerRef=b&callbackToken=TOKEN=",
            "tenantId=a&printerRef=b&callbackToken=0123456789.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "tenantId=a&printerRef=b&callbackToken=0123456.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "tenantId=a&printerRef=b&callbackToken=0123456%00.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "tenantId=a&printerRef=b&callbackToken=01234567.AAAA",
            "tenantId=a&printerRef=b&callbackToken=01234567",
            "tenantId=a&printerRef=b&callbackToken=.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ];
        for query in bad {
            assert_eq!(claim(query), None, "{query}");
        }
    }

    #[test]
    fn metadata_that_breaks_a_rule_is_left_out() {
        let query =
            Query::read(b"room=lab%202&Room=x&id=x&floor=%0A&bad=%FF&%FF=x&room=again&note=a+b%2Bc&flag&tenantId=t");
        let pairs: Vec<_> = query.metadata.iter().collect();
        assert_eq!(pairs, [("flag", ""), ("note", "a b+c"), ("room", "lab 2")]);
    }
}

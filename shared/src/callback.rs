//! The callback URL and its token.
//!
//! OctoEverywhere signs nothing, so the only proof of a callback's origin is a secret that Printbell itself put into the
//! URL: `{keyId}.{base64url of HMAC-SHA256(key, tenantId ‖ 0x00 ‖ printerRef)}`. It names one registration, so a leaked
//! URL speaks for one printer and no other.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::id::RegistrationKey;
use crate::metadata::Metadata;

/// The path of the callback route, after the API's URL.
pub const PATH: &str = "/octoeverywhere/webhook";

/// How many characters of a secret version's id name the key in a token.
pub const KEY_ID_LENGTH: usize = 8;

/// What is escaped in a part of a URI: everything but the unreserved characters of RFC 3986.
pub const URI_COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A signing key: one version of the callback secret.
#[derive(Clone)]
pub struct CallbackKey {
    id: String,
    /// HMAC-SHA256 with the key already absorbed.
    mac: Hmac<Sha256>,
}

impl CallbackKey {
    /// The key that the secret version `version_id` holds. The key's bytes are the secret string's own.
    pub fn new(version_id: &str, secret: &SecretString) -> Self {
        let mac = Hmac::new_from_slice(secret.expose_secret().as_bytes());
        Self {
            id: version_id.chars().take(KEY_ID_LENGTH).collect(),
            mac: mac.unwrap_or_else(|_| unreachable!("HMAC takes a key of any length")),
        }
    }

    /// The name by which a token says that it was signed with this key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The token that speaks for `registration`.
    pub fn token(&self, registration: &RegistrationKey) -> SecretString {
        let mac = self
            .mac
            .clone()
            .chain_update(registration.to_bytes())
            .finalize()
            .into_bytes();
        SecretString::from(format!("{}.{}", self.id, URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Whether `signature`, the decoded second half of a token, is this key's for `registration`. Takes the same time for
    /// every signature of 32 bytes.
    pub fn verifies(&self, registration: &RegistrationKey, signature: &[u8]) -> bool {
        self.mac
            .clone()
            .chain_update(registration.to_bytes())
            .verify_slice(signature)
            .is_ok()
    }
}

/// The URL that OctoEverywhere is asked to call: a secret, for it holds the token.
///
/// The same arguments give the same bytes, and a token is as long-lived as its key: so a renewal re-sends the same URL.
pub fn url(public_url: &str, registration: &RegistrationKey, metadata: &Metadata, key: &CallbackKey) -> SecretString {
    let mut url = format!(
        "{}{PATH}?tenantId={}&printerRef={}&callbackToken={}",
        public_url.trim_end_matches('/'),
        registration.tenant,
        registration.printer,
        key.token(registration).expose_secret(),
    );
    for (name, value) in metadata.iter() {
        let _ = write!(url, "&{name}={}", utf8_percent_encode(value, URI_COMPONENT)); // a String takes every write
    }
    SecretString::from(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration() -> RegistrationKey {
        RegistrationKey {
            tenant: "abc123".parse().unwrap(),
            printer: "p42".parse().unwrap(),
        }
    }

    #[test]
    fn the_url_is_the_contract_s() {
        let key = CallbackKey::new("0f1e2d3c-4b5a", &SecretString::from("a key for this test"));
        let mut metadata = Metadata::default();
        metadata.insert("room", "lab 2&3/ü").unwrap();
        let url = url("https://api.example.com/", &registration(), &metadata, &key);
        insta::assert_snapshot!(url.expose_secret());
    }

    #[test]
    fn a_token_speaks_for_one_registration_and_one_key() {
        let key = CallbackKey::new("version1", &SecretString::from("one"));
        let token = key.token(&registration());
        let (id, signature) = token.expose_secret().split_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert_eq!(id, "version1");
        assert!(key.verifies(&registration(), &signature));
        let other = RegistrationKey {
            printer: "p43".parse().unwrap(),
            ..registration()
        };
        assert!(!key.verifies(&other, &signature));
        assert!(!CallbackKey::new("version1", &SecretString::from("two")).verifies(&registration(), &signature));
    }
}

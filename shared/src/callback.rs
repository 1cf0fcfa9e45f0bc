//! The callback URL and its token.
//!
//! OctoEverywhere signs nothing, so the only proof of a callback's origin is a secret that Printbell itself put into the
//! URL: `{keyId}.{base64url of HMAC-SHA256(key, tenantId ‖ 0x00 ‖ printerRef)}`. It names one registration, so a leaked
//! URL speaks for one printer and no other.
//!
//! [`key`] is one signing key, [`keys`] are all that count, [`signing`] says which of them signs and which count for how long;
//! [`query`] is what a callback's query claims.

pub mod key;
pub mod keys;
pub mod query;
pub mod signing;

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};

use crate::id::RegistrationKey;
use crate::metadata::Metadata;
use key::CallbackKey;

/// The path of the callback route, after the API's URL.
pub const PATH: &str = "/octoeverywhere/webhook";

/// What is escaped in a part of a URI: everything but the unreserved characters of RFC 3986.
pub const URI_COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

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
}

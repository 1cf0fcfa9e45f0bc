//! One signing key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::id::RegistrationKey;

/// How many characters of a secret version's id name the key in a token.
pub const KEY_ID_LENGTH: usize = 8;

/// What Printbell's own labels begin with; the key id follows.
pub const LABEL_PREFIX: &str = "printbell-";

/// The id of a version of the callback secret; Secrets Manager has them of 32 to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionId(String);

impl VersionId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name by which a token says that it was signed with this version's key. Others may begin like it.
    pub fn key_id(&self) -> &str {
        let end = self.0.char_indices().nth(KEY_ID_LENGTH);
        end.map_or(&self.0, |(end, _)| &self.0[..end])
    }

    /// The label that makes the version count once it isn't the current one any more. Secrets Manager lets one version bear it:
    /// of those that begin the same, at most one.
    pub fn label(&self) -> String {
        format!("{LABEL_PREFIX}{}", self.key_id())
    }
}

impl From<&str> for VersionId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

/// A signing key: one version of the callback secret.
#[derive(Clone)]
pub struct CallbackKey {
    version: VersionId,
    /// HMAC-SHA256 with the key already absorbed.
    mac: Hmac<Sha256>,
}

impl CallbackKey {
    /// The key that the secret version `version_id` holds. The key's bytes are the secret string's own.
    pub fn new(version_id: &str, secret: &SecretString) -> Self {
        let mac = Hmac::new_from_slice(secret.expose_secret().as_bytes());
        Self {
            version: version_id.into(),
            mac: mac.unwrap_or_else(|_| unreachable!("HMAC takes a key of any length")),
        }
    }

    /// Which version of the secret it is.
    pub fn version(&self) -> &VersionId {
        &self.version
    }

    /// The name by which a token says that it was signed with this key.
    pub fn id(&self) -> &str {
        self.version.key_id()
    }

    /// The token that speaks for `registration`.
    pub fn token(&self, registration: &RegistrationKey) -> SecretString {
        let mac = self
            .mac
            .clone()
            .chain_update(registration.to_bytes())
            .finalize()
            .into_bytes();
        SecretString::from(format!("{}.{}", self.id(), URL_SAFE_NO_PAD.encode(mac)))
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

//! What tests and measurements at the binary agree on: a pretended stack, the key that it signs with, and a registration.
//!
//! Nothing in here is a secret of anybody's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// The region that the functions believe to be in.
pub const REGION: &str = "eu-central-1";
/// The account that the pretended stack is in.
pub const ACCOUNT: &str = "000000000000";
/// The host of its HTTP API.
pub const API_HOST: &str = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com";
/// The host of its function URL, where the parameter `CallbackDoor` opens one.
pub const FUNCTION_URL_HOST: &str = "a1b2c3d4e5f6g7h8i9j0a1b2c3d4e5f6.lambda-url.eu-central-1.on.aws";
/// Its topic's ARN.
pub const TOPIC: &str = "arn:aws:sns:eu-central-1:000000000000:Topic";
/// Its fallback queue's URL.
pub const FALLBACK_QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/000000000000/FallbackQueue";
/// Its dead-letter queue's URL.
pub const DEAD_LETTER_QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/000000000000/DeadLetterQueue";
/// Its callback secret's ARN.
pub const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:CallbackSecret";
/// Its registrations' table.
pub const REGISTRATIONS: &str = "Registrations";
/// Its table of what isn't a registration.
pub const STATE: &str = "State";
/// The base of its callback URLs, where the parameter `PublicUrl` says so.
pub const PUBLIC_URL: &str = "https://bell.example.com";

/// A version of the callback secret: what signs callback tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// The version's id, a UUID. Tokens name it by its first 8 characters.
    pub version_id: &'static str,
    /// What the version holds.
    pub secret: &'static str,
}

/// The key that the pretended stack signs with.
pub const KEY: SigningKey = SigningKey {
    version_id: "0f1e2d3c-0000-4000-8000-000000000001",
    secret: "the first secret of these tests",
};

/// A key that it may be rotated to.
pub const SECOND_KEY: SigningKey = SigningKey {
    version_id: "1f1e2d3c-0000-4000-8000-000000000002",
    secret: "the second secret of these tests",
};

/// And another one.
pub const THIRD_KEY: SigningKey = SigningKey {
    version_id: "2f1e2d3c-0000-4000-8000-000000000003",
    secret: "the third secret of these tests",
};

impl SigningKey {
    /// What names it in a token.
    pub fn key_id(&self) -> &'static str {
        self.version_id.get(..8).unwrap_or(self.version_id)
    }

    /// The query of a callback for tenant `abc123`'s printer `p42`, in room `lab`.
    pub fn query(&self) -> String {
        self.query_for("abc123", "p42")
    }

    /// The query of a callback for this printer, in room `lab`.
    pub fn query_for(&self, tenant_id: &str, printer_ref: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes());
        let mac = mac.unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
        let mac = mac.chain_update(tenant_id).chain_update([0]).chain_update(printer_ref);
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        format!(
            "tenantId={tenant_id}&printerRef={printer_ref}&callbackToken={}.{signature}&room=lab",
            self.key_id()
        )
    }
}

/// The row of a registration that is active: applied, and in no index until it is given `dueAt` and `dueShard`.
pub fn registration(tenant_id: &str, printer_ref: &str, app_token: &str) -> Value {
    json!({
        "tenantId": tenant_id, "printerRef": printer_ref, "appToken": app_token,
        "eventTypes": [1, 2, 3, 7, 8, 9], "metadata": {"room": "lab", "floor": "3"},
        "status": "active", "revision": 3, "version": 1, "applied": 1, "attempts": 0,
        "createdAt": 1_690_000_000, "renewedAt": 1_690_000_000,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_query_is_signed_as_the_contract_says() {
        // The token in the samples, which other code has made.
        let expected = "tenantId=abc123&printerRef=p42&callbackToken=localdev.vkAwgk2Oc3HcQrl33lVzxVZz7MhdHg4Ni6sspuQmw2c&room=lab";
        assert_eq!(crate::dev_key::KEY.query(), expected);
    }
}

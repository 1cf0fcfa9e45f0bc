//! What the id of a notification's event is made of: the first 128 bits of a SHA-256, in hexadecimal digits.
//!
//! | what comes | hashed |
//! |---|---|
//! | a notification that identifies itself | tenantId ‖ 0x00 ‖ printerRef ‖ 0x00 ‖ *lasting data* |
//! | any other notification | tenantId ‖ 0x00 ‖ printerRef ‖ 0x00 ‖ *lasting data* ‖ 0x00 ‖ *request id* |
//! | what isn't a JSON object, and so is never published | tenantId ‖ 0x00 ‖ printerRef ‖ 0x00 ‖ the body as it came ‖ 0x00 ‖ *request id* |
//!
//! - The *lasting data* is the `data` of the message, byte for byte, less the links, of which the same notification has
//!   others when it is sent again: `{`, then each member as it was written (`"key":value`, with nothing around the `:`), joined by
//!   `,`, then `}`. Left out are all members whose key, its escapes read, is `SecretKey`, `SnapshotUrl` or `QuickViewUrl`; U+FFFE
//!   and U+FFFF are `\ufffe` and `\uffff`, as in the message.
//! - A notification *identifies itself* if it has a `PrintId` (text but `""` and `"None"`, or a number) and a `DurationSec` over 0 (a
//!   number, or one as text), and is not a test (16). Otherwise nothing tells a repeat from a second event, which may be equal to
//!   the byte a week later; and a repeat is better than a loss.
//! - The *request id* is the one that the HTTP API or the function URL gave the request (`requestContext.requestId`), or
//!   the invocation's where the event has none. It waits in the queue with what waits there, so that the id is the same later.
//!
//! Why: `docs/decisions/0037-what-an-id-is-made-of.md`.

use sha2::{Digest as _, Sha256};

use crate::id::RegistrationKey;
use crate::notification::cloud_event::only_xml_characters;
use crate::notification::payload::Payload;

/// The id of a notification's event.
pub fn notification_id(registration: &RegistrationKey, payload: &Payload<'_>, request_id: &str) -> String {
    let data = only_xml_characters(payload.lasting_data());
    let request_id = (!payload.identifies_itself()).then_some(request_id);
    digest(registration, data.as_bytes(), request_id)
}

/// The id that is answered for a body that isn't a JSON object.
pub fn unreadable_id(registration: &RegistrationKey, body: &[u8], request_id: &str) -> String {
    digest(registration, body, Some(request_id))
}

fn digest(registration: &RegistrationKey, content: &[u8], request_id: Option<&str>) -> String {
    let mut hash = Sha256::new()
        .chain_update(registration.to_bytes())
        .chain_update([0])
        .chain_update(content);
    if let Some(request_id) = request_id {
        hash.update([0]);
        hash.update(request_id);
    }
    let hash = hash.finalize();
    hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;

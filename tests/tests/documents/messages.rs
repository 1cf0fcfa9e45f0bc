//! What the topic is told, as Printbell makes it: a message for each sample callback, and one for each news of a registration.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use printbell_harness::workspace;
use printbell_shared::id::RegistrationKey;
use printbell_shared::metadata::Metadata;
use printbell_shared::notification::message::{Arrival, Message, Origin};
use printbell_shared::registration::Registration;
use printbell_shared::registration::renewal::{EpochSeconds, News, StatusChange};
use serde_json::Value;

/// Whose registration all of it is about.
const TENANT: &str = "abc123";

/// A registration of this tenant's.
fn key(tenant: &str) -> RegistrationKey {
    RegistrationKey {
        tenant: tenant.parse().unwrap(),
        printer: "p42".parse().unwrap(),
    }
}

/// The message for a callback with this body; none where the body is no notification.
fn for_body(tenant: &str, metadata: Metadata, body: &[u8]) -> Option<Message> {
    let origin = Origin {
        registration: key(tenant),
        metadata,
    };
    let arrival = Arrival {
        received: "2026-11-24T12:00:00Z".parse().unwrap(),
        request_id: String::from_utf8_lossy(body).into_owned(),
    };
    Message::for_callback(&origin, body, &arrival).ok()
}

/// The message for a change of the registration's status.
fn for_news(news: News) -> Message {
    let at = EpochSeconds(1_795_514_400);
    let status_change = StatusChange { news, at, due: at };
    Message::for_status_change(&Registration::empty(&key(TENANT)), &status_change)
}

/// A message of each kind, each with an id of its own; several samples are the same notification.
pub fn all() -> Vec<Message> {
    let folder = std::fs::read_dir(workspace::root().join("events/webhook")).unwrap();
    let mut paths: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let mut metadata = Metadata::default();
    metadata.insert("room", "lab").unwrap();
    let samples = paths.into_iter().filter_map(|path| {
        let event: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let body = event["body"].as_str().unwrap();
        let is_base64 = event["isBase64Encoded"] == true;
        let body = if is_base64 {
            BASE64.decode(body).unwrap()
        } else {
            body.into()
        };
        for_body(TENANT, metadata.clone(), &body)
    });
    let mut ids = BTreeSet::new();
    let messages = samples.chain(News::ALL.map(for_news));
    messages.filter(|message| ids.insert(message.id.clone())).collect()
}

/// A failure whose text would be a link to everybody in a chat that takes it as it is.
pub fn shouting() -> Message {
    let body = br#"{"PrinterId":"Pr1","PrintId":"Pt2","EventType":3,"DurationSec":60,"Error":"<!everyone> & co"}"#;
    for_body(TENANT, Metadata::default(), body).unwrap()
}

/// What another tenant's printer says, without metadata.
pub fn of_another_tenant() -> Message {
    for_body("another", Metadata::default(), br#"{"PrinterId":"Pr2","EventType":3}"#).unwrap()
}

/// The value of an attribute, or nothing.
pub fn attribute<'a>(message: &'a Message, name: &str) -> &'a str {
    let mut attributes = message.attributes.iter();
    attributes
        .find(|attribute| attribute.name == name)
        .map_or("", |attribute| &attribute.value)
}

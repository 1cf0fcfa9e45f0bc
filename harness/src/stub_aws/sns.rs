//! SNS: `Publish`, in the query protocol.

use std::collections::BTreeMap;

use super::{Service, State, StubResponse, form};

/// SNS's limit of a message with its attributes.
const MESSAGE_LIMIT: usize = 256 * 1024;

/// A message that SNS accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicMessage {
    /// The topic's ARN.
    pub topic: String,
    /// The message's text.
    pub text: String,
    /// Its attributes: data type and value.
    pub attributes: BTreeMap<String, (String, String)>,
    /// `MessageStructure`, where one was given.
    pub structure: Option<String>,
}

pub(super) fn work(state: &mut State, action: &str, body: &[u8]) -> StubResponse {
    if action != "Publish" {
        return StubResponse::error(Service::Sns, 400, "InvalidAction", "the stub only knows Publish");
    }
    // A benchmark doesn't measure how long the stub reads.
    if !state.forgetful {
        let message = read(body);
        if let Some(fault) = fault(&message) {
            return StubResponse::error(Service::Sns, 400, "InvalidParameter", &fault);
        }
        state.topic.push(message);
    }
    let (message_id, request_id) = (state.fresh_id(), state.fresh_id());
    let body = format!(
        r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>{message_id}</MessageId></PublishResult><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></PublishResponse>"#
    );
    StubResponse {
        status: 200,
        body: body.into_bytes(),
    }
}

fn read(body: &[u8]) -> TopicMessage {
    let mut message = TopicMessage::default();
    let mut attributes: BTreeMap<String, (String, String, String)> = BTreeMap::new();
    for (name, value) in form::pairs(body) {
        match name.as_str() {
            "TopicArn" => message.topic = value,
            "Message" => message.text = value,
            "MessageStructure" => message.structure = Some(value),
            _ => {
                let Some((entry, part)) = name
                    .strip_prefix("MessageAttributes.entry.")
                    .and_then(|rest| rest.split_once('.'))
                else {
                    continue;
                };
                let attribute = attributes.entry(entry.to_owned()).or_default();
                match part {
                    "Name" => attribute.0 = value,
                    "Value.DataType" => attribute.1 = value,
                    "Value.StringValue" => attribute.2 = value,
                    _ => {}
                }
            }
        }
    }
    message.attributes = attributes
        .into_values()
        .map(|(name, kind, value)| (name, (kind, value)))
        .collect();
    message
}

/// What SNS would refuse about it.
fn fault(message: &TopicMessage) -> Option<String> {
    let attributes = &message.attributes;
    let size: usize = attributes
        .iter()
        .map(|(name, (kind, value))| name.len() + kind.len() + value.len())
        .sum();
    if message.topic.is_empty() {
        Some("Invalid parameter: TopicArn".to_owned())
    } else if message.text.is_empty() {
        Some("Invalid parameter: Empty message".to_owned())
    } else if message.text.len() + size > MESSAGE_LIMIT {
        Some("Invalid parameter: Message too long".to_owned())
    } else if !message.text.chars().all(allowed_in_xml) {
        Some("Invalid parameter: Message Reason: Invalid character".to_owned())
    } else {
        attributes.iter().find_map(|(name, (kind, value))| {
            let number = kind != "Number" || value.parse::<f64>().is_ok();
            let sound = !name.is_empty() && !value.is_empty() && number && value.chars().all(allowed_in_xml);
            (!sound).then(|| format!("Invalid parameter: the message attribute '{name}' has no valid value"))
        })
    }
}

/// XML 1.0, production 2.
fn allowed_in_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

pub(super) fn error(status: u16, code: &str, message: &str) -> String {
    let side = if status >= 500 { "Receiver" } else { "Sender" };
    format!(
        r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>{side}</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>00000000-0000-4000-9000-000000000000</RequestId></ErrorResponse>"#
    )
}

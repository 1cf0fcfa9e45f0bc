//! SQS: what is sent, deleted and put off, in the JSON protocol.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Service, State, StubResponse};

/// SQS's limit of a message with its attributes.
const MESSAGE_LIMIT: usize = 1024 * 1024;

/// A message that a queue accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMessage {
    /// The queue's URL.
    pub queue: String,
    /// The message's text.
    pub body: String,
    /// Its attributes: data type and value.
    pub attributes: BTreeMap<String, (String, String)>,
    /// `DelaySeconds`, where it was given.
    pub delay_seconds: Option<i64>,
}

/// Deletions and changes of visibility need nothing but an answer: [`super::StubAws::calls`] tells them.
pub(super) fn work(state: &mut State, action: &str, body: &[u8]) -> StubResponse {
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return StubResponse::error(Service::Sqs, 400, "SerializationException", "not JSON");
    };
    match action {
        "SendMessage" => match send(state, &request, &request["QueueUrl"]) {
            Ok(answer) => StubResponse::json(&answer),
            Err((code, message)) => StubResponse::error(Service::Sqs, 400, code, message),
        },
        "SendMessageBatch" => batch(&request, |entry| send(state, entry, &request["QueueUrl"])),
        "DeleteMessage" | "ChangeMessageVisibility" => StubResponse::json(&json!({})),
        "DeleteMessageBatch" | "ChangeMessageVisibilityBatch" => batch(&request, |_| Ok(json!({}))),
        "ReceiveMessage" => StubResponse::json(&json!({})),
        _ => StubResponse::error(
            Service::Sqs,
            400,
            "InvalidAction",
            "the stub doesn't know this operation",
        ),
    }
}

type Fault = (&'static str, &'static str);

fn batch(request: &Value, mut each: impl FnMut(&Value) -> Result<Value, Fault>) -> StubResponse {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in request["Entries"].as_array().into_iter().flatten() {
        match each(entry) {
            Ok(mut answer) => {
                answer["Id"] = entry["Id"].clone();
                successful.push(answer);
            }
            Err((code, message)) => {
                failed.push(json!({"Id": entry["Id"], "Code": code, "Message": message, "SenderFault": true}));
            }
        }
    }
    StubResponse::json(&json!({"Successful": successful, "Failed": failed}))
}

fn send(state: &mut State, message: &Value, queue: &Value) -> Result<Value, Fault> {
    let body = message["MessageBody"].as_str().unwrap_or_default();
    let attributes: BTreeMap<_, _> = message["MessageAttributes"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let text = |part: &str| value[part].as_str().unwrap_or_default().to_owned();
            (name.clone(), (text("DataType"), text("StringValue")))
        })
        .collect();
    let size: usize = attributes
        .iter()
        .map(|(name, (kind, value))| name.len() + kind.len() + value.len())
        .sum();
    if body.is_empty() {
        return Err((
            "MissingParameter",
            "The request must contain the parameter MessageBody.",
        ));
    }
    if body.len() + size > MESSAGE_LIMIT {
        return Err((
            "InvalidParameterValue",
            "One or more parameters are invalid. Reason: Message must be shorter.",
        ));
    }
    if attributes.len() > 10 {
        return Err((
            "InvalidParameterValue",
            "Number of message attributes [11] exceeds the allowed maximum [10].",
        ));
    }
    if !body
        .chars()
        .all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..))
    {
        return Err(("InvalidMessageContents", "Invalid characters found."));
    }
    if !state.forgetful {
        state.queues.push(QueueMessage {
            queue: queue.as_str().unwrap_or_default().to_owned(),
            body: body.to_owned(),
            attributes,
            delay_seconds: message["DelaySeconds"].as_i64(),
        });
    }
    Ok(json!({"MessageId": state.fresh_id()}))
}

//! Publishing to an SNS topic.

use std::sync::Arc;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use printbell_shared::notification::message::{Attribute, Message};
use printbell_shared::notification::sink::SendError;

use crate::aws::{Lazy, explain};

/// Error codes by which a service says that it is the message that it doesn't take.
const REFUSALS: [&str; 6] = [
    "InvalidMessageContents",
    "InvalidParameter",
    "InvalidParameterValue",
    "MissingParameter",
    "ParameterValueInvalid",
    "ValidationError",
];

/// A topic, reached through a client that is made when it is first needed.
#[derive(Debug, Clone)]
pub struct Topic {
    /// The client to publish with.
    pub client: Arc<Lazy<Client>>,
    /// Which topic.
    pub arn: String,
}

impl Topic {
    /// Publishes `message`, with what retries the client is configured for.
    pub async fn publish(&self, message: &Message) -> Result<(), SendError> {
        let mut request = self.client.get().publish().topic_arn(&self.arn).message(&message.body);
        for Attribute { name, data_type, value } in &message.attributes {
            let attribute = MessageAttributeValue::builder()
                .data_type(data_type.clone())
                .string_value(value)
                .build()
                .map_err(|error| SendError::Refused(error.to_string()))?;
            request = request.message_attributes(name.clone(), attribute);
        }
        request.send().await.map(drop).map_err(|error| send_error(&error))
    }

    /// Opens the connection ahead of the first message, by a `Publish` that names no topic: SNS answers that it is incomplete,
    /// and nothing else comes of it.
    pub async fn warm_up(&self) {
        // Whatever goes wrong here will show, and be handled, when a message comes.
        let _ = self.client.get().publish().message("-").send().await;
    }
}

/// What a failed call to SNS or SQS says about the message.
pub(crate) fn send_error<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> SendError {
    let reason = explain(error);
    let code = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .unwrap_or_default();
    if REFUSALS.contains(&code) {
        SendError::Refused(reason)
    } else {
        SendError::Temporary(reason)
    }
}

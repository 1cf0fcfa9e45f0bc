//! Putting letters into SQS queues, and off.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;
use printbell_shared::notification::letter::Letter;
use printbell_shared::notification::sink::SendError;

use crate::aws::{Lazy, explain};
use crate::sns::send_error;

/// A queue, reached through a client that is made when it is first needed.
#[derive(Debug, Clone)]
pub struct Queue {
    /// The client to send with.
    pub client: Arc<Lazy<Client>>,
    /// Which queue.
    pub url: String,
}

impl Queue {
    /// Puts `letter` into the queue, with what retries the client is configured for.
    pub async fn send(&self, letter: &Letter) -> Result<(), SendError> {
        let (body, attributes) = letter.to_queue();
        let request = self.client.get().send_message().queue_url(&self.url);
        let mut request = request.message_body(body);
        for attribute in attributes {
            let value = MessageAttributeValue::builder()
                .data_type(attribute.data_type)
                .string_value(attribute.value)
                .build()
                .map_err(|error| SendError::Refused(error.to_string()))?;
            request = request.message_attributes(attribute.name, value);
        }
        request.send().await.map(drop).map_err(|error| send_error(&error))
    }

    /// Has the message that was received under `receipt_handle` come back after `pause`.
    pub async fn put_off(&self, receipt_handle: &str, pause: Duration) -> Result<(), String> {
        let seconds = i32::try_from(pause.as_secs()).unwrap_or(i32::MAX);
        let request = self.client.get().change_message_visibility().queue_url(&self.url);
        let request = request.receipt_handle(receipt_handle).visibility_timeout(seconds);
        request.send().await.map(drop).map_err(|error| explain(&error))
    }
}

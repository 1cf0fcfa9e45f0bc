//! The ways in AWS.

use std::time::Duration;

use aws_sdk_sns::types::MessageAttributeValue as SnsAttribute;
use aws_sdk_sqs::types::MessageAttributeValue as SqsAttribute;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;

use super::{Failure, Way, Ways};
use crate::aws::{Lazy, explain};
use crate::letter::Letter;
use crate::message::{Attribute, Message};

/// Error codes by which a service says that it is the message that it doesn't take.
const REFUSALS: [&str; 6] = [
    "InvalidMessageContents",
    "InvalidParameter",
    "InvalidParameterValue",
    "MissingParameter",
    "ParameterValueInvalid",
    "ValidationError",
];

/// How long init waits for the first connection to SNS.
const WARM_UP: Duration = Duration::from_millis(700);

/// The topic and the queues of one stack.
pub struct AwsWays {
    /// The connection to Secrets Manager is being opened meanwhile.
    sns: Lazy<aws_sdk_sns::Client>,
    /// Most processes never see SNS fail.
    sqs: Lazy<aws_sdk_sqs::Client>,
    /// The topic.
    pub topic_arn: String,
    /// The queue of what is to be published later.
    pub fallback_queue_url: String,
    /// The queue of what needs a person.
    pub dead_letter_queue_url: String,
}

impl AwsWays {
    /// Clients that make one attempt a call: what comes after a failure is for the [plan](super::plan) to say.
    pub fn new(aws: &SdkConfig, topic_arn: String, fallback_queue_url: String, dead_letter_queue_url: String) -> Self {
        Self {
            sns: Lazy::new(aws, |aws| {
                let config = aws_sdk_sns::config::Builder::from(aws).retry_config(RetryConfig::disabled());
                aws_sdk_sns::Client::from_conf(config.build())
            }),
            sqs: Lazy::new(aws, |aws| {
                let config = aws_sdk_sqs::config::Builder::from(aws).retry_config(RetryConfig::disabled());
                aws_sdk_sqs::Client::from_conf(config.build())
            }),
            topic_arn,
            fallback_queue_url,
            dead_letter_queue_url,
        }
    }

    /// Opens the connection to SNS ahead of the first notification, by a `Publish` that names no topic: SNS answers that
    /// it is incomplete, and nothing else comes of it. Whatever goes wrong here will show, and be handled, when a
    /// notification comes.
    pub async fn warm_up(&self) {
        let _ = tokio::time::timeout(WARM_UP, self.sns.get().publish().message("-").send()).await;
    }

    async fn publish(&self, message: &Message) -> Result<(), Failure> {
        publish(self.sns.get(), &self.topic_arn, message).await
    }

    async fn enqueue(&self, queue_url: &str, letter: &Letter) -> Result<(), Failure> {
        let (body, attributes) = letter.to_queue();
        let mut request = self.sqs.get().send_message().queue_url(queue_url).message_body(body);
        for attribute in attributes {
            request = request.message_attributes(attribute.name.clone(), sqs_attribute(&attribute)?);
        }
        request.send().await.map(|_| ()).map_err(|error| failure(&error))
    }
}

impl Ways for AwsWays {
    async fn attempt(&self, way: Way, letter: &Letter) -> Result<(), Failure> {
        match (way, letter) {
            (Way::Topic, Letter::Notification(message)) => self.publish(message).await,
            (Way::Topic, _) => Err(Failure::Refused("only notifications are published".into())),
            (Way::FallbackQueue, letter) => self.enqueue(&self.fallback_queue_url, letter).await,
            (Way::DeadLetterQueue, letter) => self.enqueue(&self.dead_letter_queue_url, letter).await,
        }
    }
}

/// Publishes `message` to the topic, with what retries the client is configured for.
pub async fn publish(sns: &aws_sdk_sns::Client, topic_arn: &str, message: &Message) -> Result<(), Failure> {
    let mut request = sns.publish().topic_arn(topic_arn).message(&message.body);
    for Attribute { name, data_type, value } in &message.attributes {
        let attribute = SnsAttribute::builder()
            .data_type(data_type.clone())
            .string_value(value)
            .build()
            .map_err(|error| Failure::Refused(error.to_string()))?;
        request = request.message_attributes(name.clone(), attribute);
    }
    request.send().await.map(|_| ()).map_err(|error| failure(&error))
}

fn sqs_attribute(attribute: &Attribute) -> Result<SqsAttribute, Failure> {
    SqsAttribute::builder()
        .data_type(attribute.data_type.clone())
        .string_value(&attribute.value)
        .build()
        .map_err(|error| Failure::Refused(error.to_string()))
}

fn failure<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Failure {
    let reason = explain(error);
    let code = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .unwrap_or_default();
    if REFUSALS.contains(&code) {
        Failure::Refused(reason)
    } else {
        Failure::Temporary(reason)
    }
}

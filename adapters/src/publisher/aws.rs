//! The sinks in AWS.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use printbell_shared::notification::letter::Letter;
use printbell_shared::notification::sink::{SendError, Sink};

use super::Sinks;
use crate::aws::Lazy;
use crate::sns::Topic;
use crate::sqs::Queue;

/// How long init waits for the first connection to SNS.
const WARM_UP: Duration = Duration::from_millis(700);

/// The topic and the queues of one stack.
pub struct AwsSinks {
    topic: Topic,
    fallback_queue: Queue,
    dead_letter_queue: Queue,
}

impl AwsSinks {
    /// Clients that make one attempt a call: what comes after a failure is for the
    /// [plan](printbell_shared::notification::plan) to say.
    pub fn new(aws: &SdkConfig, topic_arn: String, fallback_queue_url: String, dead_letter_queue_url: String) -> Self {
        // The connection to Secrets Manager is being opened meanwhile.
        let sns = Lazy::new(aws, |aws| {
            let config = aws_sdk_sns::config::Builder::from(aws).retry_config(RetryConfig::disabled());
            aws_sdk_sns::Client::from_conf(config.build())
        });
        // Most processes never see SNS fail.
        let sqs = Arc::new(Lazy::new(aws, |aws| {
            let config = aws_sdk_sqs::config::Builder::from(aws).retry_config(RetryConfig::disabled());
            aws_sdk_sqs::Client::from_conf(config.build())
        }));
        let queue = |url| Queue {
            client: Arc::clone(&sqs),
            url,
        };
        Self {
            topic: Topic {
                client: Arc::new(sns),
                arn: topic_arn,
            },
            fallback_queue: queue(fallback_queue_url),
            dead_letter_queue: queue(dead_letter_queue_url),
        }
    }

    /// Opens the connection to SNS ahead of the first notification.
    pub async fn warm_up(&self) {
        let _ = tokio::time::timeout(WARM_UP, self.topic.warm_up()).await;
    }
}

impl Sinks for AwsSinks {
    async fn attempt(&self, sink: Sink, letter: &Letter) -> Result<(), SendError> {
        match (sink, letter) {
            (Sink::Topic, Letter::Notification(message)) => self.topic.publish(message).await,
            (Sink::Topic, _) => Err(SendError::Refused("only notifications are published".into())),
            (Sink::FallbackQueue, letter) => self.fallback_queue.send(letter).await,
            (Sink::DeadLetterQueue, letter) => self.dead_letter_queue.send(letter).await,
        }
    }
}

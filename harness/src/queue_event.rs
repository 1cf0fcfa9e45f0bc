//! Events as Lambda makes them of a queue's messages.

use serde_json::{Map, Value, json};

use crate::fixtures::{ACCOUNT, REGION};
use crate::stub_aws::QueueMessage;

/// A batch of messages that have been received so often; their ids are `0`, `1`, ….
pub fn batch<'a>(messages: impl IntoIterator<Item = &'a QueueMessage>, receives: u32) -> Value {
    let records = messages
        .into_iter()
        .enumerate()
        .map(|(id, message)| record(message, &id.to_string(), receives));
    json!({"Records": records.collect::<Vec<_>>()})
}

fn record(message: &QueueMessage, id: &str, receives: u32) -> Value {
    let attributes = message.attributes.iter().map(|(name, (data_type, value))| {
        let attribute = json!({
            "stringValue": value, "stringListValues": [], "binaryListValues": [], "dataType": data_type,
        });
        (name.clone(), attribute)
    });
    json!({
        "messageId": id,
        "receiptHandle": format!("receipt of {id}"),
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": receives.to_string(),
            "SentTimestamp": "1795514400000",
            "SenderId": "AROAEXAMPLE:webhook",
            "ApproximateFirstReceiveTimestamp": "1795514400001",
        },
        "messageAttributes": attributes.collect::<Map<_, _>>(),
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:FallbackQueue"),
        "awsRegion": REGION,
    })
}

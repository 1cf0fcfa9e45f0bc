//! The batch that Lambda takes from the queue, and the answer that says which of it is to come back.

use std::borrow::Cow;
use std::collections::HashMap;

use printbell_shared::notification::message::Attribute;
use serde::{Deserialize, Serialize};

/// A batch of queue messages.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Batch {
    /// The messages.
    pub records: Vec<Record>,
}

/// A queue message.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// Its id.
    pub message_id: String,
    /// Names this receive of it.
    pub receipt_handle: String,
    /// Its text.
    pub body: String,
    attributes: SystemAttributes,
    message_attributes: HashMap<String, MessageAttribute>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SystemAttributes {
    approximate_receive_count: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MessageAttribute {
    string_value: Option<String>,
    data_type: String,
}

impl Record {
    /// How often it was received, this time included.
    pub fn receives(&self) -> u32 {
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }

    /// Its attributes, less binary ones: Printbell makes none.
    pub fn take_attributes(&mut self) -> Vec<Attribute> {
        let attribute = |(name, attribute): (String, MessageAttribute)| {
            Some(Attribute {
                name: Cow::Owned(name),
                data_type: Cow::Owned(attribute.data_type),
                value: attribute.string_value.filter(|value| !value.is_empty())?,
            })
        };
        let mut attributes: Vec<_> = self.message_attributes.drain().filter_map(attribute).collect();
        attributes.sort_by(|a, b| a.name.cmp(&b.name));
        attributes
    }
}

/// Which messages are to come back; all others are deleted from the queue.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    /// The ones that are to come back.
    pub batch_item_failures: Vec<ItemFailure>,
}

/// A message that is to come back.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    /// Its id.
    pub item_identifier: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_read_as_lambda_sends_it() {
        let event = r#"{"Records":[{
            "messageId":"059f36b4-87a3-44ab-83d2-661975830a7d","receiptHandle":"AQEB","body":"{}",
            "attributes":{"ApproximateReceiveCount":"3","SentTimestamp":"1545082649183","SenderId":"AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp":"1545082649185"},
            "messageAttributes":{
                "event":{"stringValue":"test","stringListValues":[],"binaryListValues":[],"dataType":"String"},
                "eventType":{"stringValue":"16","dataType":"Number"},
                "b":{"binaryValue":"AA==","dataType":"Binary"}},
            "md5OfBody":"","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-2:123456789012:q","awsRegion":"us-east-2"}]}"#;
        let mut batch: Batch = serde_json::from_str(event).unwrap();
        let record = &mut batch.records[0];
        assert_eq!((record.receives(), record.body.as_str()), (3, "{}"));
        let expected = [Attribute::string("event", "test"), Attribute::number("eventType", 16)];
        assert_eq!(record.take_attributes(), expected);
    }

    #[test]
    fn an_event_of_another_kind_is_an_empty_batch() {
        let batch: Batch = serde_json::from_str(r#"{"key1":"value1"}"#).unwrap();
        assert!(batch.records.is_empty());
    }
}

//! The batch that Lambda takes from the queue, and the answer that says which of it is to come back.
//!
//! The event is read without any demands, as a door's is: what is odd about one record costs that record and no other. A
//! record that is no message of text is set aside like one, as it is written.

use std::borrow::Cow;

use jiff::Timestamp;
use printbell_shared::json::{self, Members};
use printbell_shared::notification::cloud_event::only_xml_characters;
use printbell_shared::notification::letter::Letter;
use printbell_shared::notification::message::Attribute;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// A batch of queue messages.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    /// The messages; `None` where the event isn't a batch.
    pub records: Option<Vec<Record>>,
}

/// A queue message.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id; empty where it has none.
    pub message_id: String,
    /// Names this receive of it.
    pub receipt_handle: String,
    /// How often it was received, this time included.
    pub receives: u32,
    /// When it was queued; `None` where that isn't said.
    pub sent: Option<Timestamp>,
    /// What it is.
    pub letter: Letter,
}

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = Box::<RawValue>::deserialize(deserializer)?;
        let records = Members::read(event.get()).ok().and_then(|event| {
            let records = event.get("Records")?;
            serde_json::from_str::<Vec<&RawValue>>(records).ok()
        });
        let records = records.map(|records| records.into_iter().map(|record| Record::read(record.get())).collect());
        Ok(Self { records })
    }
}

impl Record {
    /// Reads a record, whatever it holds.
    fn read(record: &str) -> Self {
        let members = Members::read(record).unwrap_or_default();
        let text = |name: &str| members.get(name).and_then(json::scalar).map(Cow::into_owned);
        let system = members.object("attributes").unwrap_or_default();
        let number = |name: &str| json::whole_number(system.get(name)?);
        let receives = number("ApproximateReceiveCount").and_then(|receives| u32::try_from(receives).ok());
        let sent = number("SentTimestamp").and_then(|sent| Timestamp::from_millisecond(sent).ok());
        let body = members.get("body").and_then(json::string);
        let letter = match body.filter(|body| !body.is_empty()) {
            Some(body) => Letter::from_queue(body.into_owned(), attributes(&members)),
            None => Letter::Unreadable {
                body: only_xml_characters(record.to_owned()),
                attributes: Vec::new(),
                reason: "the record that Lambda made of it has no text".to_owned(),
            },
        };
        Self {
            message_id: text("messageId").unwrap_or_default(),
            receipt_handle: text("receiptHandle").unwrap_or_default(),
            receives: receives.unwrap_or(1),
            sent,
            letter,
        }
    }
}

/// A record's attributes, in order of their names. What isn't text is left out: Printbell makes no others.
fn attributes(record: &Members<'_>) -> Vec<Attribute> {
    let attributes = record.object("messageAttributes").unwrap_or_default();
    let attribute = |(name, attribute): &(&str, &str)| {
        let attribute = Members::read(attribute).ok()?;
        let text = |name| {
            let text = json::string(attribute.get(name)?)?;
            (!text.is_empty()).then(|| text.into_owned())
        };
        Some(Attribute {
            name: Cow::Owned(json::name(name)?.into_owned()),
            data_type: Cow::Owned(text("dataType")?),
            value: text("stringValue")?,
        })
    };
    let mut attributes: Vec<_> = attributes.0.iter().filter_map(attribute).collect();
    attributes.sort_by(|a, b| a.name.cmp(&b.name));
    attributes
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
    /// Its id. Where it has none, Lambda has the *whole* batch come back ("Reporting batch item failures": an empty
    /// identifier is a failure of the batch). So a record without an id can't be lost; the others of its batch are published
    /// twice, under the same ids.
    pub item_identifier: String,
}

impl Failures {
    /// All of the batch is to come back.
    pub fn whole_batch() -> Self {
        let nameless = ItemFailure {
            item_identifier: String::new(),
        };
        Self {
            batch_item_failures: vec![nameless],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(event: &str) -> Option<Vec<Record>> {
        serde_json::from_str::<Batch>(event).unwrap().records
    }

    fn unreadable(body: &str, attributes: Vec<Attribute>) -> Letter {
        Letter::from_queue(body.to_owned(), attributes)
    }

    fn set_aside(record: &str) -> Letter {
        Letter::Unreadable {
            body: record.to_owned(),
            attributes: Vec::new(),
            reason: "the record that Lambda made of it has no text".to_owned(),
        }
    }

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
        let attributes = vec![Attribute::string("event", "test"), Attribute::number("eventType", 16)];
        let expected = Record {
            message_id: "059f36b4-87a3-44ab-83d2-661975830a7d".to_owned(),
            receipt_handle: "AQEB".to_owned(),
            receives: 3,
            sent: Timestamp::from_millisecond(1_545_082_649_183).ok(),
            letter: unreadable("{}", attributes),
        };
        assert_eq!(records(event), Some(vec![expected]));
    }

    #[test]
    fn what_is_odd_about_a_record_costs_that_record() {
        let good = r#"{"messageId":"1","body":"{}","messageAttributes":{"printbell":{"stringValue":"x","dataType":"String"}}}"#;
        let kind = || vec![Attribute::string("printbell", "x")];
        for odd in [
            "null",
            "7",
            "\"text\"",
            "[]",
            "{}",
            r#"{"messageId":"0"}"#,
            r#"{"body":null}"#,
            r#"{"body":""}"#,
            r#"{"body":{"a": 1}}"#,
            r#"{"body":7,"messageAttributes":{"printbell":{"stringValue":"notification","dataType":"String"}}}"#,
            r#"{"body":"\ud800"}"#,
        ] {
            let read = records(&format!(r#"{{"Records":[{odd},{good}]}}"#)).unwrap();
            assert_eq!(
                (read.len(), &read[0].letter, &read[1].letter),
                (2, &set_aside(odd), &unreadable("{}", kind()))
            );
            assert_eq!(read[1].message_id, "1");
        }
    }

    #[test]
    fn members_of_another_type_are_absent_or_taken_for_what_they_say() {
        let one = |members: &str| records(&format!(r#"{{"Records":[{{{members}}}]}}"#)).unwrap().remove(0);
        for (json, id) in [
            ("\"a\"", "a"),
            ("7", "7"),
            ("null", ""),
            ("true", ""),
            ("[]", ""),
            ("{}", ""),
        ] {
            let record = one(&format!(r#""body":"x","messageId":{json},"receiptHandle":{json}"#));
            assert_eq!(
                (record.message_id.as_str(), record.receipt_handle.as_str()),
                (id, id),
                "{json}"
            );
        }
        for (json, receives) in [
            (r#"{"ApproximateReceiveCount":"7"}"#, 7),
            (r#"{"ApproximateReceiveCount":7.0}"#, 7),
            (r#"{"ApproximateReceiveCount":-7}"#, 1),
            (r#"{"ApproximateReceiveCount":99999999999}"#, 1),
            (r#"{"ApproximateReceiveCount":{}}"#, 1),
            ("null", 1),
            ("[]", 1),
            ("7", 1),
        ] {
            assert_eq!(
                one(&format!(r#""body":"x","attributes":{json}"#)).receives,
                receives,
                "{json}"
            );
        }
        let number = || vec![Attribute::number("n", 1)];
        for (json, expected) in [
            (r#"{"n":{"stringValue":"1","dataType":"Number"},"o":null}"#, number()),
            (r#"{"o":7,"n":{"stringValue":"1","dataType":"Number"}}"#, number()),
            (r#"{"o":{"stringValue":1,"dataType":"Number"}}"#, Vec::new()),
            (r#"{"o":{"stringValue":"1","dataType":null}}"#, Vec::new()),
            (r#"{"o":{"stringValue":"1","dataType":""}}"#, Vec::new()),
            (r#"{"o":{"stringValue":"","dataType":"String"}}"#, Vec::new()),
            (r#"{"\ud800":{"stringValue":"1","dataType":"String"}}"#, Vec::new()),
            ("null", Vec::new()),
            ("[1]", Vec::new()),
            ("\"n\"", Vec::new()),
        ] {
            let record = one(&format!(r#""body":"x","messageAttributes":{json}"#));
            assert_eq!(record.letter, unreadable("x", expected), "{json}");
        }
    }

    #[test]
    fn an_event_of_another_kind_is_no_batch() {
        for event in [
            r#"{"key1":"value1"}"#,
            r#"{"Records":null}"#,
            r#"{"Records":7}"#,
            r#"{"Records":{"0":{}}}"#,
            r#"{"records":[]}"#,
            "null",
            "[]",
            "7",
        ] {
            assert_eq!(records(event), None, "{event}");
        }
        assert_eq!(records(r#"{"Records":[]}"#), Some(Vec::new()));
    }
}

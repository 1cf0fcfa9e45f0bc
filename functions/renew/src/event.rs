//! What the function is invoked with.

use printbell_adapters::dynamodb::cursor::Cursor;
use printbell_shared::id::TenantId;
use printbell_shared::registration::sweep::{SweepScope, SweepStatuses};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Renew what is due: the schedule's `{"run": {}}`, or `{}`.
    Run,
    /// Apply registrations again: `{"reapply": {…}}`, by hand.
    Reapply(SweepScope),
    /// Retire a key: `{"retire": {"keyId": "…"}}`, by hand.
    Retire(Retire),
    /// An alarm has changed its state: CloudWatch's event.
    Alarm(AlarmChange),
    /// Make the table `State` again from the registrations: `{"rebuild": {}}`, by hand.
    Rebuild(Rebuild),
    /// Rows that a person wrote: `{"Records": […]}`, from the table's stream.
    Adopt(Records),
}

/// What an alarm has changed to, which is made for callbacks that fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmChange {
    /// From `ALARM` to `OK`: callbacks had failed, and do no more.
    Recovery,
    /// Anything else, such as the first `OK` of a new alarm.
    Other,
}

/// Records of the table's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// The rows that they name.
    pub rows: Vec<RawKey>,
    /// How many of them name no row.
    pub odd: u64,
}

/// Which registrations to apply again. `{}` is all that are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawReapply {
    /// This tenant's only.
    #[serde(default, deserialize_with = "text::deserialize")]
    tenant_id: Option<TenantId>,
    /// Those with this status only.
    #[serde(default)]
    status: Option<ReappliedStatus>,
}

/// The statuses that can be asked for by themselves: what is wanted is applied again with everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ReappliedStatus {
    Revoked,
}

impl From<RawReapply> for SweepScope {
    fn from(reapply: RawReapply) -> Self {
        Self {
            tenant: reapply.tenant_id,
            statuses: match reapply.status {
                None => SweepStatuses::Wanted,
                Some(ReappliedStatus::Revoked) => SweepStatuses::Revoked,
            },
        }
    }
}

/// Which key to retire.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retire {
    /// The first 8 characters of its version's id, as tokens name it.
    pub key_id: String,
    /// Even while webhooks bear it: their callbacks are refused until they are set again.
    #[serde(default)]
    pub force: bool,
}

/// How far the table `State` is made again. `{}` is from the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rebuild {
    /// Go on where an earlier invocation ended.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text")]
    pub after: Option<Cursor>,
}

/// The key of a row in the table's stream, whatever it is: rows that are written by hand may break every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawKey {
    /// `tenantId`.
    pub tenant: String,
    /// `printerRef`.
    pub printer: String,
}

/// What is said of any other event. Nothing of it is quoted: a record holds a whole row, token and all.
const ACCEPTED: &str = r#"this event is not understood, and nothing was done; send {"run": {}}, {"reapply": {…}}, {"retire": {"keyId": "…"}}, {"rebuild": {}}, an alarm's event or the table's {"Records": […]}"#;

/// The same of what is sent by hand: whoever mistakes one thing for another may have pasted a token.
const REAPPLY: &str = r#"reapply takes tenantId (1 to 64 characters of A-Z a-z 0-9 . _ ~ -) and status ("revoked"), each if wanted, and nothing was done"#;
const RETIRE: &str =
    "retire takes keyId (the first 8 characters of a version's id) and, if wanted, force (true), and nothing was done";
const REBUILD: &str = "rebuild takes after (what an earlier answer gave), if wanted, and nothing was done";

/// Where the event comes from that an alarm sends as its action (CloudWatch's User Guide, "Using Amazon CloudWatch alarms": "Lambda
/// as an alarm action").
const ALARMS: &str = "aws.cloudwatch";

/// Where the records come from that the table's stream tells.
const TABLE_STREAM: &str = "aws:dynamodb";

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Object(event) = Value::deserialize(deserializer)? else {
            return Err(D::Error::custom(ACCEPTED));
        };
        let mut members = event.iter();
        match (members.next(), members.next()) {
            (None, _) => Ok(Self::Run),
            (Some((name, Value::Object(run))), None) if name == "run" && run.is_empty() => Ok(Self::Run),
            // As a list it would be read in order, and an empty one as all of them.
            (Some((name, reapply)), None) if name == "reapply" && reapply.is_object() => {
                RawReapply::deserialize(reapply)
                    .map(|reapply| Self::Reapply(reapply.into()))
                    .map_err(|_| D::Error::custom(REAPPLY))
            }
            (Some((name, retire)), None) if name == "retire" && retire.is_object() => Retire::deserialize(retire)
                .map(Self::Retire)
                .map_err(|_| D::Error::custom(RETIRE)),
            (Some((name, rebuild)), None) if name == "rebuild" && rebuild.is_object() => Rebuild::deserialize(rebuild)
                .map(Self::Rebuild)
                .map_err(|_| D::Error::custom(REBUILD)),
            (Some((name, Value::Array(records))), None) if name == "Records" => {
                let records = Records::read(records).ok_or(ACCEPTED);
                records.map(Self::Adopt).map_err(D::Error::custom)
            }
            _ => AlarmChange::read(&event)
                .map(Self::Alarm)
                .ok_or(D::Error::custom(ACCEPTED)),
        }
    }
}

impl AlarmChange {
    /// `None`: it is no alarm's event.
    fn read(event: &Map<String, Value>) -> Option<Self> {
        if event.get("source")? != ALARMS {
            return None;
        }
        let state = |name: &str| event.get("alarmData")?.get(name)?.get("value")?.as_str();
        Some(match (state("previousState"), state("state")?) {
            (Some("ALARM"), "OK") => Self::Recovery,
            _ => Self::Other,
        })
    }
}

impl Records {
    /// `None`: at least one comes from somewhere else. What else is odd about a record costs that record.
    fn read(records: &[Value]) -> Option<Self> {
        if !records.iter().all(is_from_the_table) {
            return None;
        }
        let key = |record: &Value| {
            let key = |name: &str| record["dynamodb"]["Keys"][name]["S"].as_str().map(str::to_owned);
            Some(RawKey {
                tenant: key("tenantId")?,
                printer: key("printerRef")?,
            })
        };
        let rows: Vec<_> = records.iter().filter_map(key).collect();
        let odd = (records.len() - rows.len()) as u64;
        Some(Self { rows, odd })
    }
}

/// Whether a record doesn't say that it is from somewhere else. (SNS spells it `EventSource`.)
fn is_from_the_table(record: &Value) -> bool {
    let sources = ["eventSource", "EventSource"].map(|name| record.get(name));
    sources.into_iter().flatten().all(|source| source == TABLE_STREAM)
}

/// Values that are told as text.
mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Some).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(event: Value) -> Result<Event, String> {
        serde_json::from_value(event).map_err(|error| error.to_string())
    }

    #[test]
    fn the_schedule_s_event_and_an_empty_one_are_a_run() {
        for event in [json!({}), json!({"run": {}})] {
            assert_eq!(read(event), Ok(Event::Run));
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_and_never_a_run() {
        let sns = json!({"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Message": "secret"}});
        let row = json!({"dynamodb": {"Keys": {"tenantId": {"S": "a"}, "printerRef": {"S": "p"}}}});
        let of = |source: Value| {
            let mut record = row.clone();
            record["eventSource"] = source;
            json!({"Records": [row, record]})
        };
        for event in [
            json!(null),
            json!(true),
            json!(0),
            json!(""),
            json!("run"),
            json!("{}"),
            json!(r#"{"run":{}}"#),
            json!([]),
            json!([{}]),
            json!([{"run": {}}]),
            json!({"run": null}),
            json!({"run": true}),
            json!({"run": []}),
            json!({"run": "secret"}),
            json!({"run": {"x": 1}}),
            json!({"Run": {}}),
            json!({"": {}}),
            json!({"secret": {}}),
            json!({"rerun": {}}),
            json!({"Reapply": {}}),
            json!({"reapply": null}),
            json!({"reapply": "all"}),
            json!({"reapply": []}),
            json!({"reapply": ["abc"]}),
            json!({"records": []}),
            json!({"retire": null}),
            json!({"retire": "0a1b2c3d"}),
            // Two of them together, or one with something else.
            json!({"run": {}, "reapply": {}}),
            json!({"run": {}, "Records": []}),
            json!({"reapply": {}, "Records": []}),
            json!({"run": {}, "secret": 1}),
            json!({"reapply": {}, "secret": 1}),
            json!({"Records": [], "secret": 1}),
            // Others' events.
            json!({"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}),
            json!({"version": "0", "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch",
                   "detail": {"alarmName": "secret", "state": {"value": "OK"}}}),
            json!({"source": "aws.cloudwatch", "alarmArn": "arn:aws:cloudwatch:…", "alarmData": {"alarmName": "secret"}}),
            json!({"version": "2.0", "routeKey": "GET /", "rawPath": "/", "headers": {}, "requestContext": {}}),
            of(json!("aws:sqs")),
            of(json!("aws:s3")),
            of(json!("aws:kinesis")),
            of(json!("AWS:DynamoDB")),
            of(json!("")),
            of(json!(null)),
            of(json!(["aws:dynamodb"])),
            json!({"Records": [sns]}),
            // No list of records.
            json!({"Records": null}),
            json!({"Records": {}}),
            json!({"Records": "secret"}),
            json!({"Records": row}),
        ] {
            assert_eq!(read(event.clone()), Err(ACCEPTED.to_owned()), "{event}");
        }
    }

    #[test]
    fn a_reapplication_is_for_all_or_for_a_tenant_or_for_what_is_revoked() {
        let of = |tenant: &str, statuses| {
            Ok(Event::Reapply(SweepScope {
                tenant: tenant.parse().ok(),
                statuses,
            }))
        };
        for (reapply, scope) in [
            (json!({}), of("", SweepStatuses::Wanted)),
            (json!({"tenantId": "abc"}), of("abc", SweepStatuses::Wanted)),
            (json!({"status": "revoked"}), of("", SweepStatuses::Revoked)),
            (
                json!({"tenantId": "abc", "status": "revoked"}),
                of("abc", SweepStatuses::Revoked),
            ),
        ] {
            assert_eq!(read(json!({"reapply": reapply})), scope);
        }
    }

    #[test]
    fn what_is_not_understood_of_an_event_by_hand_does_nothing() {
        for (event, reason) in [
            (json!({"reapply": {"tenant": "abc"}}), REAPPLY),
            (json!({"reapply": {"tenantId": "a b"}}), REAPPLY),
            (json!({"reapply": {"tenantId": {"appToken": "secret"}}}), REAPPLY),
            (json!({"reapply": {"status": "secret"}}), REAPPLY),
            (json!({"reapply": {"after": "WyJhYmMiLCJwMSJd"}}), REAPPLY),
            (json!({"retire": {}}), RETIRE),
            (json!({"retire": {"keyId": 7}}), RETIRE),
            (json!({"retire": {"keyId": "0a1b2c3d", "force": "secret"}}), RETIRE),
            (json!({"retire": {"keyId": "0a1b2c3d", "secret": true}}), RETIRE),
            (json!({"rebuild": {"after": "secret"}}), REBUILD),
            (json!({"rebuild": {"secret": 1}}), REBUILD),
        ] {
            assert_eq!(read(event), Err(reason.to_owned()));
        }
    }

    #[test]
    fn a_key_is_retired_by_its_id() {
        let retire = |force| {
            Ok(Event::Retire(Retire {
                key_id: "0a1b2c3d".to_owned(),
                force,
            }))
        };
        assert_eq!(read(json!({"retire": {"keyId": "0a1b2c3d"}})), retire(false));
        assert_eq!(
            read(json!({"retire": {"keyId": "0a1b2c3d", "force": true}})),
            retire(true)
        );
    }

    #[test]
    fn an_alarm_asks_for_something_only_when_callbacks_work_again() {
        let alarm = |previous: Value, state: &str| {
            json!({
                "source": "aws.cloudwatch",
                "alarmArn": "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:CallbacksFailing",
                "accountId": "123456789012", "time": "2026-11-26T08:00:00.000+0000", "region": "eu-central-1",
                "alarmData": {
                    "alarmName": "CallbacksFailing",
                    "state": {"value": state, "reason": "…", "timestamp": "2026-11-26T08:00:00.000+0000"},
                    "previousState": previous,
                    "configuration": {"metrics": []},
                },
            })
        };
        for (previous, state, change) in [
            (json!({"value": "ALARM"}), "OK", AlarmChange::Recovery),
            (json!({"value": "INSUFFICIENT_DATA"}), "OK", AlarmChange::Other),
            (json!({"value": "OK"}), "ALARM", AlarmChange::Other),
            (json!({"value": "ALARM"}), "INSUFFICIENT_DATA", AlarmChange::Other),
            (json!(null), "OK", AlarmChange::Other),
        ] {
            assert_eq!(read(alarm(previous, state)), Ok(Event::Alarm(change)));
        }
    }

    #[test]
    fn a_record_of_the_stream_is_taken_by_its_key() {
        let image = json!({"tenantId": {"S": "a b"}, "printerRef": {"S": "p1"}, "appToken": {"S": "secret-token"}});
        let keys = json!({"tenantId": {"S": "a b"}, "printerRef": {"S": "p1"}});
        let record = json!({"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": {"Keys": keys, "NewImage": image}});
        let key = RawKey {
            tenant: "a b".to_owned(),
            printer: "p1".to_owned(),
        };
        let adopted = |odd| {
            Ok(Event::Adopt(Records {
                rows: vec![key.clone()],
                odd,
            }))
        };
        assert_eq!(read(json!({"Records": [record]})), adopted(0));
        // What is odd about a record costs that record.
        let odd = json!([
            null, 7, "text", [], {}, {"dynamodb": {"NewImage": image}}, {"dynamodb": 7}, {"dynamodb": {"Keys": []}},
            {"dynamodb": {"Keys": {"tenantId": {"N": "1"}, "printerRef": {"S": "p1"}}}},
            {"dynamodb": {"Keys": {"tenantId": {"S": "t"}, "printerRef": {"S": null}}}},
            {"dynamodb": {"Keys": {"tenantId": "t", "printerRef": "p1"}}},
        ]);
        for odd in odd.as_array().unwrap() {
            assert_eq!(read(json!({"Records": [odd, record, odd]})), adopted(2), "{odd}");
        }
        let nothing = Records {
            rows: Vec::new(),
            odd: 0,
        };
        assert_eq!(read(json!({"Records": []})), Ok(Event::Adopt(nothing)));
    }
}

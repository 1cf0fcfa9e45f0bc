//! What the function is invoked with.

use printbell_adapters::dynamodb::cursor::Cursor;
use printbell_shared::id::TenantId;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Renew what is due: the schedule's event, and any other that names nothing else to do.
    Run,
    /// Make registrations due again: `{"reapply": {…}}`, by hand.
    Reapply(Reapply),
    /// Rows that a person wrote: `{"Records": […]}`, from the table's stream.
    Adopt(Records),
}

/// Records of the table's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// The rows that they name.
    pub rows: Vec<RawKey>,
    /// How many of them name no row.
    pub odd: u64,
}

/// Which registrations to apply again. `{}` is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reapply {
    /// This tenant's only.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text")]
    pub tenant_id: Option<TenantId>,
    /// Go on where an earlier invocation ended.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text")]
    pub after: Option<Cursor>,
    /// When the first registration is due again; now, unless this goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<jiff::Timestamp>,
}

/// The key of a row in the table's stream, whatever it is: rows that are written by hand may break every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawKey {
    /// `tenantId`.
    pub tenant: String,
    /// `printerRef`.
    pub printer: String,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = Option::<Map<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
        if let Some(reapply) = event.get("reapply") {
            let reapply = Reapply::deserialize(reapply);
            return reapply
                .map(Self::Reapply)
                .map_err(|error| D::Error::custom(format!("reapply: {error}")));
        }
        let Some(Value::Array(records)) = event.get("Records") else {
            return Ok(Self::Run);
        };
        // No record is ever quoted: it holds a whole row, token and all.
        let key = |record: &Value| {
            let key = |name: &str| record["dynamodb"]["Keys"][name]["S"].as_str().map(str::to_owned);
            Some(RawKey {
                tenant: key("tenantId")?,
                printer: key("printerRef")?,
            })
        };
        let rows: Vec<_> = records.iter().filter_map(key).collect();
        let odd = (records.len() - rows.len()) as u64;
        Ok(Self::Adopt(Records { rows, odd }))
    }
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
    fn everything_that_names_nothing_else_is_a_run() {
        let schedule =
            json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": "{}"});
        for event in [json!({}), json!(null), schedule] {
            assert_eq!(read(event), Ok(Event::Run));
        }
    }

    #[test]
    fn a_reapplication_is_for_all_or_for_a_tenant() {
        assert_eq!(read(json!({"reapply": {}})), Ok(Event::Reapply(Reapply::default())));
        let tenant = Reapply {
            tenant_id: "abc".parse().ok(),
            ..Reapply::default()
        };
        assert_eq!(
            read(json!({"reapply": {"tenantId": "abc"}})),
            Ok(Event::Reapply(tenant))
        );
    }

    #[test]
    fn a_reapplication_that_is_not_understood_does_nothing() {
        for (reapply, reason) in [
            (json!({"tenant": "abc"}), "reapply: unknown field `tenant`"),
            (json!({"tenantId": "a b"}), "reapply: must be 1 to 64 characters"),
            (json!({"after": "?"}), "reapply: must be the `next`"),
            (json!("all"), "reapply: invalid type"),
        ] {
            let error = read(json!({"reapply": reapply})).unwrap_err();
            assert!(error.starts_with(reason), "{error}");
        }
    }

    #[test]
    fn what_goes_on_says_so_in_the_words_of_an_event() {
        let going_on = Reapply {
            tenant_id: "abc".parse().ok(),
            after: "WyJhYmMiLCJwMSJd".parse().ok(),
            from: "2026-11-24T10:00:00Z".parse().ok(),
        };
        assert_eq!(read(json!({"reapply": going_on})), Ok(Event::Reapply(going_on)));
    }

    #[test]
    fn a_record_of_the_stream_is_taken_by_its_key() {
        let image = json!({"tenantId": {"S": "a b"}, "printerRef": {"S": "p1"}, "appToken": {"S": "secret-token"}});
        let keys = json!({"tenantId": {"S": "a b"}, "printerRef": {"S": "p1"}});
        let record = json!({"eventName": "INSERT", "dynamodb": {"Keys": keys, "NewImage": image}});
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

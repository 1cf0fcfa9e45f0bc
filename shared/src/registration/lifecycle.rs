//! What the topic is told when a registration changes its status: `dev.printbell.registration.{active,suspended,lapsed,revoked,replaced,refused}`.
//!
//! The change is written to the row before it is published ([`StatusChange`]), so it is published at
//! least once, and a repeat has the same id.

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::id::{PrinterRef, TenantId};
use crate::notification::cloud_event::CloudEvent;
use crate::notification::event::Severity;
use crate::notification::message::{Attribute, Message};
use crate::registration::Registration;
use crate::registration::renewal::{EpochSeconds, News, StatusChange};

/// What the `type` of a lifecycle event begins with.
const TYPE_PREFIX: &str = "dev.printbell.";

/// The event's data: the registration as it became.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    tenant_id: &'a TenantId,
    printer_ref: &'a PrinterRef,
    status: &'static str,
    renewed_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    last_error: Option<&'a str>,
}

impl Message {
    /// The message for a change of a registration's status.
    pub fn for_status_change(row: &Registration, status_change: &StatusChange) -> Self {
        let news = status_change.news.as_str();
        let event = format!("registration.{news}");
        let id = status_change_id(row, status_change);
        let data = serde_json::to_string(&Data {
            tenant_id: &row.key.tenant,
            printer_ref: &row.key.printer,
            status: news,
            renewed_at: row.renewal.renewed_at.map(EpochSeconds::to_timestamp),
            expires_at: row.renewal.expires_at().map(EpochSeconds::to_timestamp),
            last_error: row.last_error.as_ref().map(|error| error.message.as_str()),
        })
        .unwrap_or_default(); // strings and times: can't fail
        let cloud_event = CloudEvent {
            id: &id,
            source: &format!("/registrations/{}", row.key),
            kind: &format!("{TYPE_PREFIX}{event}"),
            subject: None,
            time: status_change.at.to_timestamp(),
            registration: &row.key,
            outcome: None,
            metadata: &row.wish.metadata,
        };
        Self {
            body: cloud_event.to_json(data.len(), |json| json.push_str(&data)),
            attributes: vec![
                Attribute::string("tenantId", row.key.tenant.as_str()),
                Attribute::string("printerRef", row.key.printer.as_str()),
                Attribute::string("event", event),
                Attribute::string("severity", severity(status_change.news).as_str()),
            ],
            id,
        }
    }
}

/// A revoked or lapsed registration gets no more notifications until somebody does something; a suspended one may come back by
/// itself, and what was refused is only a change.
fn severity(news: News) -> Severity {
    match news {
        News::Revoked | News::Lapsed => Severity::Failure,
        News::Suspended | News::Refused => Severity::Attention,
        News::Active | News::Replaced => Severity::Info,
    }
}

/// The same for each repeat of one announcement: the first 128 bits of a hash of whose it is, what it says, and of when.
fn status_change_id(row: &Registration, status_change: &StatusChange) -> String {
    let hash = Sha256::new()
        .chain_update(row.key.to_bytes())
        .chain_update([0])
        .chain_update(status_change.news.as_str())
        .chain_update([0])
        .chain_update(status_change.at.0.to_be_bytes())
        .finalize();
    hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Metadata;
    use crate::registration::LastError;
    use crate::registration::app_connection::AppConnection;
    use crate::registration::renewal::Renewal;
    use crate::registration::wish::{EventFilter, Wish};

    const REVOKED: StatusChange = StatusChange {
        news: News::Revoked,
        at: EpochSeconds(1_795_514_400),
        due: EpochSeconds(1_795_514_400),
    };

    fn registration() -> Registration {
        let mut metadata = Metadata::default();
        metadata.insert("room", "lab").unwrap();
        let key = crate::id::RegistrationKey {
            tenant: "abc123".parse().unwrap(),
            printer: "p42".parse().unwrap(),
        };
        Registration {
            wish: Wish {
                connection: Some(AppConnection {
                    token: secrecy::SecretString::from("the-app-token").try_into().unwrap(),
                    id: None,
                }),
                events: EventFilter::default(),
                metadata,
            },
            renewal: Renewal {
                renewed_at: Some(EpochSeconds(1_779_962_400)),
                ..Renewal::default()
            },
            last_error: Some(LastError {
                at: REVOKED.at,
                code: Some(604),
                message: "OctoEverywhere answered 604".to_owned(),
            }),
            ..Registration::empty(&key)
        }
    }

    #[test]
    fn the_message_is_the_contract_s_and_holds_no_token() {
        let message = Message::for_status_change(&registration(), &REVOKED);
        insta::assert_snapshot!(message.body);
        let attributes: Vec<_> = message.attributes.iter().map(|a| (&*a.name, &*a.value)).collect();
        assert_eq!(
            attributes,
            [
                ("tenantId", "abc123"),
                ("printerRef", "p42"),
                ("event", "registration.revoked"),
                ("severity", "failure")
            ]
        );
        assert!(!format!("{message:?}").contains("the-app-token"));
    }

    #[test]
    fn a_repeat_has_the_same_id_and_another_change_has_another() {
        let row = registration();
        let id = |status_change| Message::for_status_change(&row, &status_change).id;
        assert_eq!(id(REVOKED), id(REVOKED));
        let later = StatusChange {
            at: REVOKED.at + jiff::SignedDuration::from_secs(1),
            ..REVOKED
        };
        let active = StatusChange {
            news: News::Active,
            ..REVOKED
        };
        assert!(id(later) != id(REVOKED) && id(active) != id(REVOKED) && id(active) != id(later));
    }
}

//! A [`Registration`] as a DynamoDB item, and back.
//!
//! What is read may have been written by hand, so only the key and the token have to be there. What is there has to be
//! understood: a row that says something else than this version knows is left alone.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use printbell_shared::id::RegistrationKey;
use printbell_shared::metadata::Metadata;
use printbell_shared::registration::renewal::{EpochSeconds, KeyHash, Lease, Refusals, Renewal, Status, StatusChange};
use printbell_shared::registration::wish::{AppToken, EventFilter, Wish};
use printbell_shared::registration::{LastError, Registration};
use secrecy::SecretString;
use thiserror::Error;

use crate::dynamodb::fields::Fields;
use crate::dynamodb::value::{Item, map, number, string};

pub(super) const TENANT_ID: &str = "tenantId";
pub(super) const PRINTER_REF: &str = "printerRef";
pub(super) const REVISION: &str = "revision";
pub(super) const STATUS: &str = "status";

/// A row that this version can't read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the row {key} can't be read: {reason}; correct it, or remove it and register the printer again")]
pub struct Unreadable {
    /// Its `tenantId/printerRef`, as far as it has any.
    pub key: String,
    /// What was not understood. Never a value.
    pub reason: String,
}

/// Every attribute that this version knows, the key apart, with its value.
pub(super) fn attributes(row: &Registration) -> Vec<(&'static str, Option<AttributeValue>)> {
    let renewal = &row.renewal;
    let index = renewal.index();
    let time = |time: Option<EpochSeconds>| time.map(|time| number(time.0));
    // `dueAt` says when it is due, unless a lease or an announcement has put it elsewhere in the index.
    let is_elsewhere = renewal.lease.is_some() || renewal.status_change.is_some();
    let [token, events, metadata] = wish(&row.wish);
    vec![
        token,
        events,
        metadata,
        (
            "previous",
            row.previous.as_ref().zip(renewal.previous_status).map(previous),
        ),
        (STATUS, Some(string(renewal.status.as_str()))),
        (REVISION, Some(number(renewal.revision))),
        ("version", Some(number(renewal.version))),
        ("applied", renewal.applied.map(number)),
        ("dueAt", time(index)),
        ("dueShard", index.map(|_| number(KeyHash::from(&row.key).shard()))),
        ("nextDueAt", time(renewal.due.filter(|_| is_elsewhere))),
        (
            "lease",
            renewal
                .lease
                .map(|lease| map([("id", number(lease.id)), ("until", number(lease.until.0))])),
        ),
        ("attempts", Some(number(renewal.attempts))),
        (
            "refusals",
            renewal
                .refusals
                .map(|refusals| map([("count", number(refusals.count)), ("first", number(refusals.first.0))])),
        ),
        ("renewedAt", time(renewal.renewed_at)),
        ("expiresAt", time(renewal.expires_at())),
        (
            "announcement",
            renewal
                .status_change
                .map(|change| map([("status", string(change.status.as_str())), ("at", number(change.at.0))])),
        ),
        ("reapplyAt", time(renewal.reapply)),
        ("createdAt", time(row.created_at.map(EpochSeconds::from))),
        ("lastError", row.last_error.as_ref().map(last_error)),
    ]
}

fn wish(wish: &Wish) -> [(&'static str, Option<AttributeValue>); 3] {
    let events = wish.events.types().iter().map(|event| number(*event)).collect();
    let metadata = wish
        .metadata
        .iter()
        .map(|(name, value)| (name.to_owned(), string(value)));
    [
        ("appToken", Some(string(wish.token.expose()))),
        ("eventTypes", Some(AttributeValue::L(events))),
        ("metadata", Some(AttributeValue::M(metadata.collect()))),
    ]
}

fn previous((previous, status): (&Wish, Status)) -> AttributeValue {
    let wish = wish(previous)
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    map(wish.chain([(STATUS, string(status.as_str()))]))
}

fn last_error(error: &LastError) -> AttributeValue {
    let code = error.code.map(|code| ("code", number(code)));
    let rest = [("at", number(error.at.0)), ("message", string(&error.message))];
    map(code.into_iter().chain(rest))
}

/// The table's key.
pub(super) fn key(key: &RegistrationKey) -> Item {
    key_of(key.tenant.as_str(), key.printer.as_str())
}

pub(super) fn key_of(tenant: &str, printer: &str) -> Item {
    HashMap::from([
        (TENANT_ID.to_owned(), string(tenant)),
        (PRINTER_REF.to_owned(), string(printer)),
    ])
}

/// The key of an item, which the index has too.
pub(super) fn read_key(item: &Item) -> Result<RegistrationKey, Unreadable> {
    let row = Fields(item);
    let read = || -> Result<RegistrationKey, String> {
        Ok(RegistrationKey {
            tenant: row.parsed(TENANT_ID)?,
            printer: row.parsed(PRINTER_REF)?,
        })
    };
    read().map_err(|reason| unreadable(item, reason))
}

/// The registration that an item of the table is.
pub(super) fn read(item: &Item) -> Result<Registration, Unreadable> {
    let key = read_key(item)?;
    read_row(key, Fields(item)).map_err(|reason| unreadable(item, reason))
}

fn unreadable(item: &Item, reason: String) -> Unreadable {
    let part = |name| {
        item.get(name)
            .and_then(|value| value.as_s().ok())
            .map_or("?", String::as_str)
    };
    Unreadable {
        key: format!("{}/{}", part(TENANT_ID), part(PRINTER_REF)),
        reason,
    }
}

fn read_row(key: RegistrationKey, row: Fields<'_>) -> Result<Registration, String> {
    let default = Renewal::default();
    let lease = row.map("lease", |lease| {
        Ok(Lease {
            id: lease.required("id")?,
            until: required_time(lease, "until")?,
        })
    })?;
    let status_change = row.map("announcement", |change| {
        Ok(StatusChange {
            status: required_status(change)?,
            at: required_time(change, "at")?,
        })
    })?;
    let refusals = row.map("refusals", |refusals| {
        Ok(Refusals {
            count: refusals.required("count")?,
            first: required_time(refusals, "first")?,
        })
    })?;
    let previous = row.map("previous", |previous| {
        Ok((read_wish(previous)?, required_status(previous)?))
    })?;
    let is_elsewhere = lease.is_some() || status_change.is_some();
    let due = time(row, if is_elsewhere { "nextDueAt" } else { "dueAt" })?;
    let (previous, previous_status) = previous.unzip();
    Ok(Registration {
        wish: read_wish(row)?,
        previous,
        renewal: Renewal {
            status: status(row)?.unwrap_or(default.status),
            revision: row.number(REVISION)?.unwrap_or(default.revision),
            version: row.number("version")?.unwrap_or(default.version),
            applied: row.number("applied")?,
            due,
            lease,
            attempts: row.number("attempts")?.unwrap_or(default.attempts),
            refusals,
            renewed_at: time(row, "renewedAt")?,
            previous_status,
            status_change,
            reapply: time(row, "reapplyAt")?,
        },
        created_at: time(row, "createdAt")?.map(EpochSeconds::to_timestamp),
        last_error: row.map("lastError", |error| {
            Ok(LastError {
                at: required_time(error, "at")?,
                code: error.number("code")?,
                message: error.text("message")?.unwrap_or_default().to_owned(),
            })
        })?,
        key,
    })
}

fn time(row: Fields<'_>, name: &str) -> Result<Option<EpochSeconds>, String> {
    Ok(row.number(name)?.map(EpochSeconds))
}

fn required_time(row: Fields<'_>, name: &str) -> Result<EpochSeconds, String> {
    row.required(name).map(EpochSeconds)
}

fn status(row: Fields<'_>) -> Result<Option<Status>, String> {
    let word = row.text(STATUS)?;
    word.map(|word| Status::parse(word).ok_or_else(|| "status is not one that this version knows".to_owned()))
        .transpose()
}

fn required_status(row: Fields<'_>) -> Result<Status, String> {
    status(row)?.ok_or_else(|| "status is missing".to_owned())
}

fn read_wish(row: Fields<'_>) -> Result<Wish, String> {
    let token = row.text("appToken")?.ok_or("appToken is missing")?;
    let token = AppToken::try_from(SecretString::from(token)).map_err(|rule| format!("appToken {rule}"))?;
    let events = row.get("eventTypes").map_or(Some(Vec::new()), event_types);
    let events = events.ok_or("eventTypes is not a list or set of numbers")?;
    let mut metadata = Metadata::default();
    if let Some(map) = row.get("metadata") {
        for (name, value) in map.as_m().map_err(|_| "metadata is not a map")? {
            let value = value.as_s().map_err(|_| format!("metadata/{name} is not a string"))?;
            metadata
                .insert(name, value)
                .map_err(|rule| format!("metadata/{name}: {rule}"))?;
        }
    }
    Ok(Wish {
        token,
        events: EventFilter::new(events).map_err(|rule| format!("eventTypes {rule}"))?,
        metadata,
    })
}

fn event_types(value: &AttributeValue) -> Option<Vec<i64>> {
    match value {
        AttributeValue::L(list) => list.iter().map(|value| value.as_n().ok()?.parse().ok()).collect(),
        AttributeValue::Ns(set) => set.iter().map(|number| number.parse().ok()).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

//! A [`Registration`] as a DynamoDB item, and back.
//!
//! What is read may have been written by hand, so only the key and the token have to be there. What is there has to be
//! understood: a row that says something else than this version knows is left alone.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use printbell_shared::callback::key::VersionId;
use printbell_shared::id::RegistrationKey;
use printbell_shared::metadata::Metadata;
use printbell_shared::registration::app_connection::AppConnection;
use printbell_shared::registration::endpoint::Endpoint;
use printbell_shared::registration::renewal::{
    Clearing, EpochSeconds, ForeignLease, KeyHash, Lease, News, Refusals, Renewal, Status, StatusChange,
};
use printbell_shared::registration::tokens::{OldToken, Place, Taken};
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
pub(super) const EXPIRES_AT: &str = "expiresAt";
pub(super) const LAPSED_AT: &str = "lapsedAt";
pub(super) const DUE_AT: &str = "dueAt";
pub(super) const DUE_SHARD: &str = "dueShard";
const APP_TOKEN: &str = "appToken";

/// What is true in one table alone: who works on the row, and what its webhook calls.
pub(super) const OF_A_TABLE: [&str; 6] = [
    "lease",
    "foreignLease",
    "nextDueAt",
    "reapplyAt",
    "webhookUrl",
    "keyVersion",
];

/// What the attribute `clearing` says.
const CLEARING_IS_NEXT: &str = "next";
const CLEARING_NEEDS_SET: &str = "set";
/// What a taken token's `place` says.
const PLACE_PRESENT: &str = "present";
const PLACE_OTHER: &str = "other";

/// A row that this version can't read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the row {tenant}/{printer} can't be read: {reason}; PUT the registration again, or DELETE it")]
pub struct Unreadable {
    /// Its `tenantId`, as far as it has any.
    pub tenant: String,
    /// Its `printerRef`, as far as it has any.
    pub printer: String,
    /// What was not understood. Never a value.
    pub reason: String,
}

impl Unreadable {
    /// `tenantId/printerRef`, as registrations are named in the log.
    pub fn key(&self) -> String {
        format!("{}/{}", self.tenant, self.printer)
    }
}

/// Every attribute that this version knows, the key apart, with its value.
pub(super) fn attributes(row: &Registration) -> Vec<(&'static str, Option<AttributeValue>)> {
    let renewal = &row.renewal;
    let index = renewal.index();
    let time = |time: Option<EpochSeconds>| time.map(|time| number(time.0));
    let [token, connection, events, metadata] = wish(&row.wish);
    vec![
        token,
        connection,
        events,
        metadata,
        (
            "previous",
            row.previous.as_ref().map(|previous| present(wish(previous))),
        ),
        (
            "previousStatus",
            renewal.previous_status.map(|status| string(status.as_str())),
        ),
        ("oldTokens", list(row.old_tokens.iter().map(old_token))),
        ("takenFrom", list(row.taken.iter().map(taken))),
        (STATUS, Some(string(renewal.status.as_str()))),
        (REVISION, Some(number(renewal.revision))),
        ("version", Some(number(renewal.version))),
        ("applied", renewal.applied.map(number)),
        (DUE_AT, time(index)),
        (DUE_SHARD, index.map(|_| number(KeyHash::from(&row.key).shard()))),
        // `dueAt` says when it is due, unless it is elsewhere in the index.
        ("nextDueAt", time(renewal.due.filter(|_| renewal.is_elsewhere()))),
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
        (
            "webhookUrl",
            row.endpoint.as_ref().map(|endpoint| string(&endpoint.url)),
        ),
        (
            "keyVersion",
            row.endpoint.as_ref().map(|endpoint| string(endpoint.key.as_str())),
        ),
        ("renewedAt", time(renewal.renewed_at)),
        ("setAt", time(renewal.set_at)),
        (EXPIRES_AT, time(renewal.expires_at())),
        (LAPSED_AT, time(renewal.lapsed_at)),
        ("announcement", renewal.status_change.map(announcement)),
        ("foreignLease", renewal.foreign.map(foreign_lease)),
        ("clearing", clearing(renewal.clearing).map(string)),
        ("reapplyAt", time(renewal.reapply)),
        ("createdAt", time(row.created_at.map(EpochSeconds::from))),
        ("lastError", row.last_error.as_ref().map(last_error)),
    ]
}

fn wish(wish: &Wish) -> [(&'static str, Option<AttributeValue>); 4] {
    let events = wish.events.types().iter().map(|event| number(*event)).collect();
    let metadata = wish
        .metadata
        .iter()
        .map(|(name, value)| (name.to_owned(), string(value)));
    let [token, connection] = connection(wish.connection.as_ref());
    [
        token,
        connection,
        ("eventTypes", Some(AttributeValue::L(events))),
        ("metadata", Some(AttributeValue::M(metadata.collect()))),
    ]
}

fn connection(connection: Option<&AppConnection>) -> [(&'static str, Option<AttributeValue>); 2] {
    let id = connection.and_then(|connection| connection.id.as_ref());
    [
        (
            APP_TOKEN,
            connection.map(|connection| string(connection.token.expose())),
        ),
        ("connectionId", id.map(|id| string(id.as_str()))),
    ]
}

/// A map of the attributes that there are.
fn present(attributes: impl IntoIterator<Item = (&'static str, Option<AttributeValue>)>) -> AttributeValue {
    map(attributes.into_iter().filter_map(|(name, value)| Some((name, value?))))
}

/// A list, unless there is nothing in it.
fn list(items: impl Iterator<Item = AttributeValue>) -> Option<AttributeValue> {
    let items: Vec<_> = items.collect();
    (!items.is_empty()).then_some(AttributeValue::L(items))
}

fn old_token(old: &OldToken) -> AttributeValue {
    let expiry = (EXPIRES_AT, Some(number(old.expires_at.0)));
    present(connection(Some(&old.connection)).into_iter().chain([expiry]))
}

fn taken(taken: &Taken) -> AttributeValue {
    let place = match taken.place {
        Place::Present => PLACE_PRESENT,
        Place::Other => PLACE_OTHER,
    };
    let previous = taken
        .previous
        .as_ref()
        .map(|previous| present(connection(Some(previous))));
    let rest = [
        (TENANT_ID, Some(string(taken.from.tenant.as_str()))),
        (PRINTER_REF, Some(string(taken.from.printer.as_str()))),
        ("place", Some(string(place))),
        ("previous", previous),
        ("oldTokens", list(taken.old.iter().map(old_token))),
    ];
    present(connection(Some(&taken.connection)).into_iter().chain(rest))
}

fn announcement(change: StatusChange) -> AttributeValue {
    map([
        (STATUS, string(change.news.as_str())),
        ("at", number(change.at.0)),
        ("due", number(change.due.0)),
    ])
}

fn foreign_lease(lease: ForeignLease) -> AttributeValue {
    let origin = lease
        .origin
        .map(|(key, id)| [("key", number(key.0)), ("id", number(id))]);
    map(origin.into_iter().flatten().chain([("until", number(lease.until.0))]))
}

fn clearing(clearing: Clearing) -> Option<&'static str> {
    match clearing {
        Clearing::Rests => None,
        Clearing::IsNext => Some(CLEARING_IS_NEXT),
        Clearing::NeedsSet => Some(CLEARING_NEEDS_SET),
    }
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

/// The registration that an item was meant to be: what can't be read of it is as if it weren't there. Without a token that can
/// be read it is one that was replaced.
///
/// # Errors
/// When not even its key can be read.
pub(super) fn salvage(item: &Item) -> Result<Registration, Unreadable> {
    let key = read_key(item)?;
    let mut item = item.clone();
    loop {
        let reason = match read_row(key.clone(), Fields(&item)) {
            Ok(row) => return Ok(row),
            Err(reason) => reason,
        };
        // A reason begins with the attribute that it is about.
        let is_of_a_name = |c: char| !c.is_ascii_alphanumeric();
        let name = reason.split(is_of_a_name).next().unwrap_or_default();
        let is_there = item.remove(name).is_some();
        if name == APP_TOKEN {
            item.insert(STATUS.to_owned(), string(Status::Replaced.as_str()));
        } else if !is_there {
            return Err(unreadable(&item, reason));
        }
    }
}

fn unreadable(item: &Item, reason: String) -> Unreadable {
    let part = |name| {
        let text = item.get(name).and_then(|value| value.as_s().ok());
        text.map_or("?", String::as_str).to_owned()
    };
    Unreadable {
        tenant: part(TENANT_ID),
        printer: part(PRINTER_REF),
        reason,
    }
}

fn read_row(key: RegistrationKey, row: Fields<'_>) -> Result<Registration, String> {
    let default = Renewal::default();
    let old_tokens = read_list(row, "oldTokens", read_old_token)?;
    let status = status(row)?.unwrap_or(default.status);
    let mut renewal = Renewal {
        status,
        revision: row.number(REVISION)?.unwrap_or(default.revision),
        version: row.number("version")?.unwrap_or(default.version),
        applied: row.number("applied")?,
        due: None,
        lease: row.map("lease", |lease| {
            Ok(Lease {
                id: lease.required("id")?,
                until: required_time(lease, "until")?,
            })
        })?,
        attempts: row.number("attempts")?.unwrap_or(default.attempts),
        refusals: row.map("refusals", |refusals| {
            Ok(Refusals {
                count: refusals.required("count")?,
                first: required_time(refusals, "first")?,
            })
        })?,
        renewed_at: time(row, "renewedAt")?,
        set_at: time(row, "setAt")?,
        lapsed_at: time(row, LAPSED_AT)?,
        previous_status: read_word(row, "previousStatus", Status::parse)?,
        status_change: row.map("announcement", |change| {
            let at = required_time(change, "at")?;
            Ok(StatusChange {
                news: read_word(change, STATUS, News::parse)?.ok_or("status is missing")?,
                at,
                due: time(change, "due")?.unwrap_or(at),
            })
        })?,
        reapply: time(row, "reapplyAt")?,
        foreign: row.map("foreignLease", |lease| {
            let key = lease.number("key")?.map(KeyHash);
            Ok(ForeignLease {
                origin: key.zip(lease.number("id")?),
                until: required_time(lease, "until")?,
            })
        })?,
        old_tokens: u8::try_from(old_tokens.len()).map_err(|_| "oldTokens has too many")?,
        clearing: read_word(row, "clearing", read_clearing)?.unwrap_or_default(),
    };
    let due = if renewal.is_elsewhere() { "nextDueAt" } else { DUE_AT };
    renewal.due = time(row, due)?;
    let wish = read_wish(row)?;
    if wish.connection.is_none() && status != Status::Replaced {
        return Err("appToken is missing".to_owned());
    }
    Ok(Registration {
        wish,
        previous: row.map("previous", read_wish)?,
        old_tokens,
        taken: read_list(row, "takenFrom", read_taken)?,
        endpoint: endpoint(row)?,
        renewal,
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

/// Both are known, or neither.
fn endpoint(row: Fields<'_>) -> Result<Option<Endpoint>, String> {
    let url = row.text("webhookUrl")?.map(str::to_owned);
    let key = row.text("keyVersion")?.map(VersionId::from);
    Ok(url.zip(key).map(|(url, key)| Endpoint { url, key }))
}

fn read_clearing(word: &str) -> Option<Clearing> {
    match word {
        CLEARING_IS_NEXT => Some(Clearing::IsNext),
        CLEARING_NEEDS_SET => Some(Clearing::NeedsSet),
        _ => None,
    }
}

fn read_place(word: &str) -> Option<Place> {
    match word {
        PLACE_PRESENT => Some(Place::Present),
        PLACE_OTHER => Some(Place::Other),
        _ => None,
    }
}

fn read_connection(row: Fields<'_>) -> Result<Option<AppConnection>, String> {
    let Some(token) = row.text(APP_TOKEN)? else {
        return Ok(None);
    };
    let token = AppToken::try_from(SecretString::from(token)).map_err(|rule| format!("appToken {rule}"))?;
    let id = row.text("connectionId")?.map(str::parse).transpose();
    Ok(Some(AppConnection {
        token,
        id: id.map_err(|rule| format!("connectionId {rule}"))?,
    }))
}

fn required_connection(row: Fields<'_>) -> Result<AppConnection, String> {
    read_connection(row)?.ok_or_else(|| "appToken is missing".to_owned())
}

fn read_old_token(row: Fields<'_>) -> Result<OldToken, String> {
    Ok(OldToken {
        connection: required_connection(row)?,
        expires_at: required_time(row, EXPIRES_AT)?,
    })
}

fn read_taken(row: Fields<'_>) -> Result<Taken, String> {
    Ok(Taken {
        from: RegistrationKey {
            tenant: row.parsed(TENANT_ID)?,
            printer: row.parsed(PRINTER_REF)?,
        },
        connection: required_connection(row)?,
        place: read_word(row, "place", read_place)?.ok_or("place is missing")?,
        previous: row.map("previous", required_connection)?,
        old: read_list(row, "oldTokens", read_old_token)?,
    })
}

/// What `read` makes of each map in a list; nothing, if there is no list.
fn read_list<T>(row: Fields<'_>, name: &str, read: impl Fn(Fields<'_>) -> Result<T, String>) -> Result<Vec<T>, String> {
    let Some(list) = row.get(name) else {
        return Ok(Vec::new());
    };
    let list = list.as_l().map_err(|_| format!("{name} is not a list"))?;
    let item = |item: &AttributeValue| {
        let map = item.as_m().map_err(|_| format!("{name} is not a list of maps"))?;
        read(Fields(map)).map_err(|reason| format!("{name}: {reason}"))
    };
    list.iter().map(item).collect()
}

fn time(row: Fields<'_>, name: &str) -> Result<Option<EpochSeconds>, String> {
    Ok(row.number(name)?.map(EpochSeconds))
}

fn required_time(row: Fields<'_>, name: &str) -> Result<EpochSeconds, String> {
    row.required(name).map(EpochSeconds)
}

fn status(row: Fields<'_>) -> Result<Option<Status>, String> {
    read_word(row, STATUS, Status::parse)
}

/// A word out of a list of them.
fn read_word<T>(row: Fields<'_>, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, String> {
    let word = row.text(name)?;
    word.map(|word| parse(word).ok_or_else(|| format!("{name} is not one that this version knows")))
        .transpose()
}

fn read_wish(row: Fields<'_>) -> Result<Wish, String> {
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
        connection: read_connection(row)?,
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

//! A [`Registration`] as a DynamoDB item, and back.
//!
//! What is read may have been written by hand, so only the key and the token have to be there. What is there has to be
//! understood: a row that says something else than this version knows is left alone.

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue;
use secrecy::SecretString;
use thiserror::Error;

use crate::id::RegistrationKey;
use crate::metadata::Metadata;
use crate::registration::{AppToken, EventFilter, LastError, Registration, Wish};
use crate::renewal::{Announcement, EpochSeconds, Key, Lease, Refusals, Renewal, Status};

pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) const TENANT_ID: &str = "tenantId";
pub(super) const PRINTER_REF: &str = "printerRef";
pub(super) const REVISION: &str = "revision";
pub(super) const STATUS: &str = "status";
/// The write that made the row what it is: the request id of the invocation, which its log can be found by, and a number.
const WRITTEN_BY: &str = "writtenBy";

/// A row that this version can't read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the row {key} can't be read: {reason}; correct it, or remove it and register the printer again")]
pub struct Unreadable {
    /// Its `tenantId/printerRef`, as far as it has any.
    pub key: String,
    /// What was not understood. Never a value.
    pub reason: String,
}

/// The arguments of an UpdateItem that makes a row what it shall be.
pub(super) struct Update {
    pub(super) expression: String,
    pub(super) names: HashMap<String, String>,
    pub(super) values: Item,
}

impl Update {
    /// Sets every attribute that `row` has and removes every one that it hasn't, of those that this version knows.
    pub(super) fn of(row: &Registration, mark: &str) -> Self {
        let (mut set, mut remove) = (String::new(), String::new());
        let (mut names, mut values) = (HashMap::new(), HashMap::new());
        for (name, value) in attributes(row, mark) {
            let list = if value.is_some() { &mut set } else { &mut remove };
            let comma = if list.is_empty() { "" } else { ", " };
            // A String takes every write.
            let _ = match value {
                Some(_) => write!(list, "{comma}#{name} = :{name}"),
                None => write!(list, "{comma}#{name}"),
            };
            names.insert(format!("#{name}"), name.to_owned());
            values.extend(value.map(|value| (format!(":{name}"), value)));
        }
        let expression = match remove.is_empty() {
            true => format!("SET {set}"),
            false => format!("SET {set} REMOVE {remove}"),
        };
        Self {
            expression,
            names,
            values,
        }
    }
}

/// Every attribute that this version knows, the key apart, with its value.
fn attributes(row: &Registration, mark: &str) -> Vec<(&'static str, Option<AttributeValue>)> {
    let renewal = &row.renewal;
    let index = renewal.index();
    let time = |time: Option<EpochSeconds>| time.map(|time| number(time.0));
    // `dueAt` says when it is due, unless a lease or an announcement has put it elsewhere in the index.
    let is_elsewhere = renewal.lease.is_some() || renewal.announcement.is_some();
    let [token, events, metadata] = wish(&row.wish);
    vec![
        token,
        events,
        metadata,
        ("previous", row.previous.as_ref().zip(renewal.fallback).map(previous)),
        (STATUS, Some(string(renewal.status.as_str()))),
        (REVISION, Some(number(renewal.revision))),
        ("version", Some(number(renewal.version))),
        ("applied", renewal.applied.map(number)),
        ("dueAt", time(index)),
        ("dueShard", index.map(|_| number(Key::from(&row.key).shard()))),
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
                .announcement
                .map(|news| map([("status", string(news.status.as_str())), ("at", number(news.at.0))])),
        ),
        ("reapplyAt", time(renewal.reapply)),
        ("createdAt", time(row.created_at.map(EpochSeconds::from))),
        ("lastError", row.last_error.as_ref().map(last_error)),
        (WRITTEN_BY, Some(string(mark))),
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

pub(super) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn string(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn map(pairs: impl IntoIterator<Item = (&'static str, AttributeValue)>) -> AttributeValue {
    AttributeValue::M(
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
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

/// The mark of the write that the item bears.
pub(super) fn written_by(item: &Item) -> Option<&String> {
    item.get(WRITTEN_BY)?.as_s().ok()
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
            until: lease.time("until")?.ok_or("until is missing")?,
        })
    })?;
    let announcement = row.map("announcement", |news| {
        Ok(Announcement {
            status: news.status()?.ok_or("status is missing")?,
            at: news.time("at")?.ok_or("at is missing")?,
        })
    })?;
    let refusals = row.map("refusals", |refusals| {
        Ok(Refusals {
            count: refusals.required("count")?,
            first: refusals.time("first")?.ok_or("first is missing")?,
        })
    })?;
    let previous = row.map("previous", |previous| {
        Ok((previous.wish()?, previous.status()?.ok_or("status is missing")?))
    })?;
    let is_elsewhere = lease.is_some() || announcement.is_some();
    let due = row.time(if is_elsewhere { "nextDueAt" } else { "dueAt" })?;
    let (previous, fallback) = previous.unzip();
    Ok(Registration {
        wish: row.wish()?,
        previous,
        renewal: Renewal {
            status: row.status()?.unwrap_or(default.status),
            revision: row.number(REVISION)?.unwrap_or(default.revision),
            version: row.number("version")?.unwrap_or(default.version),
            applied: row.number("applied")?,
            due,
            lease,
            attempts: row.number("attempts")?.unwrap_or(default.attempts),
            refusals,
            renewed_at: row.time("renewedAt")?,
            fallback,
            announcement,
            reapply: row.time("reapplyAt")?,
        },
        created_at: row.time("createdAt")?.map(EpochSeconds::to_timestamp),
        last_error: row.map("lastError", |error| {
            Ok(LastError {
                at: error.time("at")?.ok_or("at is missing")?,
                code: error.number("code")?,
                message: error.text("message")?.unwrap_or_default().to_owned(),
            })
        })?,
        key,
    })
}

/// The attributes of an item or of a map in it. Errors say what is wrong with which attribute, without its value.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a Item);

impl<'a> Fields<'a> {
    /// The attribute, unless it isn't there or is null.
    fn get(self, name: &str) -> Option<&'a AttributeValue> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(self, name: &str) -> Result<Option<&'a str>, String> {
        let text = self.get(name).map(|value| value.as_s().map(String::as_str));
        text.transpose().map_err(|_| format!("{name} is not a string"))
    }

    fn parsed<T: std::str::FromStr<Err: ToString>>(self, name: &str) -> Result<T, String> {
        let text = self.text(name)?.ok_or_else(|| format!("{name} is missing"))?;
        text.parse()
            .map_err(|error: T::Err| format!("{name} {}", error.to_string()))
    }

    fn number<T: std::str::FromStr>(self, name: &str) -> Result<Option<T>, String> {
        let number = self.get(name).map(|value| value.as_n().ok()?.parse().ok());
        number
            .map(|number| number.ok_or_else(|| format!("{name} is not a number of the right size")))
            .transpose()
    }

    fn required<T: std::str::FromStr>(self, name: &str) -> Result<T, String> {
        self.number(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    fn time(self, name: &str) -> Result<Option<EpochSeconds>, String> {
        Ok(self.number(name)?.map(EpochSeconds))
    }

    fn status(self) -> Result<Option<Status>, String> {
        let word = self.text(STATUS)?;
        word.map(|word| Status::parse(word).ok_or_else(|| "status is not one that this version knows".to_owned()))
            .transpose()
    }

    fn map<T>(self, name: &str, read: impl FnOnce(Self) -> Result<T, String>) -> Result<Option<T>, String> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let map = value.as_m().map_err(|_| format!("{name} is not a map"))?;
        read(Self(map)).map(Some).map_err(|reason| format!("{name}: {reason}"))
    }

    fn wish(self) -> Result<Wish, String> {
        let token = self.text("appToken")?.ok_or("appToken is missing")?;
        let token = AppToken::try_from(SecretString::from(token)).map_err(|rule| format!("appToken {rule}"))?;
        let events = self.get("eventTypes").map_or(Some(Vec::new()), event_types);
        let events = events.ok_or("eventTypes is not a list or set of numbers")?;
        let mut metadata = Metadata::default();
        if let Some(map) = self.get("metadata") {
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

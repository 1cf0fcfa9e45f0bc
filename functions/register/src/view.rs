//! How a registration is shown: everything but its token.

use jiff::Timestamp;
use printbell_adapters::api_gateway::response::HttpResponse;
use printbell_adapters::registrations::item::Unreadable;
use printbell_adapters::registrations::page::{LAPSED, UNREADABLE};
use printbell_shared::id::{PrinterRef, TenantId};
use printbell_shared::metadata::Metadata;
use printbell_shared::registration::Registration;
use printbell_shared::registration::renewal::EpochSeconds;
#[cfg(test)]
use schemars::JsonSchema;
use serde::Serialize;

#[cfg(test)]
use crate::openapi::{Id, Pairs, ShownStatus, Time, UnreadableStatus};

/// A registration, as the contract shows it. What isn't known or doesn't apply is `null`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema), schemars(rename = "Registration"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct View<'a> {
    #[cfg_attr(test, schemars(with = "Id"))]
    tenant_id: &'a TenantId,
    #[cfg_attr(test, schemars(with = "Id"))]
    printer_ref: &'a PrinterRef,
    #[cfg_attr(test, schemars(with = "ShownStatus"))]
    status: &'static str,
    /// None: all of them.
    event_types: &'a [u16],
    #[cfg_attr(test, schemars(with = "Pairs"))]
    metadata: &'a Metadata,
    #[cfg_attr(test, schemars(with = "Option<Time>"))]
    created_at: Option<Timestamp>,
    /// When OctoEverywhere confirmed it last.
    #[cfg_attr(test, schemars(with = "Option<Time>"))]
    renewed_at: Option<Timestamp>,
    /// When OctoEverywhere forgets it, unless it is renewed.
    #[cfg_attr(test, schemars(with = "Option<Time>"))]
    expires_at: Option<Timestamp>,
    #[cfg_attr(test, schemars(with = "Option<Time>"))]
    next_attempt_at: Option<Timestamp>,
    /// Calls since the last success.
    attempts: u32,
    last_error: Option<ErrorView<'a>>,
}

/// What went wrong last, until a call succeeds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema), schemars(rename = "LastError"))]
struct ErrorView<'a> {
    #[cfg_attr(test, schemars(with = "Time"))]
    at: Timestamp,
    /// OctoEverywhere's status; none without an answer.
    code: Option<u16>,
    message: &'a str,
}

/// A row that can't be read.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema), schemars(rename = "UnreadableRegistration"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnreadableView<'a> {
    tenant_id: &'a str,
    printer_ref: &'a str,
    #[cfg_attr(test, schemars(with = "UnreadableStatus"))]
    status: &'static str,
    last_error: UnreadableError,
}

/// Why it can't be.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct UnreadableError {
    #[cfg_attr(test, schemars(with = "Option<Time>"))]
    at: Option<Timestamp>,
    code: Option<u16>,
    message: String,
}

/// An item of a list.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema), schemars(rename = "Item"))]
#[serde(untagged)]
pub(crate) enum Item<'a> {
    Readable(View<'a>),
    Unreadable(UnreadableView<'a>),
}

/// Shows a registration as it is at `now`.
pub(crate) fn show(status: u16, row: &Registration, now: Timestamp) -> HttpResponse {
    HttpResponse::json(status, &View::of(row, now))
}

/// Shows a row that can't be read.
pub(crate) fn show_unreadable(row: &Unreadable) -> HttpResponse {
    HttpResponse::json(200, &UnreadableView::from(row))
}

/// A page of registrations.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema), schemars(rename = "List"))]
pub(crate) struct List<'a> {
    /// The registrations.
    pub(crate) items: Vec<Item<'a>>,
    /// What to ask for with `?next=`; `null` on the last page.
    pub(crate) next: Option<String>,
}

impl<'a> Item<'a> {
    /// A row as it is at `now`.
    pub(crate) fn of(row: &'a Result<Registration, Unreadable>, now: Timestamp) -> Self {
        match row {
            Ok(row) => Self::Readable(View::of(row, now)),
            Err(unreadable) => Self::Unreadable(unreadable.into()),
        }
    }
}

impl<'a> From<&'a Unreadable> for UnreadableView<'a> {
    fn from(row: &'a Unreadable) -> Self {
        Self {
            tenant_id: &row.tenant,
            printer_ref: &row.printer,
            status: UNREADABLE,
            last_error: UnreadableError {
                at: None,
                code: None,
                message: row.to_string(),
            },
        }
    }
}

impl<'a> View<'a> {
    fn of(row: &'a Registration, now: Timestamp) -> Self {
        let renewal = &row.renewal;
        // The table keeps seconds, so that is what a PUT shows as well.
        let whole = |time| EpochSeconds::from(time).to_timestamp();
        let status = match renewal.has_lapsed(now.into()) {
            true => LAPSED,
            false => renewal.status.as_str(),
        };
        Self {
            tenant_id: &row.key.tenant,
            printer_ref: &row.key.printer,
            status,
            event_types: row.wish.events.types(),
            metadata: &row.wish.metadata,
            created_at: row.created_at.map(whole),
            renewed_at: renewal.renewed_at.map(EpochSeconds::to_timestamp),
            expires_at: renewal.expires_at().map(EpochSeconds::to_timestamp),
            next_attempt_at: renewal.due.map(EpochSeconds::to_timestamp),
            attempts: renewal.attempts,
            last_error: row.last_error.as_ref().map(|error| ErrorView {
                at: error.at.to_timestamp(),
                code: error.code,
                message: &error.message,
            }),
        }
    }
}

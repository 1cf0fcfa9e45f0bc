//! How a registration is shown: everything but its token.

use jiff::Timestamp;
use printbell_adapters::api_gateway::response::HttpResponse;
use printbell_shared::id::{PrinterRef, TenantId};
use printbell_shared::metadata::Metadata;
use printbell_shared::registration::Registration;
use printbell_shared::registration::renewal::{EpochSeconds, Status};
use serde::Serialize;

/// A registration, as the contract shows it. What isn't known or doesn't apply is `null`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View<'a> {
    tenant_id: &'a TenantId,
    printer_ref: &'a PrinterRef,
    status: &'static str,
    event_types: &'a [u16],
    metadata: &'a Metadata,
    created_at: Option<Timestamp>,
    renewed_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    next_attempt_at: Option<Timestamp>,
    attempts: u32,
    last_error: Option<ErrorView<'a>>,
}

/// What went wrong last, until a call succeeds.
#[derive(Debug, Serialize)]
struct ErrorView<'a> {
    at: Timestamp,
    /// OctoEverywhere's status; none without an answer.
    code: Option<u16>,
    message: &'a str,
}

/// Shows a registration.
pub(crate) fn show(status: u16, row: &Registration) -> HttpResponse {
    HttpResponse::json(status, &View::from(row))
}

/// A page of registrations.
#[derive(Debug, Serialize)]
pub(crate) struct List<'a> {
    /// The registrations.
    pub(crate) items: Vec<View<'a>>,
    /// What to ask for with `?next=`; `null` on the last page.
    pub(crate) next: Option<String>,
}

impl<'a> From<&'a Registration> for View<'a> {
    fn from(row: &'a Registration) -> Self {
        let renewal = &row.renewal;
        // The table keeps seconds, so that is what a PUT shows as well.
        let whole = |time| EpochSeconds::from(time).to_timestamp();
        Self {
            tenant_id: &row.key.tenant,
            printer_ref: &row.key.printer,
            status: renewal.status.as_str(),
            event_types: row.wish.events.types(),
            metadata: &row.wish.metadata,
            created_at: row.created_at.map(whole),
            renewed_at: renewal.renewed_at.map(EpochSeconds::to_timestamp),
            expires_at: renewal.expires_at().map(EpochSeconds::to_timestamp),
            next_attempt_at: renewal
                .due
                .filter(|_| renewal.status != Status::Revoked)
                .map(EpochSeconds::to_timestamp),
            attempts: renewal.attempts,
            last_error: row.last_error.as_ref().map(|error| ErrorView {
                at: error.at.to_timestamp(),
                code: error.code,
                message: &error.message,
            }),
        }
    }
}

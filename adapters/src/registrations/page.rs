//! Registrations page by page.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use printbell_shared::id::TenantId;
use printbell_shared::registration::Registration;
use printbell_shared::registration::renewal::{EpochSeconds, Status};
use thiserror::Error;

use super::RegistrationsTable;
use super::item::{self, Unreadable};
use crate::dynamodb::cursor::{Cursor, InvalidCursor};
use crate::dynamodb::table::Unavailable;
use crate::dynamodb::value::{Item, number, string};

/// Which registrations to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// This tenant's only.
    pub tenant: Option<TenantId>,
    /// Those that are shown with this status only.
    pub status: Option<StatusFilter>,
}

/// Which registrations a list is of, by what they are shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusFilter {
    /// Those with this status that haven't lapsed.
    Status(Status),
    /// Those that have lapsed.
    Lapsed,
    /// Rows that can't be read.
    Unreadable,
}

/// What a row is shown as that OctoEverywhere has forgotten.
pub const LAPSED: &str = "lapsed";
/// What a row is shown as that can't be read.
pub const UNREADABLE: &str = "unreadable";

impl StatusFilter {
    /// Every word that a list can be asked for.
    pub fn words() -> impl Iterator<Item = &'static str> {
        Status::ALL.into_iter().map(Status::as_str).chain([LAPSED, UNREADABLE])
    }

    /// What a word asks for.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            LAPSED => Some(Self::Lapsed),
            UNREADABLE => Some(Self::Unreadable),
            word => Status::parse(word).map(Self::Status),
        }
    }

    /// Whether a row is one of these at `now`.
    fn admits(self, row: &Result<Registration, Unreadable>, now: EpochSeconds) -> bool {
        match (self, row) {
            (Self::Unreadable, row) => row.is_err(),
            (_, Err(_)) => false,
            (Self::Lapsed, Ok(row)) => row.renewal.has_lapsed(now),
            (Self::Status(status), Ok(row)) => row.renewal.status == status && !row.renewal.has_lapsed(now),
        }
    }

    /// What leaves out most of the others already in the table.
    fn expression(self) -> Option<&'static str> {
        match self {
            Self::Status(Status::Pending) => Some(IS_PENDING),
            Self::Status(_) => Some(HAS_STATUS),
            Self::Lapsed => Some(MAY_HAVE_LAPSED),
            Self::Unreadable => None,
        }
    }
}

/// Some rows, and where the next ones are.
#[derive(Debug)]
pub struct Page {
    /// Rows in the table's order, which is the printers' within a tenant.
    pub rows: Vec<Result<Registration, Unreadable>>,
    /// Nothing after the last page. A page with a `next` can be empty.
    pub next: Option<Cursor>,
}

impl Scope {
    /// Whether `cursor` is a place in a listing of this.
    pub fn has(&self, cursor: &Cursor) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| tenant.as_str() == cursor.hash)
    }
}

/// Why there is no page.
#[derive(Debug, Error)]
pub enum PageError {
    /// It can't begin where it is asked to.
    #[error("the place to go on from {0}")]
    Cursor(#[from] InvalidCursor),
    /// DynamoDB failed. Trying again may help.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl PageError {
    /// What DynamoDB's error says of a page after `after`. A cursor is all that a caller brings into the request, so what is not
    /// valid is that: DynamoDB alone knows every rule of a key.
    fn new<E: ProvideErrorMetadata, R>(error: SdkError<E, R>, after: Option<&Cursor>) -> Self {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        match (after, code) {
            (Some(_), Some("ValidationException")) => InvalidCursor.into(),
            _ => Unavailable::from(error).into(),
        }
    }
}

/// Rows of one status. A row written by hand has none and is pending.
const HAS_STATUS: &str = "#status = :status";
const IS_PENDING: &str = "#status = :status OR attribute_not_exists(#status)";
/// Rows that have expired.
const MAY_HAVE_LAPSED: &str = "attribute_exists(lapsedAt) OR expiresAt <= :now";

impl RegistrationsTable {
    /// At most `limit` registrations after `after`, as they are at `now`. One request: looks at `limit` rows, of which a status may
    /// leave fewer.
    pub async fn page(
        &self,
        scope: &Scope,
        after: Option<&Cursor>,
        limit: u32,
        now: EpochSeconds,
    ) -> Result<Page, PageError> {
        let start = after.map(|cursor| item::key_of(&cursor.hash, &cursor.range));
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let filter = scope.status.and_then(StatusFilter::expression);
        let (names, mut values) = match scope.status {
            Some(StatusFilter::Status(status)) => (
                Some(HashMap::from([("#status".to_owned(), item::STATUS.to_owned())])),
                HashMap::from([(":status".to_owned(), string(status.as_str()))]),
            ),
            Some(StatusFilter::Lapsed) => (None, HashMap::from([(":now".to_owned(), number(now.0))])),
            Some(StatusFilter::Unreadable) | None => (None, HashMap::new()),
        };
        let (items, last) = match &scope.tenant {
            None => {
                let scan = self.table.client.scan().table_name(&self.table.name).limit(limit);
                let scan = scan
                    .set_filter_expression(filter.map(str::to_owned))
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(Some(values).filter(|values| !values.is_empty()));
                let page = scan.set_exclusive_start_key(start).send().await;
                let page = page.map_err(|error| PageError::new(error, after))?;
                (page.items, page.last_evaluated_key)
            }
            Some(tenant) => {
                values.insert(":tenant".to_owned(), string(tenant.as_str()));
                let query = self.table.client.query().table_name(&self.table.name).limit(limit);
                let query = query
                    .key_condition_expression("tenantId = :tenant")
                    .set_filter_expression(filter.map(str::to_owned))
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(Some(values));
                let page = query.set_exclusive_start_key(start).send().await;
                let page = page.map_err(|error| PageError::new(error, after))?;
                (page.items, page.last_evaluated_key)
            }
        };
        let rows = items.unwrap_or_default();
        let rows = rows.iter().map(item::read);
        Ok(Page {
            rows: rows
                .filter(|row| scope.status.is_none_or(|status| status.admits(row, now)))
                .collect(),
            next: last.as_ref().and_then(cursor),
        })
    }
}

fn cursor(last: &Item) -> Option<Cursor> {
    let part = |name| last.get(name)?.as_s().ok().cloned();
    Some(Cursor {
        hash: part(item::TENANT_ID)?,
        range: part(item::PRINTER_REF)?,
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::operation::query::QueryError;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    #[test]
    fn a_cursor_belongs_to_its_tenant_s_list_and_to_everybody_s() {
        let cursor = Cursor {
            hash: "abc".to_owned(),
            range: "p1".to_owned(),
        };
        let of = |tenant: &str| Scope {
            tenant: tenant.parse().ok(),
            status: None,
        };
        assert!(Scope::default().has(&cursor) && of("abc").has(&cursor) && !of("xyz").has(&cursor));
    }

    #[test]
    fn what_dynamodb_calls_invalid_is_the_cursor_if_there_is_one() {
        let cursor = "WyJhYmMiLCJwMSJd".parse().ok();
        let is_of_cursor = |code: &str, after| {
            let error = QueryError::generic(ErrorMetadata::builder().code(code).build());
            matches!(
                PageError::new(SdkError::service_error(error, ()), after),
                PageError::Cursor(_)
            )
        };
        assert!(is_of_cursor("ValidationException", cursor.as_ref()));
        assert!(!is_of_cursor("ValidationException", None));
        assert!(!is_of_cursor("ProvisionedThroughputExceededException", cursor.as_ref()));
    }
}

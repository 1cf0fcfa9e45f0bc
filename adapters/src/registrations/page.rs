//! Registrations page by page.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::Select;
use printbell_shared::id::TenantId;
use printbell_shared::registration::Registration;
use printbell_shared::registration::renewal::{EpochSeconds, Status};
use thiserror::Error;
use tokio::time::{Duration, Instant};

use super::RegistrationsTable;
use super::item::{self, Unreadable};
use crate::dynamodb::cursor::{Cursor, InvalidCursor};
use crate::dynamodb::table::{Table, Unavailable};
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
        let extent = self.read(scope, start, Some(limit), Select::AllAttributes, now).await;
        let Extent { items, last, .. } = extent.map_err(|error| error.after(after))?;
        let rows = items.iter().map(item::read);
        Ok(Page {
            rows: rows
                .filter(|row| scope.status.is_none_or(|status| status.admits(row, now)))
                .collect(),
            next: last.as_ref().and_then(cursor),
        })
    }

    /// Whether there is no registration at all.
    pub async fn is_empty(&self) -> Result<bool, Unavailable> {
        let scan = self.table.client.scan().table_name(&self.table.name).limit(1);
        Ok(scan.select(Select::Count).send().await?.count == 0)
    }

    /// How many registrations there are, of a status about so many. If counting takes longer than `within`, it is as many as were
    /// counted, or what DynamoDB says of the whole table, which it updates every six hours.
    pub async fn count(&self, scope: &Scope, within: Duration, now: EpochSeconds) -> Result<Count, Unavailable> {
        let end = Instant::now() + within;
        let mut count = Count {
            rows: 0,
            is_complete: false,
        };
        let mut start = None;
        while Instant::now() < end {
            let extent = self.read(scope, start, None, Select::Count, now).await;
            let Extent { rows, last, .. } = extent.map_err(|error| error.unavailable)?;
            count.rows += rows;
            start = last;
            if start.is_none() {
                count.is_complete = true;
                return Ok(count);
            }
        }
        if scope.tenant.is_none() {
            let table = self.table.client.describe_table().table_name(&self.table.name).send();
            let known = table.await?.table.and_then(|table| table.item_count);
            count.rows = count.rows.max(u64::try_from(known.unwrap_or(0)).unwrap_or(0));
        }
        Ok(count)
    }

    async fn read(
        &self,
        scope: &Scope,
        start: Option<Item>,
        limit: Option<i32>,
        select: Select,
        now: EpochSeconds,
    ) -> Result<Extent, ListingError> {
        let Table { client, name, .. } = &self.table;
        let filter = scope.status.and_then(StatusFilter::expression).map(str::to_owned);
        let (names, mut values) = match scope.status {
            Some(StatusFilter::Status(status)) => (
                Some(HashMap::from([("#status".to_owned(), item::STATUS.to_owned())])),
                HashMap::from([(":status".to_owned(), string(status.as_str()))]),
            ),
            Some(StatusFilter::Lapsed) => (None, HashMap::from([(":now".to_owned(), number(now.0))])),
            Some(StatusFilter::Unreadable) | None => (None, HashMap::new()),
        };
        Ok(match &scope.tenant {
            None => {
                let scan = client.scan().table_name(name).select(select).set_limit(limit);
                let scan = scan
                    .set_filter_expression(filter)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(Some(values).filter(|values| !values.is_empty()));
                let page = scan.set_exclusive_start_key(start).send().await?;
                Extent::new(page.items, page.count, page.last_evaluated_key)
            }
            Some(tenant) => {
                values.insert(":tenant".to_owned(), string(tenant.as_str()));
                let query = client.query().table_name(name).select(select).set_limit(limit);
                let query = query
                    .key_condition_expression("tenantId = :tenant")
                    .set_filter_expression(filter)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(Some(values));
                let page = query.set_exclusive_start_key(start).send().await?;
                Extent::new(page.items, page.count, page.last_evaluated_key)
            }
        })
    }
}

/// How many registrations there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// So many, or about so many.
    pub rows: u64,
    /// Whether each was counted.
    pub is_complete: bool,
}

/// What one request reads.
struct Extent {
    items: Vec<Item>,
    rows: u64,
    last: Option<Item>,
}

impl Extent {
    fn new(items: Option<Vec<Item>>, count: i32, last: Option<Item>) -> Self {
        Self {
            items: items.unwrap_or_default(),
            rows: u64::try_from(count).unwrap_or(0),
            last,
        }
    }
}

/// What DynamoDB says in place of a page.
struct ListingError {
    /// Whether it is the request that is wrong.
    is_invalid: bool,
    unavailable: Unavailable,
}

impl<E: ProvideErrorMetadata, R> From<SdkError<E, R>> for ListingError {
    fn from(error: SdkError<E, R>) -> Self {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        Self {
            is_invalid: code == Some("ValidationException"),
            unavailable: error.into(),
        }
    }
}

impl ListingError {
    /// What it means for a page after `after`. A cursor is all that a caller brings into the request, so what is not valid is that:
    /// DynamoDB alone knows every rule of a key.
    fn after(self, after: Option<&Cursor>) -> PageError {
        match after {
            Some(_) if self.is_invalid => InvalidCursor.into(),
            _ => self.unavailable.into(),
        }
    }
}

pub(super) fn cursor(last: &Item) -> Option<Cursor> {
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
                ListingError::from(SdkError::service_error(error, ())).after(after),
                PageError::Cursor(_)
            )
        };
        assert!(is_of_cursor("ValidationException", cursor.as_ref()));
        assert!(!is_of_cursor("ValidationException", None));
        assert!(!is_of_cursor("ProvisionedThroughputExceededException", cursor.as_ref()));
    }
}

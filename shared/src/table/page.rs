//! Registrations page by page.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::item::{self, Item};
use super::{Table, Unavailable, Unreadable};
use crate::id::TenantId;
use crate::registration::Registration;
use crate::renewal::Status;

/// Which registrations to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// This tenant's only.
    pub tenant: Option<TenantId>,
    /// Those with this status only.
    pub status: Option<Status>,
}

/// Where a listing goes on: after this row, whose key a person may have chosen against every rule. Opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(String, String);

/// The longest part of a key that DynamoDB has.
const MAX_PART: usize = 2048;

/// A text that isn't a [`Cursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be the `next` of an earlier page of the same list")]
pub struct InvalidCursor;

/// Some rows, and where the next ones are.
#[derive(Debug)]
pub struct Page {
    /// Rows in the table's order, which is the printers' within a tenant.
    pub rows: Vec<Result<Registration, Unreadable>>,
    /// Nothing after the last page. A page with a `next` can be empty.
    pub next: Option<Cursor>,
}

impl Cursor {
    /// Whether it is a place in a listing of `scope`.
    pub fn is_in(&self, scope: &Scope) -> bool {
        scope.tenant.as_ref().is_none_or(|tenant| tenant.as_str() == self.0)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = serde_json::to_string(self).unwrap_or_default(); // two strings: can't fail
        f.write_str(&URL_SAFE_NO_PAD.encode(key))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let key = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let cursor: Self = serde_json::from_slice(&key).map_err(|_| InvalidCursor)?;
        let is_key = |part: &str| (1..=MAX_PART).contains(&part.len());
        (is_key(&cursor.0) && is_key(&cursor.1))
            .then_some(cursor)
            .ok_or(InvalidCursor)
    }
}

/// Rows of one status. A row written by hand has none and is pending.
const HAS_STATUS: &str = "#status = :status";
const IS_PENDING: &str = "#status = :status OR attribute_not_exists(#status)";

impl Table {
    /// At most `limit` registrations after `after`. One request: looks at `limit` rows, of which a status may leave fewer.
    pub async fn page(&self, scope: &Scope, after: Option<&Cursor>, limit: u32) -> Result<Page, Unavailable> {
        let after = after.map(|Cursor(tenant, printer)| item::key_of(tenant, printer));
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let filter = scope.status.map(|status| match status {
            Status::Pending => IS_PENDING,
            _ => HAS_STATUS,
        });
        let (items, last) = match &scope.tenant {
            None => {
                let mut scan = self.client.scan().table_name(&self.name).limit(limit);
                if let Some((status, filter)) = scope.status.zip(filter) {
                    scan = scan
                        .filter_expression(filter)
                        .expression_attribute_names("#status", item::STATUS)
                        .expression_attribute_values(":status", item::string(status.as_str()));
                }
                let page = scan.set_exclusive_start_key(after).send().await?;
                (page.items, page.last_evaluated_key)
            }
            Some(tenant) => {
                let mut query = self
                    .client
                    .query()
                    .table_name(&self.name)
                    .limit(limit)
                    .key_condition_expression("tenantId = :tenant")
                    .expression_attribute_values(":tenant", item::string(tenant.as_str()));
                if let Some((status, filter)) = scope.status.zip(filter) {
                    query = query
                        .filter_expression(filter)
                        .expression_attribute_names("#status", item::STATUS)
                        .expression_attribute_values(":status", item::string(status.as_str()));
                }
                let page = query.set_exclusive_start_key(after).send().await?;
                (page.items, page.last_evaluated_key)
            }
        };
        Ok(Page {
            rows: items.unwrap_or_default().iter().map(item::read).collect(),
            next: last.as_ref().and_then(cursor),
        })
    }
}

fn cursor(last: &Item) -> Option<Cursor> {
    let part = |name| last.get(name)?.as_s().ok().cloned();
    Some(Cursor(part(item::TENANT_ID)?, part(item::PRINTER_REF)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_from_its_text() {
        let cursor = Cursor("abc".to_owned(), "by hand\0".to_owned());
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        let of = |tenant: &str| Scope {
            tenant: tenant.parse().ok(),
            status: None,
        };
        assert!(cursor.is_in(&Scope::default()) && cursor.is_in(&of("abc")) && !cursor.is_in(&of("xyz")));
    }

    #[test]
    fn other_texts_are_no_cursors() {
        let empty = URL_SAFE_NO_PAD.encode(r#"["","p"]"#);
        for text in ["", "!", "abc", "YWJj", "AAAA", "_w", &empty] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}

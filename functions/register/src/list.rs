//! `GET /registrations` and `GET /registrations/{tenantId}`: page by page, by status if wanted.

use lambda_http::http::Uri;
use percent_encoding::percent_decode_str;
use printbell_shared::holder::Holder;
use printbell_shared::id::TenantId;
use printbell_shared::problem::{FieldError, Problem};
use printbell_shared::renewal::Status;
use printbell_shared::table::{Cursor, InvalidCursor, Scope};

use crate::answer::{Answer, unavailable};
use crate::route::invalid;
use crate::view::{List, View};

/// The most registrations on a page, and what it has when the caller doesn't say.
const MAX_LIMIT: u32 = 100;

/// How many requests to DynamoDB one page may take: a rare status can leave nothing of a thousand rows, and then an empty
/// page with a `next` comes sooner than a full one.
const MAX_READS: u32 = 10;

/// Which page of which list.
#[derive(Debug, PartialEq, Eq)]
pub struct Query {
    scope: Scope,
    after: Option<Cursor>,
    limit: u32,
}

impl Query {
    /// Reads the query of a request.
    pub fn read(tenant: Option<TenantId>, query: &str) -> Result<Self, Problem> {
        let mut scope = Scope { tenant, status: None };
        let (mut after, mut limit) = (None, MAX_LIMIT);
        let mut errors = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = percent_decode_str(name).decode_utf8_lossy();
            let value = percent_decode_str(value).decode_utf8_lossy();
            let rule = match &*name {
                "limit" => match value.parse() {
                    Ok(number @ 1..=MAX_LIMIT) => {
                        limit = number;
                        continue;
                    }
                    _ => "must be a number from 1 to 100".to_owned(),
                },
                "status" => match Status::parse(&value) {
                    Some(status) => {
                        scope.status = Some(status);
                        continue;
                    }
                    None => format!("must be one of {}", Status::ALL.map(Status::as_str).join(", ")),
                },
                "next" => match value.parse::<Cursor>() {
                    Ok(cursor) if cursor.is_in(&scope) => {
                        after = Some(cursor);
                        continue;
                    }
                    _ => InvalidCursor.to_string(),
                },
                _ => "is not a parameter that there is".to_owned(),
            };
            errors.push(FieldError {
                field: name.into_owned(),
                rule,
            });
        }
        if errors.is_empty() {
            Ok(Self { scope, after, limit })
        } else {
            Err(invalid(errors))
        }
    }
}

/// The query of a request, still encoded.
pub fn raw_query(uri: &Uri) -> &str {
    uri.query().unwrap_or_default()
}

/// One page.
pub async fn list(holder: &Holder, query: Query) -> Result<Answer, Problem> {
    let Query {
        scope,
        mut after,
        limit,
    } = query;
    let mut rows = Vec::new();
    for _ in 0..MAX_READS {
        let missing = limit - u32::try_from(rows.len()).unwrap_or(limit);
        let page = holder.table.page(&scope, after.as_ref(), missing).await;
        let page = page.map_err(unavailable)?;
        for row in page.rows {
            match row {
                Ok(row) => rows.push(row),
                Err(error) => tracing::error!(row = error.key, "{error}"),
            }
        }
        after = page.next;
        if after.is_none() || rows.len() >= limit as usize {
            break;
        }
    }
    let list = List {
        items: rows.iter().map(View::from).collect(),
        next: after.map(|after| after.to_string()),
    };
    Ok(Answer::json(200, &list))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(query: &str) -> Vec<String> {
        let read = Query::read("abc".parse().ok(), query);
        let errors = read.map_or_else(|problem| problem.errors, |_| Vec::new());
        errors
            .into_iter()
            .map(|error| format!("{}: {}", error.field, error.rule))
            .collect()
    }

    #[test]
    fn a_query_says_which_page() {
        let query = Query::read("abc".parse().ok(), "limit=7&status=suspended").unwrap();
        assert_eq!((query.limit, query.scope.status), (7, Some(Status::Suspended)));
        let query = Query::read(None, "").unwrap();
        assert_eq!((query.limit, query.scope), (100, Scope::default()));
    }

    #[test]
    fn each_broken_rule_is_named() {
        for limit in ["0", "101", "-1", "x", ""] {
            assert_eq!(
                faults(&format!("limit={limit}")),
                ["limit: must be a number from 1 to 100"],
                "{limit}"
            );
        }
        let all = faults("status=gone&next=xyz&stauts=active");
        assert_eq!(
            all,
            [
                "status: must be one of pending, active, suspended, revoked, deleting",
                "next: must be the `next` of an earlier page of the same list",
                "stauts: is not a parameter that there is",
            ]
        );
    }
}

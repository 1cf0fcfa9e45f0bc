//! `GET /registrations` and `GET /registrations/{tenantId}`: page by page, by status if wanted.

use printbell_adapters::api_gateway::paging::{Paging, parameters};
use printbell_adapters::api_gateway::response::HttpResponse;
use printbell_adapters::dynamodb::cursor::InvalidCursor;
use printbell_adapters::registrations::page::{PageError, Scope, StatusFilter};
use printbell_adapters::worker::Worker;
use printbell_shared::id::TenantId;
use printbell_shared::problem::{FieldError, Problem};

use crate::problems::{invalid, repeated, unavailable};
use crate::suggestion::{nearest, suggesting};
use crate::view::{Item, List};

/// How many requests to DynamoDB one page may take: a rare status can leave nothing of a thousand rows, and then an empty
/// page with a `next` comes sooner than a full one.
const MAX_READS: u32 = 10;

/// The parameter that leaves one status.
pub(crate) const STATUS: &str = "status";

/// Which page of which list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query {
    scope: Scope,
    paging: Paging,
}

impl Query {
    /// Reads the query of a request.
    pub(crate) fn read(tenant: Option<TenantId>, query: &[u8]) -> Result<Self, Problem> {
        let mut scope = Scope { tenant, status: None };
        let mut paging = Paging::default();
        let mut errors = Vec::new();
        for (name, value) in parameters(query) {
            let rule = match (name.as_str(), paging.take(&name, &value)) {
                (_, Some(Ok(()))) => continue,
                (_, Some(Err(rule))) => rule,
                (STATUS, None) => match StatusFilter::parse(&value) {
                    Some(status) => {
                        scope.status = Some(status);
                        continue;
                    }
                    None => {
                        let words: Vec<_> = StatusFilter::words().collect();
                        suggesting(
                            &format!("must be one of {}", words.join(", ")),
                            nearest(&value, words.iter().copied()),
                        )
                    }
                },
                (_, None) => {
                    let known = Paging::NAMES.into_iter().chain([STATUS]);
                    suggesting("is not a parameter that there is", nearest(&name, known))
                }
            };
            errors.push(FieldError {
                field: repeated(&name).into_owned(),
                rule,
            });
        }
        if paging.after.as_ref().is_some_and(|after| !scope.has(after)) {
            errors.push(foreign_next());
        }
        if errors.is_empty() {
            Ok(Self { scope, paging })
        } else {
            Err(invalid(errors))
        }
    }
}

/// A `next` that is none of this list.
fn foreign_next() -> FieldError {
    FieldError {
        field: "next".to_owned(),
        rule: InvalidCursor.to_string(),
    }
}

/// One page.
pub(crate) async fn list(worker: &Worker, query: Query) -> Result<HttpResponse, Problem> {
    let Query { scope, paging } = query;
    let Paging { mut after, limit } = paging;
    let now = worker.clock.now();
    let mut rows = Vec::new();
    for _ in 0..MAX_READS {
        let missing = limit - u32::try_from(rows.len()).unwrap_or(limit);
        let page = worker.table.page(&scope, after.as_ref(), missing, now.into()).await;
        let page = page.map_err(|error| match error {
            PageError::Cursor(InvalidCursor) => invalid(vec![foreign_next()]),
            PageError::Unavailable(error) => unavailable(error),
        })?;
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() || rows.len() >= limit as usize {
            break;
        }
    }
    let list = List {
        items: rows.iter().map(|row| Item::of(row, now)).collect(),
        next: after.map(|after| after.to_string()),
    };
    Ok(HttpResponse::json(200, &list))
}

#[cfg(test)]
mod tests {
    use super::*;
    use printbell_shared::registration::renewal::Status;

    fn faults(query: &str) -> Vec<String> {
        let read = Query::read("abc".parse().ok(), query.as_bytes());
        let errors = read.map_or_else(|problem| problem.errors, |_| Vec::new());
        errors
            .into_iter()
            .map(|error| format!("{}: {}", error.field, error.rule))
            .collect()
    }

    #[test]
    fn a_query_says_which_page() {
        let query = Query::read("abc".parse().ok(), b"limit=7&status=suspended").unwrap();
        assert_eq!(
            (query.paging.limit, query.scope.status),
            (7, Some(StatusFilter::Status(Status::Suspended)))
        );
        let query = Query::read(None, b"").unwrap();
        assert_eq!((query.paging.limit, query.scope), (100, Scope::default()));
    }

    #[test]
    fn each_broken_rule_is_named() {
        let all = faults("limit=0&status=gone&next=xyz&stauts=active&status=Suspend&room=lab&Limit=1&after=x");
        assert_eq!(
            all,
            [
                "limit: must be a number from 1 to 100",
                "status: must be one of pending, active, suspended, revoked, replaced, deleting, lapsed, unreadable",
                "next: must be the `next` of an earlier page of the same list",
                "stauts: is not a parameter that there is; did you mean status?",
                "status: must be one of pending, active, suspended, revoked, replaced, deleting, lapsed, unreadable; did you mean suspended?",
                "room: is not a parameter that there is",
                "Limit: is not a parameter that there is; did you mean limit?",
                "after: is not a parameter that there is",
            ]
        );
    }

    #[test]
    fn the_next_of_another_tenant_s_list_is_none_of_this_one() {
        assert_eq!(faults("next=WyJhYmMiLCJwMSJd"), [""; 0]);
        assert_eq!(
            faults("next=WyJ4eXoiLCJwMSJd"),
            ["next: must be the `next` of an earlier page of the same list"]
        );
    }
}

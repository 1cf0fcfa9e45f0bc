//! Which request it is.

use lambda_http::http::Method;
use percent_encoding::percent_decode_str;
use printbell_shared::id::{InvalidId, PrinterRef, RegistrationKey, TenantId};
use printbell_shared::problem::{FieldError, Problem};

/// What the paths of the API begin with.
const ROOT: &str = "registrations";

/// A request that the contract has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `GET /registrations` and `GET /registrations/{tenantId}`.
    List(Option<TenantId>),
    /// `GET /registrations/{tenantId}/{printerRef}`.
    Get(RegistrationKey),
    /// `PUT /registrations/{tenantId}/{printerRef}`.
    Put(RegistrationKey),
    /// `DELETE /registrations/{tenantId}/{printerRef}`.
    Delete(RegistrationKey),
    /// `POST /registrations/{tenantId}/{printerRef}/test`.
    Test(RegistrationKey),
    /// `POST /registrations/{tenantId}/{printerRef}/renew`.
    Renew(RegistrationKey),
}

impl Route {
    /// The route of a request for `path`, which may have a prefix: a stage, or a mapping of a domain name.
    pub fn of(method: &Method, path: &str) -> Result<Self, Problem> {
        let mut segments = path.split('/').skip_while(|segment| *segment != ROOT).skip(1);
        let rest: [Option<&str>; 4] = std::array::from_fn(|_| segments.next());
        let key = |tenant, printer| {
            let mut errors = Vec::new();
            let tenant = parameter::<TenantId>("tenantId", tenant, &mut errors);
            let printer = parameter::<PrinterRef>("printerRef", printer, &mut errors);
            match (tenant, printer) {
                (Some(tenant), Some(printer)) => Ok(RegistrationKey { tenant, printer }),
                _ => Err(invalid(errors)),
            }
        };
        match (method.as_str(), rest) {
            _ if !path.split('/').any(|segment| segment == ROOT) => Err(nowhere()),
            ("GET", [None, ..] | [Some(""), None, ..]) => Ok(Self::List(None)),
            ("GET", [Some(tenant), None, ..]) => {
                let mut errors = Vec::new();
                let tenant = parameter("tenantId", tenant, &mut errors);
                tenant
                    .map(|tenant| Self::List(Some(tenant)))
                    .ok_or_else(|| invalid(errors))
            }
            ("GET", [Some(tenant), Some(printer), None, _]) => key(tenant, printer).map(Self::Get),
            ("PUT", [Some(tenant), Some(printer), None, _]) => key(tenant, printer).map(Self::Put),
            ("DELETE", [Some(tenant), Some(printer), None, _]) => key(tenant, printer).map(Self::Delete),
            ("POST", [Some(tenant), Some(printer), Some("test"), None]) => key(tenant, printer).map(Self::Test),
            ("POST", [Some(tenant), Some(printer), Some("renew"), None]) => key(tenant, printer).map(Self::Renew),
            _ => Err(nowhere()),
        }
    }
}

fn parameter<T: TryFrom<String, Error = InvalidId>>(name: &str, text: &str, errors: &mut Vec<FieldError>) -> Option<T> {
    let decoded = percent_decode_str(text).decode_utf8_lossy().into_owned();
    let read = T::try_from(decoded);
    read.inspect_err(|rule| {
        errors.push(FieldError {
            field: name.to_owned(),
            rule: rule.to_string(),
        });
    })
    .ok()
}

/// The answer to bad input: `400`, with every field that breaks a rule.
pub fn invalid(errors: Vec<FieldError>) -> Problem {
    let detail = "The request was not understood. Correct the fields below and send it again.";
    Problem {
        errors,
        ..Problem::new(400, "Bad Request", detail)
    }
}

fn nowhere() -> Problem {
    let detail = "There is no such route, or not with this method. See the registrations contract in the README.";
    Problem::new(404, "Not Found", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, path: &str, expected: Option<Route>) {
        assert_eq!(Route::of(&method, path).ok(), expected, "{method} {path}");
    }

    #[test]
    fn every_route_of_the_contract_is_known_and_no_other() {
        let key = RegistrationKey {
            tenant: "abc123".parse().unwrap(),
            printer: "p~42".parse().unwrap(),
        };
        let tenant = Some(key.tenant.clone());
        check(Method::GET, "/registrations", Some(Route::List(None)));
        check(Method::GET, "/registrations/", Some(Route::List(None)));
        check(Method::GET, "/registrations/abc123", Some(Route::List(tenant)));
        check(Method::GET, "/registrations/abc123/p~42", Some(Route::Get(key.clone())));
        check(
            Method::GET,
            "/registrations/abc123/p%7E42",
            Some(Route::Get(key.clone())),
        );
        check(
            Method::GET,
            "/v1/registrations/abc123/p~42",
            Some(Route::Get(key.clone())),
        );
        check(Method::PUT, "/registrations/abc123/p~42", Some(Route::Put(key.clone())));
        check(
            Method::DELETE,
            "/registrations/abc123/p~42",
            Some(Route::Delete(key.clone())),
        );
        check(
            Method::POST,
            "/registrations/abc123/p~42/test",
            Some(Route::Test(key.clone())),
        );
        check(
            Method::POST,
            "/registrations/abc123/p~42/renew",
            Some(Route::Renew(key)),
        );
        check(Method::GET, "/", None);
        check(Method::GET, "/octoeverywhere/webhook", None);
        check(Method::PUT, "/registrations/abc123", None);
        check(Method::POST, "/registrations/abc123/p42", None);
        check(Method::GET, "/registrations/abc123/p42/test", None);
        check(Method::POST, "/registrations/abc123/p42/test/it", None);
    }

    #[test]
    fn bad_ids_are_named() {
        let problem = Route::of(&Method::GET, "/registrations/a%20b/p%2F42").unwrap_err();
        let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!((problem.status, fields), (400, vec!["tenantId", "printerRef"]));
    }
}

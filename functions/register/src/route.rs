//! Which request it is.

use printbell_adapters::api_gateway::request::{HttpRequest, RouteKey};
use printbell_shared::id::{InvalidId, RegistrationKey, TenantId};
use printbell_shared::problem::{FieldError, Problem};

use crate::problems::invalid;

/// The routes of the contract, as `template.yaml` writes them.
pub(crate) const LIST: &str = "GET /registrations";
pub(crate) const LIST_OF_TENANT: &str = "GET /registrations/{tenantId}";
pub(crate) const GET: &str = "GET /registrations/{tenantId}/{printerRef}";
pub(crate) const PUT: &str = "PUT /registrations/{tenantId}/{printerRef}";
pub(crate) const DELETE: &str = "DELETE /registrations/{tenantId}/{printerRef}";
pub(crate) const TEST: &str = "POST /registrations/{tenantId}/{printerRef}/test";
pub(crate) const RENEW: &str = "POST /registrations/{tenantId}/{printerRef}/renew";
pub(crate) const ROUTES: [&str; 7] = [LIST, LIST_OF_TENANT, GET, PUT, DELETE, TEST, RENEW];

/// A request that the contract has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
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
    /// The route of a request: the one that API Gateway chose, with the parameters that it took from the path. Only where none
    /// was chosen (`cargo lambda`) the path itself is looked at.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let line = &request.line;
        let (route, parameters) = match &line.route {
            RouteKey::Route(route) => (route.as_str(), request.path_parameters.clone()),
            RouteKey::Default | RouteKey::Absent => matched(&line.method, &line.path).ok_or_else(nowhere)?,
        };
        let parameters = Parameters {
            values: parameters,
            errors: Vec::new(),
        };
        match route {
            LIST => Ok(Self::List(None)),
            LIST_OF_TENANT => parameters.tenant().map(|tenant| Self::List(Some(tenant))),
            GET => parameters.key().map(Self::Get),
            PUT => parameters.key().map(Self::Put),
            DELETE => parameters.key().map(Self::Delete),
            TEST => parameters.key().map(Self::Test),
            RENEW => parameters.key().map(Self::Renew),
            _ => Err(nowhere()),
        }
    }
}

/// The parameters of a path, by name, taken as they are: API Gateway has decoded them, and nobody decodes them again.
struct Parameters {
    values: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    fn read<T: TryFrom<String, Error = InvalidId>>(&mut self, name: &str) -> Option<T> {
        let value = self.values.iter().find(|(other, _)| other == name);
        let value = value.map(|(_, value)| value.clone()).unwrap_or_default();
        let id = T::try_from(value);
        id.inspect_err(|rule| {
            self.errors.push(FieldError {
                field: name.to_owned(),
                rule: rule.to_string(),
            });
        })
        .ok()
    }

    fn tenant(mut self) -> Result<TenantId, Problem> {
        self.read("tenantId").ok_or_else(|| invalid(self.errors))
    }

    fn key(mut self) -> Result<RegistrationKey, Problem> {
        match (self.read("tenantId"), self.read("printerRef")) {
            (Some(tenant), Some(printer)) => Ok(RegistrationKey { tenant, printer }),
            _ => Err(invalid(self.errors)),
        }
    }
}

/// The route that a path is, and the parameters in it.
fn matched(method: &str, path: &str) -> Option<(&'static str, Vec<(String, String)>)> {
    let path = path.strip_suffix('/').unwrap_or(path);
    ROUTES.into_iter().find_map(|route| {
        let (known, template) = route.split_once(' ')?;
        let (parts, segments) = (template.split('/'), path.split('/'));
        if known != method || parts.clone().count() != segments.clone().count() {
            return None;
        }
        let mut parameters = Vec::new();
        for (part, segment) in parts.zip(segments) {
            match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(name) => parameters.push((name.to_owned(), segment.to_owned())),
                None if part == segment => {}
                None => return None,
            }
        }
        Some((route, parameters))
    })
}

fn nowhere() -> Problem {
    let detail = "There is no such route, or not with this method. See the registrations contract in the README.";
    Problem::new(404, "Not Found", detail)
}

#[cfg(test)]
mod tests {
    use printbell_adapters::api_gateway::request::RequestLine;

    use super::*;

    fn key() -> RegistrationKey {
        RegistrationKey {
            tenant: "abc123".parse().unwrap(),
            printer: "p~42".parse().unwrap(),
        }
    }

    /// A request as API Gateway hands it over, whatever the path is.
    fn chosen(route: &str, parameters: &[(&str, &str)]) -> HttpRequest {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        HttpRequest {
            line: RequestLine {
                path: "/registrations/registrations/x/y".to_owned(),
                route: RouteKey::Route(route.to_owned()),
                ..RequestLine::default()
            },
            path_parameters: parameters.iter().map(owned).collect(),
            ..HttpRequest::default()
        }
    }

    #[test]
    fn every_route_of_the_contract_is_known_and_no_other() {
        let ids = [("tenantId", "abc123"), ("printerRef", "p~42")];
        let table = [
            (LIST, Some(Route::List(None))),
            (LIST_OF_TENANT, Some(Route::List(Some(key().tenant)))),
            (GET, Some(Route::Get(key()))),
            (PUT, Some(Route::Put(key()))),
            (DELETE, Some(Route::Delete(key()))),
            (TEST, Some(Route::Test(key()))),
            (RENEW, Some(Route::Renew(key()))),
            ("POST /octoeverywhere/webhook", None),
            ("PATCH /registrations/{tenantId}/{printerRef}", None),
        ];
        for (route, expected) in table {
            assert_eq!(Route::of(&chosen(route, &ids)).ok(), expected, "{route}");
        }
    }

    #[test]
    fn where_no_route_was_chosen_the_path_is_looked_at() {
        let table = [
            ("GET", "/registrations", Some(Route::List(None))),
            ("GET", "/registrations/", Some(Route::List(None))),
            ("GET", "/registrations/abc123", Some(Route::List(Some(key().tenant)))),
            ("PUT", "/registrations/abc123/p~42", Some(Route::Put(key()))),
            ("POST", "/registrations/abc123/p~42/renew", Some(Route::Renew(key()))),
            ("GET", "/", None),
            ("GET", "/v1/registrations", None),
            ("PUT", "/registrations/abc123", None),
            ("POST", "/registrations/abc123/p~42/test/it", None),
        ];
        for (method, path, expected) in table {
            let request = HttpRequest {
                line: RequestLine {
                    method: method.to_owned(),
                    path: path.to_owned(),
                    ..RequestLine::default()
                },
                ..HttpRequest::default()
            };
            assert_eq!(Route::of(&request).ok(), expected, "{method} {path}");
        }
    }

    #[test]
    fn bad_ids_are_named_and_nothing_is_decoded_again() {
        for (tenant, printer) in [("a b", "p/42"), ("a%41", "p%2F42"), ("", "ä")] {
            let request = chosen(GET, &[("tenantId", tenant), ("printerRef", printer)]);
            let problem = Route::of(&request).unwrap_err();
            let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
            assert_eq!((problem.status, fields), (400, vec!["tenantId", "printerRef"]));
        }
        assert_eq!(Route::of(&chosen(GET, &[])).unwrap_err().errors.len(), 2);
    }
}

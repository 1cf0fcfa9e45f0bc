//! Which requests are callbacks at all, where the door lets every request through.
//!
//! The HTTP API has matched method and path before it hands an event over, and its route key says so. A function URL has no
//! routes: the whole internet's requests arrive here, and what isn't a callback is answered before anything else is read of it.

use printbell_adapters::api_gateway::request::{RequestLine, RouteKey};
use printbell_adapters::api_gateway::response::HttpResponse;
use printbell_shared::callback;
use printbell_shared::problem::Problem;

/// The one method of the one path.
const METHOD: &str = "POST";

/// What is wrong with a request's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misdirection {
    /// Nothing is at this path.
    Path,
    /// The path takes another method.
    Method,
}

/// Whether a callback can be at this address. A path is another one if it differs in anything: a slash at its end, two in a row,
/// a letter's case, an escape.
pub(crate) fn check(line: &RequestLine) -> Result<(), Misdirection> {
    match line.route {
        RouteKey::Default if line.path != callback::PATH => Err(Misdirection::Path),
        RouteKey::Default if line.method != METHOD => Err(Misdirection::Method),
        // The HTTP API has looked; and who invokes the function by hand means it.
        RouteKey::Default | RouteKey::Route(_) | RouteKey::Absent => Ok(()),
    }
}

impl From<Misdirection> for HttpResponse {
    fn from(misdirection: Misdirection) -> Self {
        match misdirection {
            Misdirection::Path => Self::from(&Problem::new(404, "Not Found", "There is nothing at this path.")),
            Misdirection::Method => {
                let problem = Problem::new(
                    405,
                    "Method Not Allowed",
                    "This path takes callbacks, which are POSTed.",
                );
                Self::from(&problem).allow(METHOD)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(route: RouteKey, method: &str, path: &str) -> RequestLine {
        RequestLine {
            method: method.to_owned(),
            path: path.to_owned(),
            route,
        }
    }

    #[test]
    fn a_door_without_routes_has_one_path_and_one_method() {
        use Misdirection::{Method, Path};
        let table = [
            ("POST", "/octoeverywhere/webhook", Ok(())),
            ("GET", "/octoeverywhere/webhook", Err(Method)),
            ("post", "/octoeverywhere/webhook", Err(Method)),
            ("", "/octoeverywhere/webhook", Err(Method)),
            ("POST", "/octoeverywhere/webhook/", Err(Path)),
            ("POST", "//octoeverywhere/webhook", Err(Path)),
            ("POST", "/octoeverywhere%2Fwebhook", Err(Path)),
            ("GET", "/", Err(Path)),
            ("POST", "", Err(Path)),
        ];
        for (method, path, expected) in table {
            assert_eq!(
                check(&line(RouteKey::Default, method, path)),
                expected,
                "{method} {path}"
            );
        }
    }

    #[test]
    fn where_a_route_was_taken_the_path_is_not_looked_at_again() {
        // The path below a domain of one's own has the domain's mapping before it.
        let route = || RouteKey::Route("POST /octoeverywhere/webhook".to_owned());
        for route in [route(), RouteKey::Absent] {
            assert_eq!(check(&line(route, "", "/bell/octoeverywhere/webhook")), Ok(()));
        }
    }
}

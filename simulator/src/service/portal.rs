//! The portal's final URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::wire::connection::AppConnection;
use crate::wire::portal::{Joint, KeyCase, PortalVisit};

/// All but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A URL that the portal can't come back to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the returnUrl must be an absolute URL without a fragment, https://…")]
pub(crate) struct InvalidReturnUrl;

/// # Errors
/// When the results can't be appended to this URL.
pub(crate) fn check(visit: &PortalVisit) -> Result<(), InvalidReturnUrl> {
    if visit.return_url.contains("://") && !visit.return_url.contains('#') {
        Ok(())
    } else {
        Err(InvalidReturnUrl)
    }
}

/// Where the portal sends the user: with the App Connection and its printer's name, if they agreed.
pub(crate) fn final_url(visit: &PortalVisit, result: Option<(&AppConnection, &str)>) -> String {
    let joint = match visit.joint {
        Joint::Ampersand if visit.return_url.contains('?') => '&',
        Joint::Ampersand | Joint::QuestionMark => '?',
    };
    let pairs: Vec<String> = results(result)
        .iter()
        .map(|(key, value)| {
            let key = match visit.keys {
                KeyCase::Documented => (*key).to_owned(),
                KeyCase::Lower => key.to_lowercase(),
                KeyCase::Upper => key.to_uppercase(),
            };
            format!("{key}={}", utf8_percent_encode(value, ENCODED))
        })
        .collect();
    format!("{}{joint}{}", visit.return_url, pairs.join("&"))
}

/// octoeverywhere.md: what is always there, then what sometimes is, most of it shown only once.
fn results(result: Option<(&AppConnection, &str)>) -> Vec<(&'static str, String)> {
    let Some((connection, name)) = result else {
        return vec![("success", "false".to_owned())];
    };
    let id = connection.connection_id.as_str();
    vec![
        ("success", "true".to_owned()),
        ("id", id.to_owned()),
        ("url", format!("https://app-{id}.octoeverywhere.com")),
        ("appApiToken", connection.token.expose().to_owned()),
        ("printername", name.to_owned()),
        (
            "userPrinterAccessUrl",
            format!("https://octoeverywhere.com/view/{}", connection.printer_id),
        ),
        ("printerLastKnownLocalIp", "192.168.1.5".to_owned()),
        ("authBasicHttpUser", format!("user-{id}")),
        ("authBasicHttpPassword", format!("password-{id}")),
        ("authBearerToken", format!("bearer-{id}")),
        ("octoPrintApiKey", format!("key-{id}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ids::{AppToken, ConnectionId, PrinterId};

    fn url(visit: &PortalVisit) -> String {
        let connection = AppConnection {
            connection_id: ConnectionId::new("c1"),
            token: AppToken::new("a+b/=&?"),
            printer_id: PrinterId::new("p1"),
        };
        final_url(visit, Some((&connection, "Küche & 3")))
    }

    #[test]
    fn the_results_are_appended_whole() {
        let expected = "https://app.example/back?success=true&id=c1&url=https%3A%2F%2Fapp-c1.octoeverywhere.com\
            &appApiToken=a%2Bb%2F%3D%26%3F&printername=K%C3%BCche%20%26%203\
            &userPrinterAccessUrl=https%3A%2F%2Foctoeverywhere.com%2Fview%2Fp1&printerLastKnownLocalIp=192.168.1.5\
            &authBasicHttpUser=user-c1&authBasicHttpPassword=password-c1&authBearerToken=bearer-c1&octoPrintApiKey=key-c1";
        assert_eq!(url(&PortalVisit::to("https://app.example/back")), expected);
    }

    #[test]
    fn a_url_keeps_its_query_and_keys_come_in_any_case() {
        for (return_url, joint, keys, beginning) in [
            (
                "https://a.example/?s=1",
                Joint::QuestionMark,
                KeyCase::Documented,
                "https://a.example/?s=1?success=true&id=",
            ),
            (
                "https://a.example/?s=1",
                Joint::Ampersand,
                KeyCase::Lower,
                "https://a.example/?s=1&success=true&id=",
            ),
            (
                "https://a.example/",
                Joint::Ampersand,
                KeyCase::Upper,
                "https://a.example/?SUCCESS=true&ID=",
            ),
        ] {
            let visit = PortalVisit {
                joint,
                keys,
                ..PortalVisit::to(return_url)
            };
            assert!(url(&visit).starts_with(beginning), "{}", url(&visit));
        }
        for (keys, token) in [(KeyCase::Lower, "&appapitoken=a"), (KeyCase::Upper, "&APPAPITOKEN=a")] {
            let visit = PortalVisit {
                keys,
                ..PortalVisit::to("https://a.example/")
            };
            assert!(url(&visit).contains(token));
        }
    }

    #[test]
    fn a_refusal_says_so_and_nothing_else() {
        let visit = PortalVisit::to("https://a.example/?s=1");
        assert_eq!(final_url(&visit, None), "https://a.example/?s=1?success=false");
    }

    #[test]
    fn a_url_must_be_one_that_can_be_appended_to() {
        for (url, good) in [
            ("https://a.example", true),
            ("app://back?x", true),
            ("/back", false),
            ("https://a.example/#x", false),
        ] {
            assert_eq!(check(&PortalVisit::to(url)).is_ok(), good, "{url}");
        }
    }
}

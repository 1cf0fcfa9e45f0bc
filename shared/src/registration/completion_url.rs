//! The URL that the App Connection Portal ends at: the app's `returnUrl`, with what the portal appends to its query
//! (`octoeverywhere.md`, "App Connection and its token").

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use thiserror::Error;

use super::app_connection::AppConnection;
use super::wish::{AppToken, InvalidAppToken};

/// The parameters that are read, whatever their case: old builds wrote some of them in lower case.
const SUCCESS: &str = "success";
const TOKEN: &str = "appApiToken";
const ID: &str = "id";

/// Why there is no App Connection in a URL. Its text quotes nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidCompletionUrl {
    /// The user didn't finish.
    #[error("says success=false, so there is no App Connection: have the user go through the portal again")]
    Unfinished,
    /// There is no token in it.
    #[error(
        "has no appApiToken: send the URL that the portal ended at, whole, with all that follows its ?; the token alone goes \
         into appToken"
    )]
    NoToken,
    /// Its token isn't one.
    #[error(
        "has an appApiToken that can't be one, for it {0}: send the URL as the portal wrote it, percent-encoding and all"
    )]
    Token(#[from] InvalidAppToken),
    /// A parameter has two values, so nobody knows which one is the portal's.
    #[error(
        "has {0} twice, with different values: send the URL as the portal wrote it, and keep {0} out of the returnUrl"
    )]
    Repeated(&'static str),
}

/// Reads the portal's final URL. All but the token and the id is the app's own business and is discarded.
///
/// It isn't documented how the portal appends to a `returnUrl` that has a query already, so a further `?` counts as `&`. A raw
/// `+` is a plus: tokens may be base64.
pub fn read(url: &str) -> Result<AppConnection, InvalidCompletionUrl> {
    let (url, _fragment) = url.split_once('#').unwrap_or((url, ""));
    let (_, query) = url.split_once('?').unwrap_or_default();
    let success = parameter(query, SUCCESS)?;
    if success.is_some_and(|success| success.trim().eq_ignore_ascii_case("false")) {
        return Err(InvalidCompletionUrl::Unfinished);
    }
    let token = parameter(query, TOKEN)?.filter(|token| !token.is_empty());
    let token = AppToken::try_from(SecretString::from(token.ok_or(InvalidCompletionUrl::NoToken)?))?;
    // Without an id it is still an App Connection, so an odd one does no harm.
    let id = parameter(query, ID)?.and_then(|id| id.try_into().ok());
    Ok(AppConnection { token, id })
}

/// The value of the parameter called `name`.
fn parameter(query: &str, name: &'static str) -> Result<Option<String>, InvalidCompletionUrl> {
    let pairs = query.split(['&', '?']);
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut values = pairs
        .filter(|(other, _)| decode(other).eq_ignore_ascii_case(name))
        .map(|(_, value)| decode(value));
    let first = values.next();
    if values.any(|value| Some(value) != first) {
        return Err(InvalidCompletionUrl::Repeated(name));
    }
    Ok(first)
}

/// Bytes that are no UTF-8 become a character that neither a token nor an id has.
fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn connection(token: &str, id: Option<&str>) -> AppConnection {
        AppConnection {
            token: SecretString::from(token).try_into().unwrap(),
            id: id.map(|id| id.parse().unwrap()),
        }
    }

    #[test]
    fn the_token_and_the_id_are_read_however_they_are_written() {
        for (url, token, id) in [
            (
                "https://app.example/back?success=true&id=7&appApiToken=t1",
                "t1",
                Some("7"),
            ),
            (
                "https://app.example/back?Success=True&ID=7&APPAPITOKEN=t1&printername=My%20%26",
                "t1",
                Some("7"),
            ),
            ("myapp://back?appapitoken=t1", "t1", None),
            ("?appApiToken=t1", "t1", None),
            (
                "https://app.example/?room=1?success=true&appApiToken=t1&id=7",
                "t1",
                Some("7"),
            ),
            ("https://app.example/?next=/a?b=1?appApiToken=t1?id=7", "t1", Some("7")),
            ("https://app.example/?&&=&x&appApiToken=t1&", "t1", None),
            // A fragment is the app's; in it nothing is read.
            ("https://app.example/?appApiToken=t1#id=7&success=false", "t1", None),
            // Base64, raw and encoded; and what is no encoding stays.
            (
                "https://app.example/?appApiToken=a+b/c==&id=x+y",
                "a+b/c==",
                Some("x+y"),
            ),
            ("https://app.example/?appApiToken=a%2Bb%2fc%3D%3d", "a+b/c==", None),
            ("https://app.example/?appApiToken=100%&id=%zz", "100%", Some("%zz")),
            ("https://app.example/?app%41piToken=%26%3F%23", "&?#", None),
            // Twice the same is once.
            (
                "https://app.example/?id=7&appApiToken=t1&ID=%37&appapitoken=t1",
                "t1",
                Some("7"),
            ),
            // An id that can't be one, and a success that nobody knows.
            ("https://app.example/?id=a%20b&appApiToken=t1&success=", "t1", None),
            ("https://app.example/?id=&appApiToken=t1&success=1", "t1", None),
            ("https://app.example/?id=%FF&appApiToken=t1", "t1", None),
        ] {
            assert_eq!(read(url), Ok(connection(token, id)), "{url}");
        }
    }

    #[test]
    fn what_is_no_connection_is_told_without_quoting_it() {
        use InvalidCompletionUrl::{NoToken, Repeated, Token, Unfinished};
        for (url, error) in [
            ("", NoToken),
            ("secret-1", NoToken),
            ("https://app.example/back", NoToken),
            ("https://app.example/back?success=true&id=7", NoToken),
            ("https://app.example/back?success=true&appApiToken=", NoToken),
            ("https://app.example/back?success=true&appApiToken", NoToken),
            ("https://app.example/back?xappApiToken=secret-1", NoToken),
            ("https://app.example/back#?appApiToken=secret-1", NoToken),
            ("https://app.example/back?success=false", Unfinished),
            (
                "https://app.example/back?SUCCESS=False&appApiToken=secret-1",
                Unfinished,
            ),
            ("https://app.example/back?x=1?success=%66alse", Unfinished),
            (
                "https://app.example/back?appApiToken=secret%201",
                Token(InvalidAppToken),
            ),
            ("https://app.example/back?appApiToken=secret 1", Token(InvalidAppToken)),
            (
                "https://app.example/back?appApiToken=secret-1%FF",
                Token(InvalidAppToken),
            ),
            (
                "https://app.example/back?appApiToken=secret-1&appapitoken=secret-2",
                Repeated("appApiToken"),
            ),
            (
                "https://app.example/back?appApiToken=secret-1&appApiToken",
                Repeated("appApiToken"),
            ),
            (
                "https://app.example/back?id=1?appApiToken=secret-1&id=2",
                Repeated("id"),
            ),
            (
                "https://app.example/back?success=true&success=false&appApiToken=secret-1",
                Repeated("success"),
            ),
        ] {
            let found = read(url).unwrap_err();
            assert_eq!(found, error, "{url}");
            let text = format!("{found} {found:?}");
            assert!(!text.contains("secret") && !text.contains("app.example"), "{text}");
        }
        let long = format!("?appApiToken={}", "x".repeat(8193));
        assert_eq!(read(&long), Err(Token(InvalidAppToken)));
    }

    proptest! {
        #[test]
        fn whatever_the_portal_appends_is_read_back(
            token in "[!-~]{1,80}",
            id in "[!-~]{1,40}",
            own in proptest::collection::vec(("[a-hA-H]{1,5}", "\\PC{0,8}"), 0..4),
            separator in prop::sample::select(vec!["?", "&"]),
            cases in any::<[bool; 3]>(),
            fragment in prop::option::of("\\PC{0,8}"),
        ) {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let case = |name: &str, is_lower| if is_lower { name.to_lowercase() } else { name.to_owned() };
            let own: Vec<_> = own.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
            // A returnUrl without a query gets one.
            let separator = if own.is_empty() { "?" } else { separator };
            let query = if own.is_empty() { String::new() } else { format!("?{}", own.join("&")) };
            let mut url = format!(
                "https://app.example/back{query}{separator}{}=true&{}={}&url=https%3A%2F%2Fx%3Fid%3D9&{}={}",
                case(SUCCESS, cases[0]), case(ID, cases[1]), encode(&id), case(TOKEN, cases[2]), encode(&token),
            );
            url.extend(fragment.map(|fragment| format!("#{fragment}")));
            prop_assert_eq!(read(&url), Ok(connection(&token, Some(&id))));
        }

        #[test]
        fn no_text_is_too_odd(url in "\\PC{0,200}|([?&#=%+]|appApiToken|id|success|[a-z]){0,40}") {
            let _ = read(&url);
        }
    }
}

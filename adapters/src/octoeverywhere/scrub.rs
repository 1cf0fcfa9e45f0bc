//! Keeps secrets out of what an answer leaves behind.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands where a secret was.
const MASK: &str = "[secret]";

/// The secrets of one call, in every spelling that an echo may give them.
///
/// As sent, JSON-escaped and percent-encoded; the longest first, so that a URL goes as a whole.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// `secrets` are the AppToken, and the callback URL where the call has one. The URL's token is masked on its own too.
    pub(super) fn new(secrets: &[&str]) -> Self {
        let mut spellings = Vec::new();
        for secret in secrets {
            spell(secret, &mut spellings);
            if let Some((_, rest)) = secret.split_once("callbackToken=") {
                spell(rest.split('&').next().unwrap_or(rest), &mut spellings);
            }
        }
        spellings.retain(|spelling| !spelling.is_empty());
        spellings.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
        Self(spellings)
    }

    /// `text` without a secret.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut scrubbed = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let found = self.0.iter().find(|spelling| rest.starts_with(spelling.as_str()));
            let length = match found {
                Some(spelling) => {
                    scrubbed.push_str(MASK);
                    spelling.len()
                }
                None => {
                    scrubbed.push(next);
                    next.len_utf8()
                }
            };
            rest = &rest[length..];
        }
        scrubbed
    }

    /// As [`scrub`](Self::scrub), for the first bytes of something longer if `text` reaches `limit`: then its end may be the
    /// beginning of a secret, and goes too.
    pub(super) fn scrub_cut(&self, text: &[u8], limit: usize) -> String {
        let whole = self.scrub(&String::from_utf8_lossy(text));
        if text.len() < limit {
            return whole;
        }
        let cut = self
            .0
            .iter()
            .filter_map(|spelling| {
                (1..spelling.len())
                    .rev()
                    .filter(|&length| spelling.is_char_boundary(length))
                    .find(|&length| whole.ends_with(&spelling[..length]))
            })
            .max()
            .unwrap_or(0);
        whole[..whole.len() - cut].to_owned()
    }
}

fn spell(secret: &str, spellings: &mut Vec<String>) {
    let json = serde_json::to_string(secret).unwrap_or_default(); // a string: can't fail
    let json = json.get(1..json.len() - 1).unwrap_or_default(); // without its quotes
    spellings.push(secret.to_owned());
    spellings.push(json.to_owned());
    spellings.push(json.replace('/', "\\/"));
    // As some services write JSON for HTML's sake.
    spellings.push(json.replace('&', "\\u0026"));
    spellings.push(secret.replace('&', "&amp;"));
    spellings.push(utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str =
        "https://bell.example.com/octoeverywhere/webhook?tenantId=a&printerRef=p&callbackToken=k.SIGN&room=lab";

    fn check(text: &str, scrubbed: &str) {
        assert_eq!(Secrets::new(&["to/ken\"1", URL]).scrub(text), scrubbed);
    }

    #[test]
    fn no_spelling_of_a_secret_is_left() {
        check("bad token to/ken\"1!", "bad token [secret]!");
        check(r#"{"t":"to/ken\"1"}"#, r#"{"t":"[secret]"}"#);
        check(r#"{"t":"to\/ken\"1"}"#, r#"{"t":"[secret]"}"#);
        check("?t=to%2Fken%221", "?t=[secret]");
        check(&format!("url {URL}."), "url [secret].");
        check(&URL.replace('&', "\\u0026"), "[secret]");
        check(&URL.replace('&', "&amp;"), "[secret]");
        check("no k.SIGN either", "no [secret] either");
        check("nothing", "nothing");
    }

    #[test]
    fn the_mask_is_not_masked() {
        assert_eq!(Secrets::new(&["e"]).scrub("re"), "r[secret]");
    }

    #[test]
    fn a_secret_that_the_limit_cuts_in_two_is_not_left_either() {
        let secrets = Secrets::new(&["a-long-token"]);
        assert_eq!(secrets.scrub_cut(b"your a-long-to", 14), "your ");
        assert_eq!(secrets.scrub_cut(b"your a-long-to", 15), "your a-long-to");
        assert_eq!(secrets.scrub_cut(b"a-long-token and a", 18), "[secret] and ");
    }

    #[test]
    fn an_empty_token_masks_nothing() {
        assert_eq!(Secrets::new(&[""]).scrub("text"), "text");
    }
}

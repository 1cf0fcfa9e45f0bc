//! Keeps secrets out of what an answer leaves behind.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands where a secret was.
const MASK: &str = "[secret]";

/// How much of a credential gives it away, in characters: services echo the beginning of what is too long for them.
const PART: usize = 16;

/// The secrets of one call, in every spelling that an echo may give them.
///
/// As sent, JSON-escaped and percent-encoded.
pub(super) struct Secrets(Vec<Spelling>);

struct Spelling {
    text: String,
    /// How many characters of it, from its first one on, are masked.
    least: usize,
}

impl Secrets {
    /// The AppToken, and the callback URL where the call has one: as a whole, for its beginning is no secret, and its token on
    /// its own too.
    pub(super) fn new(app_token: &str, webhook_url: &str) -> Self {
        let callback_token = webhook_url.split_once("callbackToken=").map(|(_, rest)| rest);
        let callback_token = callback_token
            .and_then(|rest| rest.split('&').next())
            .unwrap_or_default();
        let credentials = [app_token, callback_token].into_iter().flat_map(spellings);
        let credentials = credentials.map(|text| Spelling {
            least: text.chars().count().min(PART),
            text,
        });
        let urls = spellings(webhook_url).into_iter().map(|text| Spelling {
            least: text.chars().count(),
            text,
        });
        let mut secrets = Self(credentials.chain(urls).collect());
        secrets.0.retain(|spelling| !spelling.text.is_empty());
        secrets
    }

    /// `text` without a secret.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut scrubbed = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            // The longest, so that a URL goes as a whole.
            let found = self.0.iter().filter_map(|spelling| spelling.at_start_of(rest)).max();
            scrubbed.push_str(found.map_or(&rest[..next.len_utf8()], |_| MASK));
            rest = &rest[found.unwrap_or(next.len_utf8())..];
        }
        scrubbed
    }

    /// As [`scrub`](Self::scrub), for the beginning of something longer: its end may be the beginning of a secret, and then
    /// goes too.
    pub(super) fn scrub_cut(&self, text: &str) -> String {
        let whole = self.scrub(text);
        let cut = self
            .0
            .iter()
            .filter_map(|Spelling { text, .. }| {
                (1..text.len())
                    .rev()
                    .filter(|&length| text.is_char_boundary(length))
                    .find(|&length| whole.ends_with(&text[..length]))
            })
            .max()
            .unwrap_or(0);
        whole[..whole.len() - cut].to_owned()
    }
}

impl Spelling {
    /// How much of it `text` begins with, in bytes; `None` where that gives nothing away.
    fn at_start_of(&self, text: &str) -> Option<usize> {
        let equal = self.text.chars().zip(text.chars()).take_while(|(a, b)| a == b);
        let (characters, bytes) = equal.fold((0, 0), |(characters, bytes), (c, _)| {
            (characters + 1, bytes + c.len_utf8())
        });
        (characters >= self.least).then_some(bytes)
    }
}

fn spellings(secret: &str) -> [String; 6] {
    let json = serde_json::to_string(secret).unwrap_or_default(); // a string: can't fail
    let json = json.get(1..json.len() - 1).unwrap_or_default(); // without its quotes
    [
        secret.to_owned(),
        json.to_owned(),
        json.replace('/', "\\/"),
        // As some services write JSON for HTML's sake.
        json.replace('&', "\\u0026"),
        secret.replace('&', "&amp;"),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str =
        "https://bell.example.com/octoeverywhere/webhook?tenantId=a&printerRef=p&callbackToken=k.SIGN&room=lab";

    fn check(text: &str, scrubbed: &str) {
        assert_eq!(Secrets::new("to/ken\"1", URL).scrub(text), scrubbed);
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
        assert_eq!(Secrets::new("e", "").scrub("re"), "r[secret]");
    }

    #[test]
    fn a_secret_that_the_end_cuts_in_two_is_not_left_either() {
        let secrets = Secrets::new("a-long-token", "");
        assert_eq!(secrets.scrub_cut("your a-long-to"), "your ");
        assert_eq!(secrets.scrub("your a-long-to"), "your a-long-to");
        assert_eq!(secrets.scrub_cut("a-long-token and a"), "[secret] and ");
    }

    #[test]
    fn a_long_secret_goes_like_a_short_one_and_so_does_its_beginning() {
        let token: String = (0..2048).map(|n| format!("{n:02x}/\"")).collect();
        let secrets = Secrets::new(&token[..8192], URL);
        for Spelling { text, .. } in &Secrets::new(&token[..8192], "").0 {
            assert_eq!(secrets.scrub(&format!("<{text}>")), "<[secret]>");
            for length in [16, 100, 4096, text.len() - 1] {
                assert_eq!(secrets.scrub(&format!("<{}...", &text[..length])), "<[secret]...");
                assert_eq!(secrets.scrub_cut(&format!("<{}", &text[..length])), "<[secret]");
            }
            assert_eq!(secrets.scrub_cut(&format!("<{}", &text[..15])), "<");
        }
        let (host, _) = URL.split_once('?').unwrap();
        check(&format!("{host} can't be reached"), &format!("{host} can't be reached"));
    }

    #[test]
    fn an_empty_token_masks_nothing() {
        assert_eq!(Secrets::new("", "").scrub("text"), "text");
    }
}

//! Keeps secrets out of what an answer leaves behind.
//!
//! Who quotes a secret may spell it anew, more than once: in JSON, in a URL, in HTML, in Base64. So the text is read the way its
//! readers would, and what they would find is masked where it stands.

mod reading;

use std::ops::Range;

use reading::{Reading, readings};

/// What stands where a secret was.
const MASK: &str = "[secret]";

/// How much of a credential gives it away, in bytes: services echo the beginning of what is too long for them.
const PART: usize = 16;

/// The parameter of a callback URL that is a secret.
const PARAMETER: &[u8] = b"callbackToken";

/// What may stand between a parameter's name and its value, and how much of it: `=`, or `": "`.
const BETWEEN: (&[u8], usize) = (b"=:\"' ", 5);

/// The length of the key id before a callback token's dot.
const KEY_ID: usize = 8;

/// The secrets of one call: AppTokens that are known, and every callback token, of whatever URL, by its looks.
pub(super) struct Secrets<'a>(Vec<&'a [u8]>);

impl<'a> Secrets<'a> {
    /// With these AppTokens.
    pub(super) fn new(app_tokens: impl IntoIterator<Item = &'a str>) -> Self {
        let tokens = app_tokens.into_iter().map(str::as_bytes);
        Self(tokens.filter(|token| !token.is_empty()).collect())
    }

    /// `text` without a secret.
    pub(super) fn scrub(&self, text: &str) -> String {
        mask(text, &self.spans(&readings(text)))
    }

    /// As [`scrub`](Self::scrub), for the beginning of something longer: its end may be the beginning of a secret, and then
    /// goes too.
    pub(super) fn scrub_cut(&self, text: &str) -> String {
        let text = &text[..reading::whole_escapes(text)];
        let readings = readings(text);
        let spans = self.spans(&readings);
        if spans.last().is_some_and(|last| last.end == text.len()) {
            return mask(text, &spans);
        }
        let end = readings
            .iter()
            .map(|reading| self.harmless_end(reading, text.len()))
            .min();
        let end = end.unwrap_or(text.len());
        let before = spans.into_iter().filter(|span| span.start < end).collect::<Vec<_>>();
        let end = before.last().map_or(end, |last| end.max(last.end));
        mask(&text[..end], &before)
    }

    /// Where the secrets are, in order and apart from each other.
    fn spans(&self, readings: &[Reading]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = readings.iter().flat_map(|reading| self.found_in(reading)).collect();
        found.sort_by_key(|span| span.start);
        let mut spans: Vec<Range<usize>> = Vec::new();
        for span in found {
            match spans.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                _ => spans.push(span),
            }
        }
        spans
    }

    fn found_in(&self, reading: &Reading) -> Vec<Range<usize>> {
        let bytes = reading.bytes();
        let mut spans = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let tokens = self.0.iter().filter_map(|token| beginning_of(token, rest));
            let length = tokens.chain(callback_token(rest)).max();
            spans.extend(length.map(|length| reading.span(at..at + length)));
            if let Some(value) = parameter(rest) {
                spans.push(reading.span(at + value.start..at + value.end));
            }
            at += length.unwrap_or(1);
        }
        spans
    }

    /// How far the text goes before what may be a secret's beginning at its end.
    fn harmless_end(&self, reading: &Reading, whole: usize) -> usize {
        let bytes = reading.bytes();
        let tail = |token: &&[u8]| {
            let longest = (token.len() - 1).min(bytes.len());
            (1..=longest).rev().find(|&length| bytes.ends_with(&token[..length]))
        };
        let tokens = self.0.iter().filter_map(tail);
        let signature = bytes.iter().rev().take_while(|&&byte| is_base64url(byte)).count();
        let dot = bytes.len().checked_sub(signature + 1).filter(|&dot| bytes[dot] == b'.');
        let callback = dot.filter(|&dot| is_key_id(&bytes[dot.saturating_sub(KEY_ID)..dot]));
        let callback = callback.map(|dot| bytes.len() - (dot - KEY_ID));
        let length = tokens.chain(callback).max();
        length.map_or(whole, |length| reading.span(bytes.len() - length..bytes.len()).start)
    }
}

/// How much of `token` is at the start of `text`; `None` where that gives nothing away.
fn beginning_of(token: &[u8], text: &[u8]) -> Option<usize> {
    let equal = token.iter().zip(text).take_while(|(a, b)| a == b).count();
    (equal >= token.len().min(PART)).then_some(equal)
}

/// The length of a callback token at the start of `text`, if one is there or enough of it: `{keyId}.{signature}`.
fn callback_token(text: &[u8]) -> Option<usize> {
    let (key_id, rest) = text.split_at_checked(KEY_ID)?;
    let signature = rest.strip_prefix(b".").filter(|_| is_key_id(key_id))?;
    let length = signature.iter().take_while(|&&byte| is_base64url(byte)).count();
    (length >= PART).then_some(KEY_ID + 1 + length)
}

/// Where the value is, if the parameter is at the start of `text`.
fn parameter(text: &[u8]) -> Option<Range<usize>> {
    let (name, rest) = text.split_at_checked(PARAMETER.len())?;
    let (between, longest) = BETWEEN;
    let between = rest
        .iter()
        .take_while(|byte| between.contains(byte))
        .take(longest)
        .count();
    let is_there = name.eq_ignore_ascii_case(PARAMETER) && between > 0;
    let start = PARAMETER.len() + between;
    let value = text.get(start..)?.iter();
    let length = value
        .take_while(|&&byte| is_base64url(byte) || b".~%+".contains(&byte))
        .count();
    (is_there && length > 0).then_some(start..start + length)
}

fn is_key_id(bytes: &[u8]) -> bool {
    bytes.len() == KEY_ID && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn mask(text: &str, spans: &[Range<usize>]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        masked.push_str(&text[at..span.start]);
        masked.push_str(MASK);
        at = span.end;
    }
    masked.push_str(&text[at..]);
    masked
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    use super::*;

    const TOKEN: &str = "to/ken+\"1&'é";
    const CALLBACK: &str = "0f9c1d2e.Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6";

    /// Who spells texts anew.
    type Speller = fn(&str) -> String;

    fn every(text: &str, spell: impl Fn(char) -> String) -> String {
        text.chars().map(spell).collect()
    }

    fn json(text: &str) -> String {
        let quoted = serde_json::to_string(text).unwrap();
        quoted[1..quoted.len() - 1].to_owned()
    }

    const SPELLERS: [(&str, Speller); 12] = [
        ("as it is", |text| text.to_owned()),
        ("JSON", json),
        ("JSON with slashes", |text| json(text).replace('/', "\\/")),
        ("JSON, small", |text| {
            let units: Vec<u16> = text.encode_utf16().collect();
            units.into_iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }),
        ("JSON, capital", |text| {
            let units: Vec<u16> = text.encode_utf16().collect();
            units.into_iter().map(|unit| format!("\\u{unit:04X}")).collect()
        }),
        ("percent", |text| {
            utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
        }),
        ("percent, small", |text| {
            text.bytes().map(|byte| format!("%{byte:02x}")).collect()
        }),
        ("entities", |text| {
            let text = text.replace('&', "&amp;").replace('"', "&quot;").replace('\'', "&#39;");
            text.replace('/', "&sol;").replace('+', "&plus;")
        }),
        ("entities, decimal", |text| {
            every(text, |c| format!("&#{};", u32::from(c)))
        }),
        ("entities, hexadecimal", |text| {
            every(text, |c| format!("&#x{:x};", u32::from(c)))
        }),
        ("Base64", |text| STANDARD.encode(text)),
        ("Base64 for URLs", |text| URL_SAFE_NO_PAD.encode(text)),
    ];

    fn secrets() -> Secrets<'static> {
        Secrets::new([TOKEN])
    }

    #[test]
    fn no_spelling_of_a_secret_is_left_nor_a_spelling_of_a_spelling() {
        for secret in [TOKEN, CALLBACK] {
            for (first, spell) in SPELLERS {
                let once = spell(secret);
                check(&once, first);
                for (second, spell_again) in SPELLERS {
                    check(&spell_again(&once), &format!("{first}, {second}"));
                }
            }
        }
    }

    /// What pads Base64, in whatever spelling, is no secret.
    fn check(spelled: &str, name: &str) {
        let scrubbed = secrets().scrub(&format!("<{spelled}>"));
        let left = scrubbed
            .strip_prefix("<[secret]")
            .and_then(|rest| rest.strip_suffix('>'));
        assert!(
            left.is_some_and(|left| left.len() <= 12),
            "{name}: {spelled}: {scrubbed}"
        );
    }

    #[test]
    fn a_secret_within_what_was_encoded_is_found_wherever_it_begins() {
        for before in ["", "{", "{\"", "{\"t\"", "ask for {\"t\":\""] {
            let text = STANDARD.encode(format!("{before}{TOKEN}, or else"));
            let scrubbed = secrets().scrub(&text);
            assert!(scrubbed.contains(MASK), "{scrubbed}");
            // Before it, and behind it, nothing is masked but what shares a digit with it.
            let [start, end] = [before, ", or else"].map(|text| STANDARD.encode(text).trim_end_matches('=').len());
            assert!(scrubbed.len() <= start + MASK.len() + end + 2, "{scrubbed}");
        }
    }

    #[test]
    fn a_callback_token_is_known_by_its_looks_and_by_its_parameter() {
        let table = [
            (format!("no {CALLBACK} either"), "no [secret] either"),
            (
                format!("{{\"url\":\"https://x/?a=1&callbackToken={CALLBACK}&room=lab\"}}"),
                "{\"url\":\"https://x/?a=1&callbackToken=[secret]&room=lab\"}",
            ),
            (
                "https://x/?callbacktoken=k.SIGN&room=lab".to_owned(),
                "https://x/?callbacktoken=[secret]&room=lab",
            ),
            (
                "https%3A%2F%2Fx%3FcallbackToken%3Dk%2ESIGN%26a".to_owned(),
                "https%3A%2F%2Fx%3FcallbackToken%3D[secret]%26a",
            ),
            (
                "{\"callbackToken\": \"k.SIGN\"}".to_owned(),
                "{\"callbackToken\": \"[secret]\"}",
            ),
            (
                "no callbackToken was given".to_owned(),
                "no callbackToken [secret] given",
            ),
            (
                "https://bell.example.com/octoeverywhere/webhook can't be reached".to_owned(),
                "https://bell.example.com/octoeverywhere/webhook can't be reached",
            ),
            ("nothing".to_owned(), "nothing"),
        ];
        for (text, scrubbed) in table {
            assert_eq!(secrets().scrub(&text), scrubbed);
        }
    }

    #[test]
    fn the_mask_is_not_masked() {
        assert_eq!(Secrets::new(["e"]).scrub("re"), "r[secret]");
    }

    #[test]
    fn every_token_goes() {
        let secrets = Secrets::new(["present-one", "old-one", ""]);
        assert_eq!(secrets.scrub("old-one, present-one"), "[secret], [secret]");
    }

    #[test]
    fn a_secret_that_the_end_cuts_in_two_is_not_left_either() {
        let secrets = Secrets::new(["a-long-token"]);
        assert_eq!(secrets.scrub_cut("your a-long-to"), "your ");
        assert_eq!(secrets.scrub("your a-long-to"), "your a-long-to");
        assert_eq!(secrets.scrub_cut("a-long-token and a"), "[secret] and ");
        assert_eq!(secrets.scrub_cut(&format!("see {}", &CALLBACK[..14])), "see ");
    }

    #[test]
    fn no_cut_of_any_spelling_leaves_more_than_a_little() {
        let token: String = (0..40_u8).map(|n| char::from(b'!' + n * 2)).collect();
        let secrets = Secrets::new([token.as_str()]);
        for (name, spell) in SPELLERS {
            let spelled = spell(&token);
            for end in 0..spelled.len() {
                let text = format!("token: {}", &spelled[..end]);
                let scrubbed = secrets.scrub_cut(&text);
                let left = scrubbed.trim_start_matches("token: ").trim_start_matches(MASK);
                assert!(left.len() <= 3, "{name}, {end}: {scrubbed}");
            }
        }
    }

    #[test]
    fn a_long_secret_goes_like_a_short_one_and_so_does_its_beginning() {
        let token: String = (0..2048).map(|n| format!("{n:02x}/\"")).collect();
        let token = &token[..8192];
        let secrets = Secrets::new([token]);
        assert_eq!(secrets.scrub(&format!("<{token}>")), "<[secret]>");
        for length in [16, 100, 4096, token.len() - 1] {
            assert_eq!(secrets.scrub(&format!("<{}...", &token[..length])), "<[secret]...");
            assert_eq!(secrets.scrub_cut(&format!("<{}", &token[..length])), "<[secret]");
        }
        assert_eq!(secrets.scrub_cut(&format!("<{}", &token[..15])), "<");
    }

    #[test]
    fn an_empty_token_masks_nothing() {
        assert_eq!(Secrets::new([""]).scrub("text"), "text");
    }

    #[test]
    fn a_text_of_any_bytes_is_scrubbed_without_harm() {
        for text in [
            "%",
            "%e9%",
            "\\",
            "\\u",
            "\\ud83d\\u",
            "&#x110000;",
            "&#;",
            "&;",
            "é%C3%A9",
            "\\ud83d\\ude00",
        ] {
            assert_eq!(secrets().scrub(text), text);
        }
    }
}

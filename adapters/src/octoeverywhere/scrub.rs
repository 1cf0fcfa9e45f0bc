//! Keeps secrets out of what an answer leaves behind.
//!
//! Who quotes a secret may spell it anew, more than once: in JSON, in a URL, in HTML, in Base64. So the text is read the way its
//! readers would, and what they would find is masked where it stands.

mod reading;

use std::collections::HashSet;
use std::ops::Range;

use reading::{Reading, Readings, plain, readings};

/// What stands where a secret was.
const MASK: &str = "[secret]";

/// How much of a credential gives it away, in bytes, from wherever in it: services echo the beginning of what is too long for them, or
/// its end.
const PART: usize = 16;

/// The parameter of a callback URL that is a secret.
const PARAMETER: &[u8] = b"callbackToken";

/// What may stand between a parameter's name and its value, and how much of it: `=`, or `": "`.
const BETWEEN: (&[u8], usize) = (b"=:\"' ", 5);

/// The length of the key id before a callback token's dot.
const KEY_ID: usize = 8;

/// The length of a callback token's signature: 32 bytes in Base64.
const SIGNATURE: usize = 43;

/// The secrets of one call: those that are known, and every callback token, of whatever URL, by its looks.
pub(super) struct Secrets {
    known: Vec<Vec<u8>>,
    /// Every part of them that gives one away.
    parts: HashSet<[u8; PART]>,
}

impl Secrets {
    /// With these known ones.
    pub(super) fn new<'a>(known: impl IntoIterator<Item = &'a str>) -> Self {
        let known = known.into_iter().filter(|secret| !secret.is_empty());
        // Whoever undoes a text's escapes undoes those that are a secret's own.
        let known: Vec<_> = known
            .flat_map(|secret| plain(secret).into_iter().map(Reading::into_bytes))
            .collect();
        let parts = known.iter().flat_map(|secret| secret.array_windows().copied());
        let parts = parts.collect();
        Self { known, parts }
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
        let end = { readings.texts.iter().chain(&readings.joined) }
            .map(|reading| self.harmless_end(reading, text.len()))
            .min();
        let end = end.unwrap_or(text.len());
        let before = spans.into_iter().filter(|span| span.start < end).collect::<Vec<_>>();
        let end = before.last().map_or(end, |last| end.max(last.end));
        mask(&text[..end], &before)
    }

    /// Where the secrets are, in order and apart from each other.
    fn spans(&self, readings: &Readings) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for reading in readings.texts.iter().chain(&readings.joined) {
            self.find_known(reading, &mut found);
        }
        // Where words are joined, some look like what they are not.
        for reading in &readings.texts {
            find_callback_tokens(reading, &mut found);
        }
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

    /// Where known secrets are, or enough of them.
    fn find_known(&self, reading: &Reading, found: &mut Vec<Range<usize>>) {
        let bytes = reading.bytes();
        let mut part: Option<Range<usize>> = None;
        for (at, window) in bytes.array_windows().enumerate() {
            if self.parts.contains(window) {
                let start = part.take().map_or(at, |part| part.start);
                part = Some(start..at + PART);
            } else if part.as_ref().is_some_and(|part| part.end < at) {
                found.extend(part.take().map(|part| reading.span(part)));
            }
        }
        found.extend(part.map(|part| reading.span(part)));
        for secret in self.known.iter().filter(|secret| secret.len() < PART) {
            for (at, window) in bytes.windows(secret.len()).enumerate() {
                if window == secret {
                    found.push(reading.span(at..at + secret.len()));
                }
            }
        }
    }

    /// How far the text goes before what may be a secret's beginning at its end.
    fn harmless_end(&self, reading: &Reading, whole: usize) -> usize {
        let bytes = reading.bytes();
        let tail = |secret: &Vec<u8>| {
            let longest = (secret.len() - 1).min(PART).min(bytes.len());
            (1..=longest).rev().find(|&length| bytes.ends_with(&secret[..length]))
        };
        let known = self.known.iter().filter_map(tail);
        let signature = bytes.iter().rev().take_while(|&&byte| is_base64url(byte)).count();
        let dot = bytes.len().checked_sub(signature + 1).filter(|&dot| bytes[dot] == b'.');
        let callback = dot.filter(|&dot| is_key_id(&bytes[dot.saturating_sub(KEY_ID)..dot]));
        let callback = callback.map(|dot| bytes.len() - (dot - KEY_ID));
        let length = known.chain(callback).max();
        length.map_or(whole, |length| reading.span(bytes.len() - length..bytes.len()).start)
    }
}

/// Where callback tokens are by their looks, or enough of them.
fn find_callback_tokens(reading: &Reading, found: &mut Vec<Range<usize>>) {
    let bytes = reading.bytes();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if let Some(value) = parameter(rest) {
            found.push(reading.span(at + value.start..at + value.end));
        }
        let begins = at == 0 || !is_base64url(bytes[at - 1]);
        let run = begins.then(|| signature(rest)).flatten();
        if let Some(length) = callback_token(rest).or(run) {
            found.push(reading.span(at..at + length));
            at += length;
        } else {
            at += 1;
        }
    }
}

/// The length of what is as long and as mixed as a signature, if that is at the start of `text`. Words and ids are not.
fn signature(text: &[u8]) -> Option<usize> {
    let length = text.iter().take_while(|&&byte| is_base64url(byte)).count();
    let run = &text[..length];
    let is_mixed = run.iter().any(u8::is_ascii_uppercase) && run.iter().any(u8::is_ascii_lowercase);
    (length >= SIGNATURE && is_mixed).then_some(length)
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
    if !name.eq_ignore_ascii_case(PARAMETER) {
        return None;
    }
    let (between, longest) = BETWEEN;
    let between = rest.iter().take(longest).take_while(|byte| between.contains(byte));
    let between = between.count();
    let is_of_value = |byte: &&u8| is_base64url(**byte) || b".~%+".contains(byte);
    let length = rest[between..].iter().take_while(is_of_value).count();
    let start = PARAMETER.len() + between;
    (between > 0 && length > 0).then_some(start..start + length)
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

    const TOKEN: &str = "to/ken+\"1&'~";
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

    const SPELLERS: [(&str, Speller); 17] = [
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
        ("entities, without an end", |text| {
            let text = text.replace('&', "&AMP").replace('"', "&quot");
            text.replace('+', "&#43").replace('\'', "&#x27;")
        }),
        ("percent, of two bytes", |text| {
            text.encode_utf16().map(|unit| format!("%u{unit:04X}")).collect()
        }),
        ("escapes with braces", |text| {
            every(text, |c| format!("\\u{{{:x}}}", u32::from(c)))
        }),
        ("hexadecimal", |text| {
            text.bytes().map(|byte| format!("{byte:02x}")).collect()
        }),
        ("hexadecimal, capital", |text| {
            text.bytes().map(|byte| format!("{byte:02X}")).collect()
        }),
        ("Base64", |text| STANDARD.encode(text)),
        ("Base64 for URLs", |text| URL_SAFE_NO_PAD.encode(text)),
    ];

    fn secrets() -> Secrets {
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
    fn any_part_of_a_secret_that_is_long_enough_goes() {
        let token = "0123456789abcdefGHIJKLMNOPQRSTUVwxyz./+=";
        let secrets = Secrets::new([token]);
        for from in 0..=token.len() - PART {
            for part in [&token[from..], &token[from..from + PART]] {
                assert_eq!(secrets.scrub(&format!("ends with {part}!")), "ends with [secret]!");
            }
        }
        let short = &token[token.len() - PART + 1..];
        assert_eq!(secrets.scrub(short), short);
    }

    #[test]
    fn a_secret_that_looks_like_an_encoding_of_another_text_is_found_in_every_spelling() {
        for token in ["a%41b+c", "a\\u0041+b", "x&amp;y\"z", "%2541\"&#43;", "QUJD+REVG/\\\\"] {
            let secrets = Secrets::new([token]);
            for (name, spell) in SPELLERS {
                let scrubbed = secrets.scrub(&format!("<{}>", spell(token)));
                assert!(scrubbed.starts_with("<[secret]"), "{token} {name}: {scrubbed}");
            }
        }
    }

    #[test]
    fn a_secret_that_is_broken_into_lines_is_found_and_one_in_another_character_set() {
        let token: String = (0..90_u8).map(|n| char::from(b'!' + n)).collect();
        let secrets = Secrets::new([token.as_str()]);
        for text in [token.clone(), STANDARD.encode(&token), URL_SAFE_NO_PAD.encode(&token)] {
            for (width, end) in [(5, "\n"), (64, "\r\n"), (76, "\\r\\n"), (7, " \u{ad}"), (1, "\0")] {
                let characters: Vec<char> = text.chars().collect();
                let lines: Vec<String> = characters.chunks(width).map(|line| line.iter().collect()).collect();
                let scrubbed = secrets.scrub(&format!("<{}>", lines.join(end)));
                let left = scrubbed.replace(MASK, "");
                assert!(scrubbed.contains(MASK) && left.len() <= 8, "{width}: {scrubbed}");
            }
        }
    }

    #[test]
    fn a_signature_alone_is_known_by_its_looks() {
        let (_, signature) = CALLBACK.split_once('.').unwrap();
        assert_eq!(secrets().scrub(&format!("{signature} is wrong")), "[secret] is wrong");
        for harmless in [
            "------------------------------------------------------------",
            "0f1e2d3c-0000-4000-8000-000000000001-0f1e2d3c-0000-4000-8000-000000000001",
            "how-to-reach-a-webhook-that-can-not-be-reached-any-more",
        ] {
            assert_eq!(secrets().scrub(harmless), harmless);
        }
    }

    /// Four times as much as is ever read, in a program that isn't optimised: a second or two each. If each byte looked at all that
    /// follow, it would be minutes.
    #[test]
    fn no_answer_keeps_a_function_busy() {
        let alike = "a".repeat(8192);
        let nearly = format!("{}b", "a".repeat(8191));
        let secrets = Secrets::new([&*alike, &*nearly, TOKEN, "a", "%25"]);
        for piece in [
            "a",
            "%25",
            "&amp;",
            "\\\\",
            "QUFB",
            "callbackToken=",
            "0f9c1d2e.",
            "61 ",
            "%61JT",
        ] {
            let text = piece.repeat(16_384 / piece.len());
            let begin = std::time::Instant::now();
            let scrubbed = secrets.scrub_cut(&text);
            let took = begin.elapsed();
            println!("{piece} in {took:.0?}");
            assert!(took.as_secs() < 15, "{piece}: {took:?}");
            assert!(scrubbed.len() <= text.len() * MASK.len(), "{piece}");
        }
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

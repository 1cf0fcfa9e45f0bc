//! The ways in which a text can be read: as it stands, and as what it is an encoding of.

use std::ops::Range;

/// How often escapes are undone, one within another.
const DEPTH: usize = 3;

/// The longest entity, from `&` to `;`, that is looked for.
const LONGEST_ENTITY: usize = 10;

/// The ends of the Base64 text between which there can be a byte.
const SHORTEST_BASE64: usize = 4;

/// Entities with names, of characters that tokens and URLs are made of.
const ENTITIES: [(&[u8], u8); 14] = [
    (b"amp", b'&'),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"quot", b'"'),
    (b"apos", b'\''),
    (b"plus", b'+'),
    (b"equals", b'='),
    (b"sol", b'/'),
    (b"period", b'.'),
    (b"lowbar", b'_'),
    (b"colon", b':'),
    (b"quest", b'?'),
    (b"percnt", b'%'),
    (b"num", b'#'),
];

/// Bytes that somebody may read, and where in the text each comes from.
#[derive(Clone)]
pub(super) struct Reading {
    bytes: Vec<u8>,
    spans: Vec<Range<usize>>,
}

impl Reading {
    /// What is read.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where in the text these bytes are; never within a character.
    pub(super) fn span(&self, bytes: Range<usize>) -> Range<usize> {
        let spans = &self.spans[bytes];
        match (spans.first(), spans.last()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => 0..0,
        }
    }

    fn new() -> Self {
        Self {
            bytes: Vec::new(),
            spans: Vec::new(),
        }
    }

    fn push(&mut self, bytes: &[u8], span: &Range<usize>) {
        self.bytes.extend_from_slice(bytes);
        self.spans.extend(bytes.iter().map(|_| span.clone()));
    }

    fn of(text: &str) -> Self {
        let mut reading = Self::new();
        for (at, character) in text.char_indices() {
            let span = at..at + character.len_utf8();
            reading.push(&text.as_bytes()[span.clone()], &span);
        }
        reading
    }

    /// With its escapes undone, if it has any.
    fn unescaped(&self) -> Option<Self> {
        let mut reading = Self::new();
        let mut at = 0;
        while at < self.bytes.len() {
            match escape(&self.bytes[at..]) {
                Some((decoded, length)) => {
                    reading.push(decoded.as_slice(), &self.span(at..at + length));
                    at += length;
                }
                None => {
                    reading.push(&self.bytes[at..=at], &self.spans[at]);
                    at += 1;
                }
            }
        }
        (reading.bytes.len() < self.bytes.len()).then_some(reading)
    }

    /// With everything that can be Base64 decoded, begun with the `offset`th digit of each run, if there is any.
    fn decoded(&self, offset: usize) -> Option<Self> {
        let mut reading = Self::new();
        let mut is_decoded = false;
        let mut at = 0;
        while at < self.bytes.len() {
            let run = self.bytes[at..]
                .iter()
                .take_while(|&&byte| digit(byte).is_some())
                .count();
            let literal = match run >= SHORTEST_BASE64 + offset {
                true => offset,
                false => run.max(1),
            };
            for plain in at..at + literal {
                reading.push(&self.bytes[plain..=plain], &self.spans[plain]);
            }
            at += literal;
            let rest = run.saturating_sub(literal);
            for group in (at..at + rest).step_by(4) {
                let group = group..(group + 4).min(at + rest);
                is_decoded = true;
                self.decode_group(group, &mut reading);
            }
            at += rest;
        }
        is_decoded.then_some(reading)
    }

    /// Up to four digits; of less than four, what they are enough for.
    fn decode_group(&self, group: Range<usize>, reading: &mut Self) {
        let digits = self.bytes[group.clone()].iter().filter_map(|&byte| digit(byte));
        let bits = digits
            .enumerate()
            .fold(0, |bits, (place, value)| bits | u32::from(value) << (18 - 6 * place));
        let [_, decoded @ ..] = bits.to_be_bytes();
        for (place, &byte) in decoded.iter().enumerate().take(group.len() - 1) {
            // The second byte is in the second and the third digit.
            reading.push(&[byte], &self.span(group.start + place..group.start + place + 2));
        }
    }
}

/// Every reading of `text`, as it stands first.
pub(super) fn readings(text: &str) -> Vec<Reading> {
    let mut plain = vec![Reading::of(text)];
    while plain.len() <= DEPTH
        && let Some(deeper) = plain.last().and_then(Reading::unescaped)
    {
        plain.push(deeper);
    }
    let decoded: Vec<Reading> = plain.iter().flat_map(decodings).collect();
    let within: Vec<Reading> = decoded
        .iter()
        .flat_map(|reading| reading.unescaped().into_iter().chain(decodings(reading)))
        .collect();
    plain.into_iter().chain(decoded).chain(within).collect()
}

fn decodings(reading: &Reading) -> impl Iterator<Item = Reading> {
    (0..4).filter_map(|offset| reading.decoded(offset))
}

/// How much of `text`, in bytes, is there without the beginning of an escape at its end.
pub(super) fn whole_escapes(text: &str) -> usize {
    let bytes = text.as_bytes();
    let from = bytes.len().saturating_sub(LONGEST_ENTITY);
    let begins = |at: &usize| {
        let rest = &bytes[*at..];
        let (longest, is_body): (usize, fn(u8) -> bool) = match rest[0] {
            b'%' => (3, |byte| byte.is_ascii_hexdigit()),
            b'\\' => (6, |byte| byte.is_ascii_hexdigit() || byte == b'u' || byte == b'x'),
            b'&' => (LONGEST_ENTITY, |byte| byte.is_ascii_alphanumeric() || byte == b'#'),
            _ => return false,
        };
        rest.len() < longest && rest[1..].iter().all(|&byte| is_body(byte)) && escape(rest).is_none()
    };
    (from..bytes.len()).find(begins).unwrap_or(bytes.len())
}

/// Up to four bytes.
struct Decoded {
    bytes: [u8; 4],
    length: usize,
}

impl Decoded {
    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn byte(byte: u8) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            length: 1,
        }
    }

    fn code(code: u32) -> Option<Self> {
        let mut bytes = [0; 4];
        let length = char::from_u32(code)?.encode_utf8(&mut bytes).len();
        Some(Self { bytes, length })
    }
}

/// The escape at the start of `bytes`, decoded, and its length.
fn escape(bytes: &[u8]) -> Option<(Decoded, usize)> {
    match bytes {
        [b'%', rest @ ..] => Some((Decoded::byte(u8::try_from(hex(rest, 2)?).ok()?), 3)),
        [b'\\', b'x', rest @ ..] => Some((Decoded::byte(u8::try_from(hex(rest, 2)?).ok()?), 4)),
        [b'\\', b'u', rest @ ..] => unicode(rest),
        [b'\\', byte, ..] if byte.is_ascii_punctuation() => Some((Decoded::byte(*byte), 2)),
        [b'&', rest @ ..] => entity(rest),
        _ => None,
    }
}

/// What follows a `\u`, a second one where two make a character.
fn unicode(rest: &[u8]) -> Option<(Decoded, usize)> {
    let first = hex(rest, 4)?;
    if let Some(decoded) = Decoded::code(first) {
        return Some((decoded, 6));
    }
    let second = hex(rest.get(4..)?.strip_prefix(b"\\u")?, 4)?;
    let is_pair = (0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(&second);
    let code = is_pair.then(|| 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))?;
    Some((Decoded::code(code)?, 12))
}

/// What follows an `&`.
fn entity(rest: &[u8]) -> Option<(Decoded, usize)> {
    let length = rest.iter().take(LONGEST_ENTITY).position(|&byte| byte == b';')?;
    let decoded = match &rest[..length] {
        [b'#', b'x' | b'X', digits @ ..] => Decoded::code(hex(digits, digits.len())?)?,
        [b'#', digits @ ..] => Decoded::code(str::from_utf8(digits).ok()?.parse().ok()?)?,
        name => Decoded::byte(ENTITIES.iter().find(|(known, _)| *known == name)?.1),
    };
    Some((decoded, length + 2))
}

/// The number that so many hexadecimal digits are.
fn hex(bytes: &[u8], digits: usize) -> Option<u32> {
    let digits = bytes
        .get(..digits)
        .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// The value of a digit of Base64, in either alphabet.
fn digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

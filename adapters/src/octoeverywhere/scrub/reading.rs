//! The ways in which a text can be read: as it stands, and as what it is an encoding of.

use std::ops::Range;

/// How often escapes are undone, one within another.
const DEPTH: usize = 3;

/// The longest entity, from `&` to `;`, that is looked for.
const LONGEST_ENTITY: usize = 18;

/// The names of HTML's entities for what a token can have beside letters and digits, but for the four that may do without a `;`
/// (WHATWG HTML, "Named character references").
const ENTITIES: [(&[u8], u8); 38] = [
    (b"excl", b'!'),
    (b"num", b'#'),
    (b"dollar", b'$'),
    (b"percnt", b'%'),
    (b"apos", b'\''),
    (b"lpar", b'('),
    (b"rpar", b')'),
    (b"ast", b'*'),
    (b"midast", b'*'),
    (b"plus", b'+'),
    (b"comma", b','),
    (b"period", b'.'),
    (b"sol", b'/'),
    (b"colon", b':'),
    (b"semi", b';'),
    (b"equals", b'='),
    (b"quest", b'?'),
    (b"commat", b'@'),
    (b"lsqb", b'['),
    (b"lbrack", b'['),
    (b"bsol", b'\\'),
    (b"rsqb", b']'),
    (b"rbrack", b']'),
    (b"Hat", b'^'),
    (b"lowbar", b'_'),
    (b"UnderBar", b'_'),
    (b"grave", b'`'),
    (b"DiacriticalGrave", b'`'),
    (b"lcub", b'{'),
    (b"lbrace", b'{'),
    (b"verbar", b'|'),
    (b"vert", b'|'),
    (b"VerticalLine", b'|'),
    (b"rcub", b'}'),
    (b"rbrace", b'}'),
    (b"Tab", b'\t'),
    (b"NewLine", b'\n'),
    (b"nbsp", b' '),
];

/// Those that may.
const OLD_ENTITIES: [(&[u8], u8); 4] = [(b"amp", b'&'), (b"lt", b'<'), (b"gt", b'>'), (b"quot", b'"')];

/// A way to write bytes in digits.
struct Digits {
    value: fn(u8) -> Option<u8>,
    bits: usize,
    /// How many of them are whole bytes again.
    group: usize,
    /// The fewest in a row that are looked at.
    shortest: usize,
}

const BASE64: Digits = Digits {
    value: base64_digit,
    bits: 6,
    group: 4,
    shortest: 4,
};

const BASE16: Digits = Digits {
    value: base16_digit,
    bits: 4,
    group: 2,
    shortest: 4,
};

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

    /// What is read.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
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

    /// Without what can't be seen, if it has any: lines that were broken, characters of two bytes.
    fn visible(&self) -> Option<Self> {
        let mut reading = Self::new();
        for (byte, span) in self.bytes.iter().zip(&self.spans) {
            if byte.is_ascii_graphic() {
                reading.push(&[*byte], span);
            }
        }
        (reading.bytes.len() < self.bytes.len()).then_some(reading)
    }

    /// With everything that can be such digits decoded, begun with the `offset`th digit of each run, if there is any.
    fn decoded(&self, digits: &Digits, offset: usize) -> Option<Self> {
        let mut reading = Self::new();
        let mut is_decoded = false;
        let mut at = 0;
        while at < self.bytes.len() {
            let is_digit = |byte: &&u8| (digits.value)(**byte).is_some();
            let run = self.bytes[at..].iter().take_while(is_digit).count();
            let literal = match run >= digits.shortest + offset {
                true => offset,
                false => run.max(1),
            };
            for plain in at..at + literal {
                reading.push(&self.bytes[plain..=plain], &self.spans[plain]);
            }
            at += literal;
            let rest = run.saturating_sub(literal);
            for group in (at..at + rest).step_by(digits.group) {
                is_decoded = true;
                self.decode_group(digits, group..(group + digits.group).min(at + rest), &mut reading);
            }
            at += rest;
        }
        is_decoded.then_some(reading)
    }

    /// A group, or the beginning of one: then, what its digits are enough for.
    fn decode_group(&self, digits: &Digits, group: Range<usize>, reading: &mut Self) {
        let bits = group.len() * digits.bits;
        let values = self.bytes[group.clone()]
            .iter()
            .filter_map(|&byte| (digits.value)(byte));
        let value = values.fold(0_u32, |value, digit| value << digits.bits | u32::from(digit));
        let bytes = (value << (u32::BITS as usize - bits)).to_be_bytes();
        for (place, &byte) in bytes.iter().enumerate().take(bits / 8) {
            let [first, last] = [place * 8, place * 8 + 7].map(|bit| group.start + bit / digits.bits);
            reading.push(&[byte], &self.span(first..last + 1));
        }
    }
}

/// Every reading of a text.
pub(super) struct Readings {
    /// As it stands first, and what it is an encoding of.
    pub(super) texts: Vec<Reading>,
    /// The same without what can't be seen: what is apart in the text may stand together here.
    pub(super) joined: Vec<Reading>,
}

/// Every reading of `text`.
pub(super) fn readings(text: &str) -> Readings {
    let plain = plain(text);
    let joined = plain.iter().filter_map(Reading::visible).collect();
    Readings {
        texts: with_decodings(plain),
        joined: with_decodings(joined),
    }
}

/// These, and what they are encodings of, twice if need be.
fn with_decodings(plain: Vec<Reading>) -> Vec<Reading> {
    let decoded: Vec<Reading> = plain.iter().flat_map(decodings).collect();
    let within = decoded.iter().flat_map(|reading| {
        let mut within = decodings(reading);
        within.extend(unescaped_again_and_again(reading.clone()).skip(1));
        within
    });
    let within: Vec<Reading> = within.collect();
    plain.into_iter().chain(decoded).chain(within).collect()
}

/// A text as it stands, and with its escapes undone, again and again.
pub(super) fn plain(text: &str) -> Vec<Reading> {
    unescaped_again_and_again(Reading::of(text)).collect()
}

/// This reading first.
fn unescaped_again_and_again(reading: Reading) -> impl Iterator<Item = Reading> {
    std::iter::successors(Some(reading), Reading::unescaped).take(1 + DEPTH)
}

fn decodings(reading: &Reading) -> Vec<Reading> {
    let of = |digits: &'static Digits| (0..digits.group).filter_map(move |offset| reading.decoded(digits, offset));
    of(&BASE64).chain(of(&BASE16)).collect()
}

/// How much of `text`, in bytes, is there without the beginning of an escape at its end.
pub(super) fn whole_escapes(text: &str) -> usize {
    let bytes = text.as_bytes();
    let from = bytes.len().saturating_sub(LONGEST_ENTITY);
    let begins = |at: &usize| {
        let rest = &bytes[*at..];
        let (longest, is_body): (usize, fn(u8) -> bool) = match rest[0] {
            b'%' => (6, |byte| byte.is_ascii_hexdigit() || byte == b'u'),
            b'\\' => (10, |byte| byte.is_ascii_hexdigit() || b"ux{".contains(&byte)),
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
        [b'%', b'u' | b'U', rest @ ..] => Some((Decoded::code(hex(rest, 4)?)?, 6)),
        [b'%', rest @ ..] => Some((Decoded::byte(u8::try_from(hex(rest, 2)?).ok()?), 3)),
        [b'\\', b'x', rest @ ..] => Some((Decoded::byte(u8::try_from(hex(rest, 2)?).ok()?), 4)),
        [b'\\', b'u', b'{', rest @ ..] => {
            let digits = rest.iter().take(6 + 1).position(|&byte| byte == b'}')?;
            Some((Decoded::code(hex(rest, digits)?)?, digits + 4))
        }
        [b'\\', b'u', rest @ ..] => unicode(rest),
        [b'\\', b'b' | b'f' | b'n' | b'r' | b't', ..] => Some((Decoded::byte(b' '), 2)),
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

/// What follows an `&`. A number ends where its digits do, with a `;` or without, and so do four of the names.
fn entity(rest: &[u8]) -> Option<(Decoded, usize)> {
    let (prefix, is_body): (usize, fn(&u8) -> bool) = match rest {
        [b'#', b'x' | b'X', ..] => (2, u8::is_ascii_hexdigit),
        [b'#', ..] => (1, u8::is_ascii_digit),
        _ => (0, u8::is_ascii_alphabetic),
    };
    let body = rest.get(prefix..)?;
    let length = body
        .iter()
        .take(LONGEST_ENTITY)
        .take_while(|byte| is_body(byte))
        .count();
    let (body, next) = (&body[..length], *body.get(length)?);
    let end = prefix + length + 1;
    let decoded = match prefix {
        2 => Decoded::code(hex(body, length)?)?,
        1 => Decoded::code(str::from_utf8(body).ok()?.parse().ok()?)?,
        _ => {
            let old = |(name, _): &&(&[u8], u8)| {
                body.get(..name.len())
                    .is_some_and(|body| body.eq_ignore_ascii_case(name))
            };
            if let Some((name, byte)) = OLD_ENTITIES.iter().find(old) {
                let semicolon = usize::from(rest.get(name.len()) == Some(&b';'));
                return Some((Decoded::byte(*byte), 1 + name.len() + semicolon));
            }
            let named = ENTITIES.iter().find(|(name, _)| next == b';' && *name == body);
            Decoded::byte(named?.1)
        }
    };
    Some((decoded, end + usize::from(next == b';')))
}

/// The number that so many hexadecimal digits are.
fn hex(bytes: &[u8], digits: usize) -> Option<u32> {
    let digits = bytes
        .get(..digits)
        .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// The value of a digit of Base64, in either alphabet.
fn base64_digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// The value of a hexadecimal digit.
fn base16_digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}

//! Looks for secrets in what functions leave behind, in every spelling that a text may have there.
//!
//! It knows nothing of how they are kept out: it spells each secret anew in every way, and looks for that.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;

use crate::stub_aws::{Behaviour, Service};

/// How much of a secret gives it away, in bytes.
const PART: usize = 16;

/// By how many bytes needles are looked up. No secret that is looked for is shorter.
const PREFIX: usize = 8;

/// How much is shown around what was found, in bytes.
const CONTEXT: usize = 60;

/// A way to spell a text: its name, and the text in it, less what depends on what stands beside it.
pub type Spelling = (&'static str, fn(&str) -> String);

/// Every way.
pub const SPELLINGS: [Spelling; 22] = [
    ("as it is", |text| text.to_owned()),
    ("JSON", json),
    ("JSON with slashes", |text| json(text).replace('/', "\\/")),
    ("JSON of .NET", |text| {
        every(text, char::is_ascii_alphanumeric, |c| {
            format!("\\u{:04X}", u32::from(c))
        })
    }),
    ("JSON, all", |text| {
        every(text, nothing, |c| format!("\\u{:04x}", u32::from(c)))
    }),
    ("percent", |text| {
        every(text, is_unreserved, |c| format!("%{:02X}", u32::from(c)))
    }),
    ("percent, all", |text| {
        every(text, nothing, |c| format!("%{:02x}", u32::from(c)))
    }),
    ("percent, of two bytes", |text| {
        every(text, is_unreserved, |c| format!("%u{:04x}", u32::from(c)))
    }),
    ("entities", |text| {
        every(
            text,
            |c| !"&<>\"'".contains(*c),
            |c| match c {
                '&' => "&amp;".to_owned(),
                '<' => "&lt;".to_owned(),
                '>' => "&gt;".to_owned(),
                '"' => "&quot;".to_owned(),
                _ => "&#39;".to_owned(),
            },
        )
    }),
    ("entities with numbers", |text| {
        every(text, char::is_ascii_alphanumeric, |c| format!("&#{};", u32::from(c)))
    }),
    ("entities with numbers, all", |text| {
        every(text, nothing, |c| format!("&#{};", u32::from(c)))
    }),
    ("entities, hexadecimal", |text| {
        every(text, nothing, |c| format!("&#x{:x};", u32::from(c)))
    }),
    ("Rust", |text| {
        let quoted = format!("{text:?}");
        quoted[1..quoted.len() - 1].to_owned()
    }),
    ("\\x", |text| {
        every(text, nothing, |c| format!("\\x{:02x}", u32::from(c)))
    }),
    ("hexadecimal", |text| {
        every(text, nothing, |c| format!("{:02x}", u32::from(c)))
    }),
    ("a list of bytes", |text| {
        let bytes: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
        bytes.join(", ")
    }),
    ("Base64", |text| base64(text, 0)),
    ("Base64, one byte on", |text| base64(text, 1)),
    ("Base64, two bytes on", |text| base64(text, 2)),
    ("Base64 for URLs", |text| for_urls(&base64(text, 0))),
    ("Base64 for URLs, one byte on", |text| for_urls(&base64(text, 1))),
    ("Base64 for URLs, two bytes on", |text| for_urls(&base64(text, 2))),
];

fn every(text: &str, stays: fn(&char) -> bool, spell: fn(char) -> String) -> String {
    text.chars()
        .map(|c| if stays(&c) { c.to_string() } else { spell(c) })
        .collect()
}

fn nothing(_: &char) -> bool {
    false
}

fn is_unreserved(c: &char) -> bool {
    c.is_ascii_alphanumeric() || "-._~".contains(*c)
}

fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The digits that are the text's alone where so many bytes are before it.
fn base64(text: &str, before: usize) -> String {
    let digits = STANDARD.encode(format!("{}{text}", "x".repeat(before)));
    let (first, end) = ((before * 8).div_ceil(6), (before + text.len()) * 8 / 6);
    digits[first..end].to_owned()
}

fn for_urls(base64: &str) -> String {
    base64.replace('+', "-").replace('/', "_")
}

/// `text` in every spelling, and in every spelling of those; with their names.
pub fn spelled(text: &str) -> impl Iterator<Item = (String, String)> {
    let once = SPELLINGS.map(|(name, spell)| (name.to_owned(), spell(text)));
    let twice = once.clone().into_iter().skip(1).flat_map(|(first, once)| {
        let again = |(second, spell): Spelling| (format!("{first}, {second}"), spell(&once));
        SPELLINGS[1..].iter().copied().map(again).collect::<Vec<_>>()
    });
    once.into_iter().chain(twice)
}

/// A spelling of a part of a secret.
#[derive(Debug)]
struct Needle {
    secret: usize,
    spelling: String,
    bytes: Vec<u8>,
}

/// Finds secrets.
#[derive(Debug)]
pub struct Finder {
    secrets: Vec<String>,
    needles: Vec<Needle>,
    /// Which needles begin so.
    by_prefix: HashMap<[u8; PREFIX], Vec<usize>>,
}

/// A secret that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The secret's name.
    pub secret: String,
    /// How it was spelled.
    pub spelling: String,
    /// What it stands in.
    pub context: String,
}

impl Finder {
    /// Finds these secrets, each by a name: whole, or 16 characters of the beginning, the middle or the end.
    ///
    /// # Panics
    /// When a secret has less than 8 bytes.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut finder = Self {
            secrets: Vec::new(),
            needles: Vec::new(),
            by_prefix: HashMap::new(),
        };
        for (name, secret) in secrets {
            let length = secret.len();
            assert!(length >= PREFIX, "{name} is too short to be told from other texts");
            finder.secrets.push(name.to_owned());
            let starts = [0, length.saturating_sub(PART) / 2, length.saturating_sub(PART)];
            for start in starts {
                for (spelling, text) in spelled(&secret[start..length.min(start + PART)]) {
                    finder.add(spelling, text.to_ascii_lowercase().into_bytes());
                }
            }
        }
        finder
    }

    fn add(&mut self, spelling: String, bytes: Vec<u8>) {
        let Some(prefix) = bytes.first_chunk() else { return };
        let alike = self.by_prefix.entry(*prefix).or_default();
        if alike.iter().all(|&needle| self.needles[needle].bytes != bytes) {
            alike.push(self.needles.len());
            self.needles.push(Needle {
                secret: self.secrets.len() - 1,
                spelling,
                bytes,
            });
        }
    }

    /// How many texts are looked for.
    pub fn spellings(&self) -> usize {
        self.needles.len()
    }

    /// Every secret in `text`, once in each spelling; of either case.
    pub fn find(&self, text: &str) -> Vec<Leak> {
        let lower = text.to_ascii_lowercase().replace('\0', "");
        let bytes = lower.as_bytes();
        let mut found = BTreeMap::new();
        for (at, prefix) in bytes.array_windows::<PREFIX>().enumerate() {
            for &needle in self.by_prefix.get(prefix).into_iter().flatten() {
                if bytes[at..].starts_with(&self.needles[needle].bytes) {
                    found.entry(needle).or_insert(at);
                }
            }
        }
        let leak = |(needle, at): (usize, usize)| {
            let Needle {
                secret,
                spelling,
                bytes: needle,
            } = &self.needles[needle];
            let context = &bytes[at.saturating_sub(CONTEXT)..bytes.len().min(at + needle.len() + CONTEXT)];
            Leak {
                secret: self.secrets[*secret].clone(),
                spelling: spelling.clone(),
                context: String::from_utf8_lossy(context).into_owned(),
            }
        };
        found.into_iter().map(leak).collect()
    }
}

/// A search of many places.
#[derive(Debug)]
pub struct Search {
    finder: Finder,
    /// How many texts were looked at, and their bytes, by the kind of place.
    places: BTreeMap<&'static str, (u64, u64)>,
    leaks: Vec<String>,
}

impl Search {
    /// For what `finder` finds.
    pub fn new(finder: Finder) -> Self {
        Self {
            finder,
            places: BTreeMap::new(),
            leaks: Vec::new(),
        }
    }

    /// Looks at a text: what kind of place it is, and which one.
    pub fn look(&mut self, place: &'static str, which: &str, text: &str) {
        self.look_but_for(place, which, text, &[]);
    }

    /// The same where some secrets belong, by the beginnings of their names.
    pub fn look_but_for(&mut self, place: &'static str, which: &str, text: &str, allowed: &[&str]) {
        let (count, bytes) = self.places.entry(place).or_default();
        *count += 1;
        *bytes += text.len() as u64;
        let is_allowed = |leak: &Leak| allowed.iter().any(|name| leak.secret.starts_with(name));
        for leak in self.finder.find(text).into_iter().filter(|leak| !is_allowed(leak)) {
            let Leak {
                secret,
                spelling,
                context,
            } = leak;
            self.leaks
                .push(format!("{place} ({which}): {secret}, {spelling}: …{context}…"));
        }
    }

    /// What was looked at, and for how much.
    ///
    /// # Errors
    /// When something was found: everything that was.
    pub fn finish(self) -> Result<String, String> {
        if !self.leaks.is_empty() {
            return Err(format!("{} leaks\n{}", self.leaks.len(), self.leaks.join("\n")));
        }
        let secrets = self.finder.secrets.len();
        let mut summary = format!(
            "{secrets} secrets, {} spellings of them, in none of:",
            self.finder.spellings()
        );
        for (place, (count, bytes)) in &self.places {
            // A String takes every write.
            let _ = write!(summary, "\n{count:>8} × {place} ({bytes} bytes)");
        }
        Ok(summary)
    }
}

/// Environment variables that set a function's log: those of Lambda's logging controls, and of a person.
pub type Level = [(&'static str, &'static str); 2];

/// What they may be. An empty one is one that isn't set.
pub const LEVELS: [Level; 16] = [
    FINEST,
    level("DEBUG", ""),
    level("INFO", ""),
    level("WARN", ""),
    level("ERROR", ""),
    level("FATAL", ""),
    level("trace", ""),
    level("nonsense", ""),
    level("", "trace"),
    level("", "debug"),
    level("", "TRACE"),
    level("", ""),
    level("", "lambda_runtime=trace,hyper=trace"),
    level("", "printbell=trace,aws_smithy_runtime=trace,info"),
    level("", "nonsense=,=[{"),
    level("TRACE", "trace,lambda_runtime=trace"),
];

/// Where most is logged.
pub const FINEST: Level = level("TRACE", "");

/// How Lambda has a log written.
pub const FORMATS: [&str; 2] = ["JSON", "Text"];

const fn level(lambda: &'static str, rust: &'static str) -> Level {
    [("AWS_LAMBDA_LOG_LEVEL", lambda), ("RUST_LOG", rust)]
}

/// How many scenes are looked at together, while nothing is broken.
const TOGETHER: usize = 6;

/// Looks at functions at every level in every format: `scene` calls them, searches what they leave, and tells how many calls it made.
///
/// # Panics
/// When a secret was found.
pub async fn at_every_level(
    functions: &str,
    search: RefCell<Search>,
    scene: impl AsyncFn(&RefCell<Search>, Level, &'static str) -> usize,
) {
    let settings = LEVELS
        .into_iter()
        .flat_map(|level| FORMATS.map(|format| (level, format)));
    let scenes = settings.map(|(level, format)| scene(&search, level, format));
    let calls: Vec<usize> = futures::stream::iter(scenes).buffered(TOGETHER).collect().await;
    let (levels, formats, calls) = (LEVELS.len(), FORMATS.len(), calls.iter().sum::<usize>());
    let counts = format!("{functions}: {levels} levels × {formats} formats, {calls} calls");
    report(search, &counts);
}

/// The same at the finest level, while each of the services is broken in each of the ways: so many together, for some of it is waiting.
///
/// # Panics
/// When a secret was found.
pub async fn whatever_is_broken(
    functions: &str,
    search: RefCell<Search>,
    services: &[Service],
    ways: &[Behaviour],
    together: usize,
    scene: impl AsyncFn(&RefCell<Search>, Service, Behaviour, &'static str) -> usize,
) {
    let scenes = { services.iter() }
        .flat_map(|service| ways.iter().map(move |way| (*service, *way)))
        .flat_map(|(service, way)| FORMATS.map(|format| (service, way, format)))
        .map(|(service, way, format)| scene(&search, service, way, format));
    let calls: Vec<usize> = futures::stream::iter(scenes).buffered(together).collect().await;
    let counts = format!(
        "{functions}: {} services broken in {} ways × {} formats at TRACE, {} calls",
        services.len(),
        ways.len(),
        FORMATS.len(),
        calls.iter().sum::<usize>()
    );
    report(search, &counts);
}

/// Prints what was looked at.
///
/// # Panics
/// When a secret was found.
pub fn report(search: RefCell<Search>, counts: &str) {
    let summary = search.into_inner().finish().unwrap_or_else(|leaks| panic!("{leaks}"));
    println!("{counts}; {summary}");
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE;

    use super::*;

    const SECRET: &str = "to/ken+\"1&'~=<x>?9-and-then-some";

    fn finder() -> Finder {
        Finder::new([("other", "something else"), ("token", SECRET)])
    }

    #[test]
    fn spellings_are_as_others_write_them() {
        // By Python's json, urllib.parse, html and base64.
        let table = [
            ("JSON", "a/+\\\"&'~="),
            ("JSON of .NET", "a\\u002F\\u002B\\u0022\\u0026\\u0027\\u007E\\u003D"),
            ("percent", "a%2F%2B%22%26%27~%3D"),
            ("percent, all", "%61%2f%2b%22%26%27%7e%3d"),
            ("entities", "a/+&quot;&amp;&#39;~="),
            ("entities with numbers", "a&#47;&#43;&#34;&#38;&#39;&#126;&#61;"),
            ("hexadecimal", "612f2b2226277e3d"),
            ("a list of bytes", "97, 47, 43, 34, 38, 39, 126, 61"),
            ("Base64", "YS8rIiYnfj"),
            ("Base64, one byte on", "EvKyImJ349"),
            ("Base64, two bytes on", "hLysiJid+P"),
            ("Base64 for URLs, two bytes on", "hLysiJid-P"),
        ];
        for (name, expected) in table {
            let (_, spell) = SPELLINGS.iter().find(|(other, _)| *other == name).unwrap();
            assert_eq!(spell("a/+\"&'~="), expected, "{name}");
        }
    }

    #[test]
    fn every_spelling_is_found_wherever_it_stands() {
        let finder = finder();
        for (name, text) in spelled(SECRET) {
            for text in [
                format!("before {text} after"),
                text.to_uppercase(),
                format!("{{\"a\":\"{text}\"}}"),
            ] {
                let found = finder.find(&text);
                assert!(found.iter().any(|leak| leak.secret == "token"), "{name}: {text}");
            }
        }
    }

    #[test]
    fn sixteen_characters_of_either_end_or_the_middle_are_enough() {
        let finder = finder();
        for part in [&SECRET[..16], &SECRET[8..24], &SECRET[16..]] {
            assert_eq!(finder.find(part).len(), 1, "{part}");
            assert_eq!(
                finder.find(&STANDARD.encode(format!("{{\"t\":\"{part}\"}}"))).len(),
                1,
                "{part}"
            );
            assert_eq!(finder.find(&URL_SAFE.encode(part)).len(), 1, "{part}");
        }
        assert_eq!(finder.find(&SECRET[..15]), []);
        assert_eq!(finder.find("nothing of that"), []);
    }

    #[test]
    fn a_search_says_where_a_secret_was_and_where_it_belongs() {
        let mut search = Search::new(finder());
        search.look("logs", "one", "all is well");
        search.look_but_for("queues", "two", SECRET, &["token"]);
        let summary = search.finish().unwrap();
        assert!(
            summary.contains("1 × logs (11 bytes)") && summary.contains("1 × queues"),
            "{summary}"
        );
        let mut search = Search::new(finder());
        search.look_but_for("queues", "two", SECRET, &["other"]);
        let leaks = search.finish().unwrap_err();
        assert!(leaks.contains("queues (two): token, as it is"), "{leaks}");
    }
}

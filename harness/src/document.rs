//! Files of the repository that are made by a test, and sentences of others that have numbers in them.

use crate::workspace;

/// While this is set, such files are written in place of being compared.
pub const WRITE_VARIABLE: &str = "PRINTBELL_WRITE_DOCUMENTS";

/// Compares a file of the repository with what it has to be, or writes it.
///
/// # Panics
/// When it is another one, or can't be read or written.
pub fn check(path: &str, expected: &str) {
    let file = workspace::root().join(path);
    if std::env::var_os(WRITE_VARIABLE).is_some() {
        let written = std::fs::write(&file, expected);
        written.unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let text =
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}; {WRITE_VARIABLE}=1 makes it"));
    let same = text.lines().zip(expected.lines()).take_while(|(a, b)| a == b).count();
    assert!(
        text == expected,
        "{path} isn't what the code says, from line {} on: {:?}; {WRITE_VARIABLE}=1 makes it anew",
        same + 1,
        expected.lines().nth(same)
    );
}

/// Small numbers, and twenty, as the documents write them.
const WORDS: [&str; 21] = [
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "13",
    "14", "15", "16", "17", "18", "19", "twenty",
];

/// A number in a word, as the documents have small ones; others in digits.
pub fn word(number: i64) -> String {
    let word = usize::try_from(number).ok().and_then(|number| WORDS.get(number));
    word.map_or_else(|| number.to_string(), |word| (*word).to_owned())
}

/// Which file says it; the sentence, with `{}` where a number stands; and the numbers, as they are written there.
pub type Sentence<'a> = (&'a str, &'a str, Vec<String>);

/// The longest that a number is, with its words.
const LONGEST_NUMBER: usize = 40;

/// Compares what the repository's files say with what the code says. Where a line ends, and how a comment's line begins, makes no
/// difference.
///
/// # Panics
/// When a file says something else, or nothing of the kind: with every such file, what it says, and what it should say.
pub fn check_sentences(sentences: &[Sentence<'_>]) {
    let objections: Vec<_> = sentences.iter().filter_map(objection).collect();
    assert!(objections.is_empty(), "{}", objections.join("\n"));
    println!("{} sentences have the numbers of the code", sentences.len());
}

fn objection((path, sentence, numbers): &Sentence<'_>) -> Option<String> {
    let text = std::fs::read_to_string(workspace::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let text = unwrapped(&text);
    let expected = filled(sentence, numbers);
    if text.contains(&expected) {
        return None;
    }
    Some(match said(&text, sentence) {
        Some(said) => format!("{path} says {:?}, and should say {expected:?}", filled(sentence, &said)),
        None => format!("{path} should say {expected:?}, and says nothing like it"),
    })
}

fn filled(sentence: &str, numbers: &[String]) -> String {
    let mut numbers = numbers.iter();
    let mut parts = sentence.split("{}");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let number = numbers
            .next()
            .unwrap_or_else(|| panic!("{sentence:?} wants another number"));
        text + number + part
    })
}

/// The numbers of the first such sentence.
fn said(text: &str, sentence: &str) -> Option<Vec<String>> {
    let parts: Vec<_> = sentence.split("{}").collect();
    text.match_indices(parts[0]).find_map(|(at, first)| {
        let mut rest = &text[at + first.len()..];
        let mut numbers = Vec::new();
        for part in &parts[1..] {
            let end = rest.find(part).filter(|end| *end <= LONGEST_NUMBER)?;
            numbers.push(rest[..end].to_owned());
            rest = &rest[end + part.len()..];
        }
        Some(numbers)
    })
}

/// The text in one line.
fn unwrapped(text: &str) -> String {
    let words = text.lines().flat_map(|line| {
        let line = line.trim_start();
        let comment = ["///", "//!", "//", "# "]
            .into_iter()
            .find_map(|begin| line.strip_prefix(begin));
        comment.unwrap_or(line).split_whitespace()
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_found_across_lines_with_the_numbers_that_it_has() {
        let text = unwrapped("  /// It is renewed every\n  /// 45 days, of 180.\n# at most\nevery day");
        assert_eq!(text, "It is renewed every 45 days, of 180. at most every day");
        let numbers = said(&text, "every {} days, of {}.");
        assert_eq!(numbers, Some(vec!["45".to_owned(), "180".to_owned()]));
        assert_eq!(said(&text, "each {} days"), None);
        assert_eq!(
            filled("every {} days, of {}.", &numbers.unwrap()),
            "every 45 days, of 180."
        );
    }

    #[test]
    fn an_objection_says_which_file_says_what_and_what_it_should_say() {
        // The sentences are put together: this file is what is looked at.
        let about = |sentence: &str, number: &str| {
            let numbers = vec![number.to_owned()];
            let expected = filled(sentence, &numbers);
            (objection(&("harness/src/document.rs", sentence, numbers)), expected)
        };
        let (sentence, is) = ("const LONGEST_NUMBER: usize = {};", LONGEST_NUMBER.to_string());
        let (objection, said) = about(sentence, &is);
        assert_eq!(objection, None);
        let (objection, expected) = about(sentence, "7");
        let text = format!("harness/src/document.rs says {said:?}, and should say {expected:?}");
        assert_eq!(objection, Some(text));
        let (objection, expected) = about(&["nobody", "says", "{}", "here"].join(" "), "7");
        let text = format!("harness/src/document.rs should say {expected:?}, and says nothing like it");
        assert_eq!(objection, Some(text));
    }
}

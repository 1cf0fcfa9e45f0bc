//! Files of the repository that are made by a test, and read by people and other machines.

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

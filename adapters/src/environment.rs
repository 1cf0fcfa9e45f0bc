//! Reading a function's configuration from its environment.

use std::cell::RefCell;
use std::fmt::Display;
use std::str::FromStr;

use jiff::SignedDuration;
use thiserror::Error;

use crate::clock::Clock;

/// A variable of the process's own environment.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Everything that is missing or wrong in the environment, at once: so that one look at the log is enough.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("the function's environment is not usable: {}; the template sets these variables, deploy it again", .0.join("; "))]
pub struct InvalidEnvironment(pub Vec<String>);

/// The environment, with a memory for what was missing or wrong in it.
///
/// Ask for every variable first, then [`finish`](Self::finish).
pub struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    faults: RefCell<Vec<String>>,
}

impl<'a> Environment<'a> {
    /// Reads variables with `lookup`; in a `main` that is [`variable`].
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            faults: RefCell::default(),
        }
    }

    /// A variable that must be there and not empty.
    pub fn required(&self, name: &str) -> String {
        (self.lookup)(name)
            .filter(|value| !value.is_empty())
            .unwrap_or_else(|| {
                self.faults.borrow_mut().push(format!("{name} is missing"));
                String::new()
            })
    }

    /// A variable that has a default.
    pub fn optional<T: FromStr<Err: Display>>(&self, name: &str, default: T) -> T {
        match (self.lookup)(name)
            .filter(|value| !value.is_empty())
            .map(|value| value.parse())
        {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                self.faults.borrow_mut().push(format!("{name} is not valid: {error}"));
                default
            }
        }
    }

    /// The clock, moved by `CLOCK_OFFSET_SECONDS` where a rehearsal sets that.
    pub fn clock(&self) -> Clock {
        Clock::with_offset(SignedDuration::from_secs(self.optional("CLOCK_OFFSET_SECONDS", 0)))
    }

    /// `config`, if nothing was missing or wrong.
    pub fn finish<T>(self, config: T) -> Result<T, InvalidEnvironment> {
        let faults = self.faults.into_inner();
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(InvalidEnvironment(faults))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_told_at_once() {
        let lookup = |name: &str| match name {
            "LIMIT" => Some("many".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let environment = Environment::new(&lookup);
        environment.required("TOPIC_ARN");
        environment.required("EMPTY");
        environment.optional("LIMIT", 3_u32);
        assert_eq!(environment.optional("OTHER", 7), 7);
        let InvalidEnvironment(faults) = environment.finish(()).unwrap_err();
        assert_eq!(
            faults,
            [
                "TOPIC_ARN is missing",
                "EMPTY is missing",
                "LIMIT is not valid: invalid digit found in string"
            ]
        );
    }
}

//! Where a letter can go.

use thiserror::Error;

/// Where a letter can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sink {
    /// The SNS topic; takes notifications only.
    Topic,
    /// The queue of what is to be published later.
    FallbackQueue,
    /// The queue of what needs a person.
    DeadLetterQueue,
}

/// Why an attempt to bring a letter to a sink failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SendError {
    /// The service didn't work; the letter may even have arrived.
    #[error("{0}")]
    Temporary(String),
    /// The service doesn't take this letter, now or ever.
    #[error("{0}")]
    Refused(String),
}

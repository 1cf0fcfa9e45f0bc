//! What the repository shows its users holds: every sample event, and what the documents say about the code.

#![allow(clippy::unwrap_used, reason = "in a test that is how a failure is told")]

mod samples;
mod tidy;

//! What the documents tell people to type, typed: every fenced `sh` block of README.md and docs/*.md, taken from the text as it
//! stands and run by `bash`, `aws` and `curl` against a deployed stack that is these tests' alone; and `cargo xtask verify-aws`.
//!
//! A block that isn't run here says why, in a comment before it that the reader of the page doesn't see ([`text::Mark`]).

#![allow(clippy::disallowed_methods, reason = "a test is in the world")]
#![allow(clippy::unwrap_used, reason = "in a test that is how a failure is told")]

mod marks;
mod others;
mod person;
mod readme;
mod runbook;
mod scene;
mod support;
mod text;
mod verify;

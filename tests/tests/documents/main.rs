//! What the documents tell people to type, typed: every fenced `sh` block of README.md, its neighbours and docs/*.md, taken from the text as it
//! stands and run by `bash`, `aws` and `curl` against a deployed stack that is these tests' alone; every program in them, run with
//! real messages; and `cargo xtask verify-aws`.
//!
//! A block that isn't run here says why, in a comment before it that the reader of the page doesn't see ([`text::Mark`]).

#![allow(clippy::disallowed_methods, reason = "a test is in the world")]
#![allow(clippy::unwrap_used, reason = "in a test that is how a failure is told")]

mod first_hour;
mod marks;
mod messages;
mod others;
mod readme;
mod registering;
mod runbook;
mod scene;
mod snippets;
mod subscribing;
mod support;
mod verify;

use printbell_tests::{person, text};

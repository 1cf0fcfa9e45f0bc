//! The template's alarms over what the functions log: none rings in a quiet week, and each rings by its cause.
//!
//! Nothing here is AWS's own: what the alarms would make of the lines is computed from the template's definitions
//! ([`cloudwatch`]).

#![allow(clippy::disallowed_methods, reason = "a test is in the world")]
#![allow(clippy::unwrap_used, reason = "in a test that is how a failure is told")]

mod causes;
mod cloudwatch;
mod quiet;
mod runbook;
mod stage;

//! `register` and `renew` at the binary, against a stub AWS and a stub OctoEverywhere.

#![allow(clippy::disallowed_methods, reason = "a test is in the world")]
#![allow(clippy::unwrap_used, reason = "in a test that is how a failure is told")]

mod abuse;
mod door;
mod fuzz;
mod holders;
mod leaks;
mod register;
mod renew;
mod restore;
mod rotation;
mod scale;
mod statuses;
mod sweep;
mod versions;
mod world;

//! What the repository shows its users holds: every sample event, what the documents say about the code, and how
//! much the functions weigh.

#![allow(clippy::unwrap_used, reason = "in a test that is how a failure is told")]

mod doors;
mod events;
mod links;
mod numbers;
mod privilege;
mod purity;
mod samples;
mod sizes;
mod snapshots;
mod supply;
mod tidy;
mod upgrade;

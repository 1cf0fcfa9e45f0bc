//! The webhook function (and, after it, redrive) at the binary, against a stub AWS.

#![allow(clippy::disallowed_methods, reason = "a test is in the world")]
#![allow(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod abuse;
mod door;
mod faults;
mod forms;
mod freeze;
mod fuzz;
mod keys;
mod leaks;
mod odd_input;
mod redrive;
mod restore;
mod rotation;
mod silence;
mod stage;
mod tls;

//! The simulator as its users meet it: over HTTP, in this process and as a binary.

#![allow(clippy::disallowed_methods, reason = "a test is in the world")]
#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, in its helpers as well"
)]

mod api;
mod binary;
mod connections;
mod control;
mod deliveries;
mod faults;
mod prints;
mod receiver;
mod world;

//! Receives OctoEverywhere's callback and makes it durable: in SNS, or where it is published from later.
//!
//! - `receiver`: what happens to a callback, and what it is answered.
//! - `door`: which requests are callbacks at all.
//! - `deadline`: how much time there is.
//! - `unknown_keys`: how many tokens came under keys that don't count, as a metric.
//! - `config`: what the template sets.
//!
//! The rules of the payload, the message, the keys and the sinks are in `printbell-shared`, for redrive follows them too.

#![warn(unreachable_pub)]

mod config;
mod deadline;
mod door;
mod receiver;
mod unknown_keys;

pub use receiver::Receiver;

//! Publishes what waited in the fallback queue.
//!
//! - `redrive`: what happens to each queue message.
//! - `backoff`: when one that can't be published yet is tried again.
//! - `event`: the batch, and which of its messages are to come back.
//! - `config`: what the template sets.
//!
//! Redriving the dead-letter queue (in the console, or by `aws sqs start-message-move-task`) moves its messages back into
//! the fallback queue, and so here. What can be published by then is; what can't goes back to the dead-letter queue at
//! once, so nothing goes in circles.

#![warn(unreachable_pub)]

mod backoff;
mod config;
mod event;
mod redrive;

pub use redrive::Redrive;

//! What a message says of a notification: which notifications are one and the same, and how a print ended.
#![allow(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod binaries;
mod walk;

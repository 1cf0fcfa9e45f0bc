//! What the end-to-end tests stand on.
//!
//! - [`stack`]: the stack as `cargo xtask` deployed it on the emulator, and a client for its API.
//! - [`aws`]: a small signed client for AWS services.

pub mod aws;
pub mod stack;

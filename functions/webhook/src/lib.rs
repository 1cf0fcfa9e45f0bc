//! Receives OctoEverywhere's callback and makes it durable: in SNS, or where it is published from later.
//!
//! - [`receiver`]: what happens to a callback, and what it is answered.
//! - [`request`], [`answer`]: the events and answers of API Gateway, a function URL and `cargo lambda`.
//! - [`deadline`]: how much time there is.
//! - [`config`]: what the template sets.
//!
//! The rules of the payload, the message, the keys and the ways out are in `printbell-shared`, for redrive follows them
//! too.

pub mod answer;
pub mod config;
pub mod deadline;
pub mod receiver;
pub mod request;

pub use config::Config;
pub use receiver::Receiver;

//! What is described for machines: the API by OpenAPI, the messages by JSON Schema and by examples. Each is made of the code, held
//! against what the binaries really answer and publish, and read by programs that know nothing of Printbell.

#![allow(clippy::disallowed_methods, reason = "a test may look at the world")]
#![allow(clippy::unwrap_used, reason = "in a test that is how a failure is told")]

mod answers;
mod api;
mod limits;
mod messages;
mod schemas;
mod workflows;

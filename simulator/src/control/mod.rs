//! The control surface: its routes under `/control`, and their typed client.

pub(crate) mod client;
pub(crate) mod routes;

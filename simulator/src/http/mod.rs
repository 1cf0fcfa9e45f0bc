//! What speaks HTTP: the App APIs, the calls to webhooks, and the server and the TLS set-up under both.

pub(crate) mod api;
pub(crate) mod courier;
pub(crate) mod server;
pub(crate) mod tls;

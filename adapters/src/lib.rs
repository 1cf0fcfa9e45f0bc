//! Everything of Printbell that touches the world. The rules are in `printbell-shared`; here they meet AWS, OctoEverywhere,
//! the environment and the clock, and nothing is decided.
//!
//! | what | where |
//! |---|---|
//! | how AWS and OctoEverywhere are reached | [`aws`], [`http`], [`octoeverywhere`] |
//! | what Lambda and the template say, and what time it is | [`environment`], [`clock`] |
//! | what a process says of its start | [`start`] |
//! | requests and responses of an HTTP API or a function URL | [`api_gateway`] |
//! | the keys that sign callback tokens, for who checks them and for who signs | [`callback_secret`], [`old_secret`], [`key_ring`], [`signing_keys`] |
//! | log and metrics | [`logging`], [`emf`] |
//! | how a letter becomes durable | [`publisher`], [`sns`], [`sqs`] |
//! | tables in DynamoDB, the registrations', and what isn't a registration | [`dynamodb`], [`registrations`], [`state`] |
//! | the worker that carries out what the registrations' protocol says | [`worker`] |

#![allow(clippy::disallowed_methods, reason = "this is where the world is touched")]

pub mod api_gateway;
pub mod aws;
pub mod callback_secret;
pub mod clock;
pub mod dynamodb;
pub mod emf;
pub mod environment;
pub mod http;
pub mod key_ring;
pub mod logging;
pub mod octoeverywhere;
pub mod old_secret;
pub mod publisher;
pub mod registrations;
pub mod signing_keys;
pub mod sns;
pub mod sqs;
pub mod start;
pub mod state;
pub mod worker;

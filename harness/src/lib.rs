//! What the tests, the benchmarks and `cargo xtask` stand on: the functions' binaries, driven as Lambda drives them, and the
//! deployed stack, seen from outside.
//!
//! - [`template`]: the functions and their variables, as `template.yaml` lists them; [`workspace`]: where that is; [`size`]: what
//!   they weigh; [`document`]: what a test writes there.
//!
//! On the emulator:
//! - [`deployment`]: how `sam` deploys a stack there, and what comes of it.
//! - [`stack`]: the stack as `cargo xtask` deployed it on the emulator, and a client for its API.
//! - [`aws`]: a small signed client for AWS services; [`surroundings`]: what makes `aws` and `curl` take the emulator for AWS.
//! - [`dev_key`]: the published key that signs callback tokens there.
//! - [`endpoint`]: a URL of somebody else's, which keeps what is POSTed to it.
//!
//! At the binary, without an emulator:
//! - [`runtime_api`]: starts a function, hands it events as Lambda does, and looks at it from outside.
//! - [`stub_aws`], [`stub_octoeverywhere`]: what it talks to, with every fault one may ask for.
//! - [`http_event`], [`queue_event`]: the events of an HTTP API and of a queue; [`api_front`]: an HTTP API of one's own.
//! - [`abuse`]: what a flood may cost there.
//! - [`leaks`]: looks for secrets in what it leaves behind.
//! - [`fixtures`]: the pretended stack that a function at the binary is part of.

#![allow(clippy::disallowed_methods, reason = "it stands around the functions, in the world")]
#![warn(unreachable_pub)]

pub mod abuse;
pub mod api_front;
pub mod aws;
pub mod deployment;
pub mod dev_key;
pub mod document;
mod encryption;
pub mod endpoint;
pub mod fixtures;
pub mod http_event;
pub mod leaks;
pub mod queue_event;
pub mod runtime_api;
mod server;
pub mod size;
pub mod stack;
pub mod stub_aws;
pub mod stub_octoeverywhere;
pub mod surroundings;
pub mod template;
pub mod tls_front;
pub mod workspace;

//! The rules of OctoEverywhere, as values in and decisions out: no I/O, and the time is handed in (but for `clock`, which
//! is where it comes from).

pub(crate) mod chronicle;
pub(crate) mod clock;
pub(crate) mod delivery_log;
pub(crate) mod faults;
pub(crate) mod fleet;
pub(crate) mod portal;
pub(crate) mod printer;
pub(crate) mod quote;
pub(crate) mod refusal;
pub(crate) mod request;
pub(crate) mod traffic;
pub(crate) mod webhook;
pub(crate) mod webhook_url;

//! Printbell's types and rules: values in, decisions out.
//!
//! Deliberately absent: a clock, the environment, files, the network, threads, randomness. A rule that depends on the
//! time takes it as a value, so the functions, the model check and the simulation all run the same ones.
//!
//! | what | where |
//! |---|---|
//! | who a notification is for | [`id`], [`metadata`] |
//! | the callback URL, its token, and the keys | [`callback`] |
//! | what OctoEverywhere sends, what goes to SNS, and how it becomes durable | [`notification`] |
//! | a registration: what is wanted, how far that is, and what is told of it | [`registration`] |
//! | when a registration is called, by whom, and what an answer means | [`registration::renewal`] |
//! | how errors are told to callers, and JSON that stays as it was written | [`problem`], [`json`] |

pub mod callback;
pub mod id;
pub mod json;
pub mod metadata;
pub mod notification;
pub mod problem;
pub mod registration;

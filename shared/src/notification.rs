//! A notification: what OctoEverywhere sends, what becomes of it on the topic, and how it gets there.
//!
//! | what | where |
//! |---|---|
//! | what happened, and what Printbell calls it | [`event`] |
//! | how a print ended: a cancel is no failure | [`outcome`] |
//! | the body, cut into members that stay as they were written | [`payload`] |
//! | which notifications are one and the same | [`identity`] |
//! | the message: a CloudEvents event with attributes to filter by | [`cloud_event`], [`message`] |
//! | what must become durable, and its form in a queue | [`letter`] |
//! | where it goes: which attempt comes next, and who is tried first | [`sink`], [`plan`], [`breaker`] |

pub mod breaker;
pub mod cloud_event;
pub mod event;
pub mod identity;
pub mod letter;
pub mod message;
pub mod outcome;
pub mod payload;
pub mod plan;
pub mod sink;

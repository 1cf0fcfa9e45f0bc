//! Types and rules that more than one of Printbell's functions needs.
//!
//! Everything above the rim is pure: it takes values and the current time, and returns decisions.
//!
//! | what | where |
//! |---|---|
//! | who a notification is for | [`id`], [`metadata`] |
//! | the callback URL, its token, and the keys | [`callback`], [`query`], [`keys`] |
//! | what OctoEverywhere sends, and what goes to SNS | [`event`], [`payload`], [`cloud_event`], [`message`] |
//! | how it becomes durable | [`letter`], [`outbox`] |
//! | a registration, and when it is renewed | [`registration`], [`renewal`], [`holder`], [`lifecycle`] |
//! | answers to callers | [`problem`] |
//! | the rim: AWS, OctoEverywhere, environment, time | [`aws`], [`table`], [`octoeverywhere`], [`config`], [`clock`] |

pub mod aws;
pub mod callback;
pub mod clock;
pub mod cloud_event;
pub mod config;
pub mod event;
pub mod holder;
pub mod http;
pub mod id;
pub mod keys;
pub mod letter;
pub mod lifecycle;
pub mod message;
pub mod metadata;
pub mod octoeverywhere;
pub mod outbox;
pub mod payload;
pub mod problem;
pub mod query;
pub mod registration;
pub mod renewal;
pub mod table;

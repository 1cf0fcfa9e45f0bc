//! A strict stand-in for OctoEverywhere, for local runs and tests.
//!
//! [`Simulator`] starts one in this process, the `simulator` binary one by itself; [`Control`] drives either over HTTP.
//! It answers the App APIs by the rules of the specification page, calls the webhooks that are set, plays prints as the
//! plugin of each platform tells them ([`PlayPrint`]), and does on demand what the real service does, or may do, when one
//! can least use it: [`Fault`]s, half a year in a second, two tokens of one App Connection, a portal that joins URLs
//! carelessly ([`PortalVisit`]), and answers that quote what is secret ([`Quotes`]).
//!
//! It shares no code with `shared`: a wrong idea, written once and used on both sides, would pass every test.
//!
//! The rooms:
//! - `wire`: what goes over the control surface, as plain data;
//! - `service`: OctoEverywhere's rules, without I/O: what a call says, who holds what, how long a webhook lives, what a
//!   fault does, and what happened so far;
//! - [`mod@print`]: what a print tells of itself on each platform, and the bodies of its notifications, without a server;
//! - `http`: the App APIs' routes, the calls to webhooks, server and TLS;
//! - `control`: the control surface's routes, and [`Control`], their client.
//!
//! `state` joins them, and [`Simulator`] starts it all.

#![allow(clippy::disallowed_methods, reason = "it is part of the world")]

mod control;
mod http;
pub mod print;
mod service;
mod simulator;
mod splitmix;
mod state;
mod wire;

pub use control::client::{Control, ControlError};
pub use http::courier::{DELIVERY_TIMEOUT, DeliverVia, InvalidPlace};
pub use service::chronicle::CALLS_KEPT;
pub use service::delivery_log::DELIVERIES_KEPT;
pub use service::webhook::{FAILURES_BORNE, LIFETIME};
pub use simulator::{Options, Simulator, StartError};
pub use wire::connection::{AppConnection, NewPrinter};
pub use wire::delivery::{Delivery, DeliveryEnd, DeliveryPage, NotSentReason};
pub use wire::event_type::EventType;
pub use wire::fault::{ActiveFault, Ending, Fault, When};
pub use wire::history::{CallRecord, History, Lapse};
pub use wire::ids::{AppToken, ConnectionId, PrintId, PrinterId};
pub use wire::notification::PlayPrint;
pub use wire::portal::{Joint, KeyCase, PortalChoice, PortalReturn, PortalVisit};
pub use wire::quotes::Quotes;
pub use wire::registration::{Registration, Standing, WebhookState};
pub use wire::route::Route;
pub use wire::traffic::Traffic;

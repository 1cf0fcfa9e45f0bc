//! A strict stand-in for OctoEverywhere, for local runs and tests.
//!
//! [`Simulator`] starts one in this process, the `simulator` binary one by itself; [`Control`] drives either over HTTP.
//! It answers the App APIs by the rules of the specification page, calls the webhooks that are set, and does on demand
//! what the real service does when one can least use it: [`Fault`]s, and half a year in a second.
//!
//! The rules take values and the time, and do no I/O: `webhook` (lifetime, filter, disabling), `webhook_url` (what can
//! be called byte for byte), `request` (what a call says), `printer` and `fleet` (who holds what), `history` and
//! `traffic` (what to assert on afterwards), `fault`, `faults`, `payload`, and [`mod@print`]. Around them: `api` and
//! `control` (the routes), `delivery` (the calls out), `server`, and `simulation`, which holds the state.

mod api;
mod client;
mod clock;
mod control;
mod deliveries;
mod delivery;
mod fault;
mod faults;
mod fleet;
mod history;
mod ids;
mod payload;
pub mod print;
mod printer;
mod refusal;
mod request;
mod route;
mod server;
mod simulation;
mod simulator;
mod tls;
mod traffic;
mod webhook;
mod webhook_url;
pub mod wire;

pub use client::{Control, ControlError};
pub use deliveries::{DELIVERIES_KEPT, Delivery, NotSent, Outcome};
pub use delivery::{DELIVERY_TIMEOUT, DeliverVia, NoPlace};
pub use fault::{Ending, Fault, When};
pub use history::{CALLS_KEPT, CallRecord, History, Lapse};
pub use ids::{AppToken, EventType, PrinterId};
pub use route::Route;
pub use simulator::{Options, Simulator, StartError};
pub use webhook::{FAILURES_BORNE, LIFETIME, Standing};
pub use wire::{ActiveFault, DeliveryPage, Issued, NewPrinter, PlayPrint, Registration, Traffic, WebhookState};

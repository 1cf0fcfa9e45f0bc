//! A strict stand-in for OctoEverywhere, for local runs and tests: see `Simulator` to start one in this process, and
//! [`Control`] to drive one anywhere.

mod client;
mod deliveries;
mod faults;
mod history;
mod ids;
mod route;
mod tls;
mod webhook;
mod webhook_url;
pub mod wire;

pub use client::{Control, ControlError};
pub use deliveries::{DELIVERIES_KEPT, Delivery, NotSent, Outcome};
pub use faults::{Ending, Fault, When};
pub use history::{CALLS_KEPT, CallRecord, History, Lapse};
pub use ids::{AppToken, EventType, PrinterId};
pub use route::Route;
pub use webhook::{FAILURES_BORNE, LIFETIME, Standing};

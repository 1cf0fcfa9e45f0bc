//! What other ways from OctoEverywhere to SNS cost. `docs/cost.md` says where the prices are from.

use super::bill::{MILLION, usd};
use super::{ACCESS_LOG_GB, LOG_GB, MONTH_HOURS, SNS_PUBLISH};

const REST_API_REQUEST: f64 = 3.50 / MILLION;

/// A t4g.micro, an hour.
const SERVER: f64 = 0.0084;
/// A public IPv4 address, an hour.
const ADDRESS: f64 = 0.005;
/// 8 GB of gp3, a month.
const DISK: f64 = 8.0 * 0.08;
/// An Application Load Balancer, an hour, without its capacity units.
const LOAD_BALANCER: f64 = 0.0225;

/// Hookbase's plans: events a month, and the price of those.
const PLANS: [(f64, f64); 4] = [(1e3, 0.0), (25e3, 7.0), (500e3, 29.0), (2e6, 79.0)];

/// The rows of a table: what it is, what it costs a month with so many notifications, what it leaves to do.
pub(super) fn rows(notifications: f64) -> String {
    let publishing = notifications * SNS_PUBLISH;
    let straight = publishing + notifications * (REST_API_REQUEST + ACCESS_LOG_GB * LOG_GB);
    let small = publishing + MONTH_HOURS * (SERVER + ADDRESS) + DISK;
    // The load balancer has an address in each of two zones.
    let safe = publishing + MONTH_HOURS * (2.0 * SERVER + LOAD_BALANCER + 4.0 * ADDRESS) + 2.0 * DISK;
    let plan = PLANS.iter().find(|(events, _)| notifications <= *events);
    let gateway = plan.map_or_else(|| "on request".to_owned(), |(_, price)| usd(price + publishing));
    format!(
        "| API Gateway (REST) straight to SNS: $3.50 + $0.50 a million | {} | checking who calls, what comes while SNS \
         fails, renewals |\n\
         | a server, t4g.micro with an address and 8 GB | {} | its updates, and what comes while it is down or restarts; \
         renewals |\n\
         | two of them behind a load balancer | {} | their updates, renewals |\n\
         | a hosted webhook gateway (Hookbase; plans of 25 k, 500 k, 2 million events) | {} | getting from it to SNS, \
         renewals; others see the payloads |\n",
        usd(straight),
        usd(small),
        usd(safe),
        gateway,
    )
}

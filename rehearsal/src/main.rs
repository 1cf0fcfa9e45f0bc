//! Years of a whole fleet in minutes. Exits with 1 if a promise is broken.

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Parser;
use printbell_rehearsal::simulation::{Event, Scenario, Simulation};

/// Simulates the renewals of a fleet, and fails if a registration lapses or the load stays uneven.
#[derive(Parser)]
struct Options {
    /// How many registrations, all put within the first day
    #[arg(long, default_value_t = 100_000_000)]
    printers: u32,
    /// How many days
    #[arg(long, default_value_t = 730)]
    days: u32,
    /// The most calls that renew starts in a second [default: 20, or the printers ÷ 5,000,000 if that is more]
    #[arg(long)]
    calls_per_second: Option<f64>,
    /// What happens to OctoEverywhere, like outage@150d+45d, refusals@400d+1h, failures@560d+1d*10, suspensions@50d+9d*5
    #[arg(long = "event", default_values = ["outage@150d+45d", "refusals@400d+1h", "failures@560d+1d*10"])]
    events: Vec<Event>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let scenario = Scenario {
        printers: options.printers,
        days: options.days,
        calls_per_second: options
            .calls_per_second
            .unwrap_or_else(|| Scenario::rate_cap(options.printers)),
        events: options.events,
    };
    let began = Instant::now();
    let report = Simulation::run(scenario, |day| {
        if day % 30 == 0 {
            eprintln!("day {day}: {:.0} s", began.elapsed().as_secs_f64());
        }
    });
    println!(
        "mean {} bound {} busiest {} closest {} lapses {} revoked {} recoveries {:?}",
        report.mean(),
        report.bound(),
        report.busiest_quiet_hour(),
        report.closest.as_hours() / 24,
        report.lapses,
        report.revoked,
        report.recoveries()
    );
    let broken = report.broken_promises();
    if !broken.is_empty() {
        bail!("{}", broken.join("\n"));
    }
    Ok(())
}

//! Years of a whole fleet in minutes; exits with 1 if a promise is broken.

#![allow(clippy::disallowed_methods, reason = "it says how long a rehearsal took")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, ensure};
use clap::Parser;
use jiff::SignedDuration;
use printbell_rehearsal::chart;
use printbell_rehearsal::simulation::{Event, Report, Scenario, Simulation, Sweep};
use printbell_shared::registration::renewal::Cycle;

/// Simulates the renewals of a fleet through the rules that Printbell runs on, and fails if a registration lapses or is revoked,
/// or if the load stays uneven.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Options {
    /// How many registrations, all put within the first day.
    #[arg(long, default_value_t = 100_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    printers: u32,
    /// For how many days.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// How often each registration is renewed, in days: 7 to 120.
    #[arg(long, value_name = "DAYS", default_value_t)]
    cycle_days: Cycle,
    /// The most calls that renew starts in a second [default: what the fleet needs, at least 20].
    #[arg(long, value_name = "CALLS")]
    calls_per_second: Option<f64>,
    /// What happens to OctoEverywhere, and when; again for more. `KIND@FROM+LASTS[*PERCENT]`: outage@100d+45d, refusals@220d+1h,
    /// failures@300d+1d*10, suspensions@50d+9d*5. Or `sweep@FROM`: everybody is asked again, with half of the calls. By
    /// default, and as far as the days go: outage@100d+45d, sweep@145d, refusals@220d+1h, sweep@250d, failures@300d+1d*10.
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<Event>,
    /// Where to draw the load.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
}

/// What happens unless the options say otherwise.
const USUAL: [&str; 5] = [
    "outage@100d+45d",
    "sweep@145d",
    "refusals@220d+1h",
    "sweep@250d",
    "failures@300d+1d*10",
];

impl Options {
    /// What happens within the days; an event that was asked for and doesn't is an error.
    fn events(&self) -> Result<Vec<Event>> {
        let end = SignedDuration::from_hours(24) * i32::try_from(self.days)?;
        if self.events.is_empty() {
            let usual = USUAL.iter().map(|event| event.parse::<Event>().map_err(Error::msg));
            return usual
                .filter(|event| event.as_ref().map_or(true, |event| event.until() < end))
                .collect();
        }
        for event in &self.events {
            ensure!(
                event.until() < end,
                "{} is over on day {:.0}, and only {} are simulated: give --days {:.0} or more",
                event.name(),
                days_of(event.until()).ceil(),
                self.days,
                days_of(event.until()).ceil() + 1.0
            );
        }
        Ok(self.events.clone())
    }
}

/// What it may take. Time is the processor's, and only one of them works, so that a machine which does other things as well
/// breaks no promise.
const TIME: Duration = Duration::from_secs(600);
const MEMORY_GIB: f64 = 8.0;

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let events = options.events()?;
    let scenario = Scenario {
        printers: options.printers,
        days: options.days,
        cycle: options.cycle_days,
        calls_per_second: options
            .calls_per_second
            .unwrap_or_else(|| Scenario::rate_cap(options.printers, options.cycle_days)),
        events,
    };
    let began = Instant::now();
    let report = Simulation::run(scenario, |day| {
        if day % 60 == 0 {
            eprintln!(
                "day {day} of {} after {:.0} s",
                options.days,
                began.elapsed().as_secs_f64()
            );
        }
    });
    let mut broken = report.broken_promises();
    let took = processor_time().unwrap_or(began.elapsed());
    if took > TIME {
        broken.push(format!("it took {took:.0?} of processor time, more than {TIME:.0?}"));
    }
    let memory = peak_memory_gib();
    if memory.is_some_and(|memory| memory > MEMORY_GIB) {
        broken.push(format!("it took more than {MEMORY_GIB} GiB of memory"));
    }
    print(&report);
    let memory = memory.map_or(String::new(), |gib| format!(", {gib:.1} GiB"));
    println!(
        "took                    {:.1} s of processor time{memory}",
        took.as_secs_f64()
    );
    if let Some(path) = options.chart {
        std::fs::write(&path, chart::draw(&report)).with_context(|| format!("can't write {}", path.display()))?;
    }
    if broken.is_empty() {
        println!("every promise was kept: {}", kept(&report));
        return Ok(ExitCode::SUCCESS);
    }
    println!("PROMISES WERE BROKEN");
    for promise in &broken {
        println!("  {promise}");
    }
    Ok(ExitCode::FAILURE)
}

/// What the promises are, and through what they were kept.
fn kept(report: &Report) -> String {
    let events: Vec<_> = report.scenario.events.iter().map(Event::name).collect();
    let through = match events.as_slice() {
        [] => "nothing happened meanwhile".to_owned(),
        events => format!("through {}", events.join("; ")),
    };
    format!("no registration lapsed, none was revoked, and the load is even again ({through})")
}

fn print(report: &Report) {
    let Scenario {
        printers,
        days,
        cycle,
        calls_per_second,
        ..
    } = &report.scenario;
    println!("registrations           {printers}, for {days} days");
    println!("renewed                 every {cycle} days, at most {calls_per_second} calls a second");
    println!(
        "calls                   {}, {} of them failed",
        report.calls(),
        report.failed()
    );
    println!("lapsed                  {}", report.lapses);
    println!("revoked wrongly         {}", report.revoked);
    println!("closest to an expiry    {:.1} days", days_of(report.closest));
    let mean = report.mean();
    println!("calls an hour, mean     {mean:.*}", if mean < 10.0 { 3 } else { 0 });
    let busiest = report.busiest_quiet_hour();
    println!(
        "  busiest quiet hour    {busiest}, {:.3} × the mean",
        f64::from(busiest) / mean
    );
    for ((event, _), recovery) in report.spans().into_iter().zip(report.recoveries()) {
        let name = event.name();
        println!(
            "  even again            {:.1} days after the end of: {name}",
            days_of(recovery)
        );
    }
    for sweep in &report.sweeps {
        print_sweep(sweep);
    }
}

fn print_sweep(sweep: &Sweep) {
    println!("sweep of day {:.0}", days_of(sweep.from));
    match (sweep.length, sweep.calls_per_second()) {
        (Some(length), _) if length.is_zero() => println!("  took                  less than a second"),
        (Some(length), Some(calls_per_second)) => println!(
            "  took                  {:.2} days, {calls_per_second:.1} calls a second",
            days_of(length)
        ),
        _ => println!("  took                  more than was simulated"),
    }
    println!(
        "  renewed               {}; {} needed nothing",
        sweep.calls, sweep.rows_left_alone
    );
    println!("  lapsed meanwhile      {}", sweep.lapses);
    println!("  closest to an expiry  {:.1} days", days_of(sweep.closest));
    println!(
        "  regular work          waited {:.1} days at the longest; at most {} were left over",
        days_of(sweep.longest_wait),
        sweep.most_waiting
    );
}

fn days_of(duration: SignedDuration) -> f64 {
    duration.as_secs_f64() / 86_400.0
}

/// The most memory that this process had, where the system tells.
fn peak_memory_gib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0 / 1024.0)
}

/// The time that a processor has worked for this process, where the system tells.
fn processor_time() -> Option<Duration> {
    /// What Linux counts in, on every platform (`USER_HZ`).
    const TICKS_PER_SECOND: u64 = 100;
    let status = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold anything; after it the 12th and the 13th field are user and system time.
    let (_, fields) = status.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks = ticks.sum::<Result<u64, _>>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

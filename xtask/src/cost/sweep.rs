//! What a sweep costs, and how long it takes: every row of the table is read, and renewed there and then if it was last set before
//! the sweep's mark.

use std::fmt::Write as _;

use printbell_shared::registration::renewal::Cycle;

use super::bill::{Line, MILLION, Source, grouped, table, total, usd};
use super::stack::STACK;
use super::{CALL_GB, LAMBDA_GB_SECOND, OUT_GB, READ_UNIT, RENEWAL_WRITE_UNITS, WRITE_UNIT, of_registrations};

/// The fleets that are shown beside each other.
const FLEETS: [f64; 4] = [1e3, MILLION, 10e6, 100e6];
/// Rows that are read, and written down as passed, at a time.
pub(super) const PAGE: f64 = 100.0;
/// Half a read unit for each 4 KB that are read without consistency, and a row has up to 1 KB.
const SCAN_READ_UNITS: f64 = 0.125;
/// The row once more, for its lease, and who holds its token.
const RENEWAL_READ_UNITS: f64 = 2.0;
pub(super) const DAY_SECONDS: f64 = 86_400.0;

/// The bill of a sweep that passes `rows` and renews `renewals` of them, so many a second.
fn of_a_sweep(rows: f64, renewals: f64, renewals_per_second: f64) -> Vec<Line> {
    vec![
        Line::new(
            "the table's rows",
            rows * SCAN_READ_UNITS,
            "RRU",
            READ_UNIT,
            Source::DynamoDb,
        ),
        Line::new("its place, a page", rows / PAGE, "WRU", WRITE_UNIT, Source::DynamoDb),
        Line::new(
            "renewals, writes",
            renewals * RENEWAL_WRITE_UNITS,
            "WRU",
            WRITE_UNIT,
            Source::DynamoDb,
        ),
        Line::new(
            "renewals, reads",
            renewals * RENEWAL_READ_UNITS,
            "RRU",
            READ_UNIT,
            Source::DynamoDb,
        ),
        Line::new(
            "renewals, duration",
            renewals / renewals_per_second * STACK.memory_gb(),
            "GB-s",
            LAMBDA_GB_SECOND,
            Source::Lambda,
        ),
        Line::new(
            "calls to OctoEverywhere",
            renewals * CALL_GB,
            "GB",
            OUT_GB,
            Source::DataTransfer,
        ),
    ]
}

/// How a fleet shares its calls while it is swept.
struct Course {
    /// The stack's `MaxCallsPerSecond`: what `docs/decisions/0042-the-rate-cap-of-a-fleet.md` says that the fleet wants.
    calls_per_second: f64,
    /// The rows that it renews. The others were renewed at their slots before it came to them.
    renewals: f64,
    seconds: f64,
}

impl Course {
    fn new(rows: f64, cycle: Cycle) -> Self {
        let mean = rows / cycle.length().as_secs_f64();
        let calls_per_second = cycle.calls_for(rows).max(STACK.calls).ceil();
        let sweeps = calls_per_second / 2.0 * STACK.working;
        let regular = mean.min(sweeps);
        // Of the rows that it passes, `regular × t ÷ rows` were renewed at their slots since it began: the integral of
        // `sweeps ÷ (rows − regular × t)` is 1 when it is through. The simulation says nearly the same.
        let seconds = rows / regular * -(-regular / sweeps).exp_m1();
        Self {
            calls_per_second,
            renewals: sweeps * seconds,
            seconds,
        }
    }
}

/// The bill of a million renewals in a sweep, and what it is for small and for large fleets beside the regular work.
pub(super) fn report(cycle: Cycle) -> String {
    let whole = of_a_sweep(MILLION, MILLION, STACK.calls / 2.0);
    let idle = of_a_sweep(MILLION, 0.0, STACK.calls / 2.0);
    let mut text = format!(
        "{}\nA million rows that need nothing cost {}.\n\n\
         | registrations | `MaxCallsPerSecond` | regular work, a month | a sweep, at most | it takes | it renews |\n\
         |--:|--:|--:|--:|--:|--:|\n",
        table("A sweep that renews a million registrations", &whole),
        usd(total(&idle)),
    );
    for rows in FLEETS {
        let course = Course::new(rows, cycle);
        let regular = total(&of_registrations(rows, 1.0 / 12.0, cycle.days()));
        let sweep = total(&of_a_sweep(rows, rows, course.calls_per_second / 2.0));
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {:.0} % |",
            grouped(rows),
            course.calls_per_second,
            usd(regular),
            usd(sweep),
            period(course.seconds),
            course.renewals / rows * 100.0,
        );
    }
    text
}

/// `seconds` in the unit that reads best.
fn period(seconds: f64) -> String {
    match seconds {
        ..7_200.0 => format!("{:.0} minutes", seconds / 60.0),
        ..172_800.0 => format!("{:.0} hours", seconds / 3_600.0),
        _ => format!("{:.0} days", seconds / DAY_SECONDS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_takes_as_long_as_the_simulation_says() {
        // The sweeps in quiet times of decision 0042. While the regular work falls behind (at 30 days) it takes a little less.
        for (cycle_days, simulated) in [(30, 23.0), (60, 28.1), (120, 32.6)] {
            let cycle = Cycle::from_days(cycle_days).unwrap();
            let days = Course::new(100e6, cycle).seconds / DAY_SECONDS;
            assert!((days / simulated - 1.0).abs() < 0.05, "every {cycle_days} days: {days}");
        }
        // Rows ÷ half of the calls, where next to nothing is renewed meanwhile.
        let seconds = Course::new(1_000.0, Cycle::DEFAULT).seconds;
        assert!((seconds - 1_000.0 / (10.0 * STACK.working)).abs() < 0.1, "{seconds}");
    }

    #[test]
    fn a_renewal_costs_a_sweep_what_it_costs_at_its_slot() {
        let renewal = |cycle_days| total(&of_registrations(1.0, 1.0, cycle_days));
        let at_slots = (renewal(30) - renewal(60)) / (365.0 / 60.0);
        let sweep = total(&of_a_sweep(1.0, 1.0, 10.0));
        assert!((0.9..1.2).contains(&(sweep / at_slots)), "{sweep}, and {at_slots}");
    }
}

//! A fleet of registrations in virtual time.
//!
//! Every registration is put within the first day. Then renew runs every 15 minutes, as EventBridge Scheduler starts it, against
//! an OctoEverywhere to which things happen, and sweeps pass the whole table beside the regular work. What is written, and when it is due again, is decided by
//! [`printbell_shared::registration::renewal`] alone.

mod event;
mod fleet;
mod report;
mod run;
mod sweep;

pub use event::{Event, EventKind};
pub use report::{Hour, Report};
pub use sweep::Sweep;

use jiff::SignedDuration;
use printbell_shared::id::{PrinterRef, RegistrationKey, TenantId};
use printbell_shared::registration::renewal::{
    CALLS_PER_SECOND, Cycle, Effect, EpochSeconds, KeyHash, LIFETIME, Renewal, Settlement, Slot,
};

use event::World;
use fleet::{Fleet, Row};
use run::{Doubt, Turn};
use sweep::Sweeps;

/// When the simulated years begin: 2026-12-01T00:00:00Z.
const START: EpochSeconds = EpochSeconds(1_796_083_200);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long a holder has: more than any call takes.
const LEASE: SignedDuration = SignedDuration::from_mins(15);

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// How many registrations.
    pub printers: u32,
    /// For how many days.
    pub days: u32,
    /// How often each registration is renewed.
    pub cycle: Cycle,
    /// The most calls that renew starts in a second.
    pub calls_per_second: f64,
    /// What happens to OctoEverywhere, and the sweeps.
    pub events: Vec<Event>,
}

impl Scenario {
    /// The calls a second that a fleet needs so that nothing lapses in 45 days of outage, even if a sweep takes half of them as
    /// it ends, and its load is even again a cycle later; and the template's at least.
    /// `docs/decisions/0042-the-rate-cap-of-a-fleet.md` has the reason.
    pub fn rate_cap(printers: u32, cycle: Cycle) -> f64 {
        let wanted = cycle.calls_for(f64::from(printers));
        wanted.max(f64::from(CALLS_PER_SECOND)).ceil()
    }

    fn end(&self) -> EpochSeconds {
        START + DAY * i32::try_from(self.days).unwrap_or(i32::MAX)
    }
}

/// A simulation under way.
pub struct Simulation {
    scenario: Scenario,
    world: World,
    fleet: Fleet,
    sweeps: Sweeps,
    report: Report,
    /// What the answers of the run under way say about refusals.
    doubt: Doubt,
}

impl Simulation {
    /// Runs `scenario` to its end; `progress` hears of each day that is over.
    pub fn run(scenario: Scenario, mut progress: impl FnMut(u32)) -> Report {
        let mut simulation = Self {
            world: World::new(&scenario.events, START),
            fleet: Fleet::new(START, scenario.end() + scenario.cycle.length() + DAY * 10),
            sweeps: Sweeps::new(&scenario.events, scenario.printers),
            report: Report::new(&scenario),
            doubt: Doubt::default(),
            scenario,
        };
        simulation.register_all();
        for day in 0..simulation.scenario.days {
            let midnight = START + DAY * i32::try_from(day).unwrap_or(i32::MAX);
            for quarter in 0..96 {
                simulation.renew(midnight + run::PERIOD * quarter);
            }
            progress(day + 1);
        }
        simulation.close()
    }

    /// Puts every registration within the first day, evenly.
    fn register_all(&mut self) {
        let printers = self.scenario.printers;
        for n in 0..printers {
            let now = START + SignedDuration::from_secs(i64::from(n) * DAY.as_secs() / i64::from(printers));
            let renewal = Renewal::put(None, now).take_turn(now, now + LEASE);
            self.call(
                Row {
                    place: n,
                    key: key(n),
                    renewal,
                    held_until: None,
                },
                now,
                Turn::Due,
            );
        }
    }

    /// Makes the call that a leased row is due for, and files the row where it is due next.
    fn call(&mut self, mut row: Row, now: EpochSeconds, turn: Turn) -> event::Response {
        let Some(call) = row.renewal.call(now) else {
            unreachable!("leased, and due: {row:?}")
        };
        let mut response = self.world.respond(row.key, now);
        response.class = self.doubt.weigh(response.class);
        self.report.called(now, turn, &response);
        if response.is_held {
            if let Some(held_until) = row.held_until {
                let left = held_until - now;
                self.report.renewed(left);
                self.sweeps.renewed(left);
            }
            row.held_until = Some(now + LIFETIME);
        }
        let slot = Slot {
            key: row.key,
            cycle: self.scenario.cycle,
        };
        match row.renewal.settle(slot, &call, &response.class, 0, now) {
            Settlement::Write(renewal, effect) => {
                row.renewal = renewal;
                // The topic takes everything there is to tell, one thing after the other.
                while row.renewal.status_change.is_some()
                    && let Some(renewal) = row.renewal.published(call.lease, now)
                {
                    row.renewal = renewal;
                }
                self.report.revoked += u64::from(effect == Effect::Revoked);
                self.fleet.file(row);
            }
            other => unreachable!("nobody else writes: {other:?}"),
        }
        response
    }

    fn close(mut self) -> Report {
        let end = self.scenario.end();
        for row in self.fleet.into_rows() {
            match row.held_until {
                Some(held_until) => self.report.held(held_until - end),
                None => self.report.never_applied += 1,
            }
        }
        self.report.sweeps = self.sweeps.into_all();
        self.report
    }
}

fn key(n: u32) -> KeyHash {
    let tenant = TenantId::try_from(format!("tenant-{}", n / 1000));
    let printer = PrinterRef::try_from(format!("printer-{n}"));
    let (Ok(tenant), Ok(printer)) = (tenant, printer) else {
        unreachable!("only letters, digits and dashes")
    };
    KeyHash::from(&RegistrationKey { tenant, printer })
}

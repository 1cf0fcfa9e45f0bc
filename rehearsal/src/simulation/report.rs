//! What was seen, and whether it is what Printbell promises.

use jiff::SignedDuration;
use printbell_shared::registration::renewal::EpochSeconds;
use printbell_shared::registration::service_response::ResponseClass;

use super::event::{EventKind, Response};
use super::run::Turn;
use super::sweep::Sweep;
use super::{DAY, Event, START, Scenario};

/// The calls of one hour.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hour {
    /// Every call that renew made.
    pub calls: u32,
    /// Those of them that didn't succeed.
    pub failed: u32,
    /// Those of them that a sweep made.
    pub swept: u32,
}

/// What was seen.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was simulated.
    pub scenario: Scenario,
    /// The load, hour by hour; the calls of the first day's PUTs are not in it.
    pub hours: Vec<Hour>,
    /// Webhooks that were gone at OctoEverywhere before they were renewed, or are gone at the end.
    pub lapses: u64,
    /// Registrations that were revoked. Nobody's App Connection ever ends here, so each one is wrong.
    pub revoked: u64,
    /// Registrations that OctoEverywhere never had.
    pub never_applied: u64,
    /// The least time that was left before an expiry.
    pub closest: SignedDuration,
    /// The scenario's sweeps, in its order.
    pub sweeps: Vec<Sweep>,
}

impl Report {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            scenario: scenario.clone(),
            hours: vec![Hour::default(); scenario.days as usize * 24 + 24],
            lapses: 0,
            revoked: 0,
            never_applied: 0,
            closest: SignedDuration::MAX,
            sweeps: Vec::new(),
        }
    }

    pub(super) fn called(&mut self, now: EpochSeconds, turn: Turn, response: &Response) {
        if now - START < DAY {
            return;
        }
        let hour = ((now - START).as_secs() / 3600) as usize;
        if let Some(hour) = self.hours.get_mut(hour) {
            hour.calls += 1;
            hour.failed += u32::from(response.class != ResponseClass::Applied);
            hour.swept += u32::from(turn == Turn::Sweep);
        }
    }

    /// OctoEverywhere was asked again, so long before it would have forgotten.
    pub(super) fn renewed(&mut self, left: SignedDuration) {
        self.closest = self.closest.min(left);
        self.lapses += u64::from(left.is_negative());
    }

    /// So long is left at the end.
    pub(super) fn held(&mut self, left: SignedDuration) {
        self.lapses += u64::from(left.is_negative());
    }

    /// All calls of renew.
    pub fn calls(&self) -> u64 {
        self.hours.iter().map(|hour| u64::from(hour.calls)).sum()
    }

    /// Those of them that didn't succeed.
    pub fn failed(&self) -> u64 {
        self.hours.iter().map(|hour| u64::from(hour.failed)).sum()
    }

    /// The calls an hour that the fleet needs: each registration once a cycle.
    pub fn mean(&self) -> f64 {
        f64::from(self.scenario.printers) / (self.scenario.cycle.length().as_secs() as f64 / 3600.0)
    }

    /// What an hour may have once it is quiet again: 1.1 × the mean. A fleet under ten million shows the grain of its hash, and may
    /// have what one hour in a billion has by chance.
    pub fn bound(&self) -> f64 {
        let mean = self.mean();
        (mean * 1.1).max(by_chance(mean))
    }

    /// Each event of the scenario, and the time from its beginning to its end. A sweep that isn't over lasts as long as is
    /// simulated.
    pub fn spans(&self) -> Vec<(&Event, SignedDuration)> {
        let mut sweeps = self.sweeps.iter();
        let end = DAY * i32::try_from(self.scenario.days).unwrap_or(i32::MAX);
        let span = |event: &'_ Event| match event.kind {
            EventKind::Sweep => sweeps
                .next()
                .and_then(|sweep| sweep.length)
                .unwrap_or((end - event.from).max(SignedDuration::ZERO)),
            _ => event.lasts,
        };
        let spans: Vec<_> = self.scenario.events.iter().map(span).collect();
        self.scenario.events.iter().zip(spans).collect()
    }

    /// The hours in which an event may still be felt, from its beginning to one cycle after its end, as hours since the start.
    fn disturbances(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let hours = |duration: SignedDuration| duration.as_hours() as usize;
        let cycle = self.scenario.cycle.length();
        self.spans()
            .into_iter()
            .map(move |(event, lasts)| hours(event.from)..hours(event.from + lasts + cycle))
    }

    /// The busiest hour outside every disturbance.
    pub fn busiest_quiet_hour(&self) -> u32 {
        let disturbances: Vec<_> = self.disturbances().collect();
        let quiet = |hour: &usize| !disturbances.iter().any(|disturbance| disturbance.contains(hour));
        (0..self.hours.len())
            .filter(quiet)
            .map(|hour| self.hours[hour].calls)
            .max()
            .unwrap_or(0)
    }

    /// For each event, how long after its end the last hour above the bound was over.
    pub fn recoveries(&self) -> Vec<SignedDuration> {
        let bound = self.bound();
        let events = self.spans().into_iter().zip(self.disturbances());
        let recovery = |((event, lasts), felt): ((&Event, SignedDuration), std::ops::Range<usize>)| {
            let felt = felt.start..felt.end.min(self.hours.len());
            let last = felt.rev().find(|hour| f64::from(self.hours[*hour].calls) > bound);
            let over = last.map_or(event.from, |hour| SignedDuration::from_hours(hour as i64 + 1));
            (over - event.from - lasts).max(SignedDuration::ZERO)
        };
        events.map(recovery).collect()
    }

    /// Every promise that was broken.
    pub fn broken_promises(&self) -> Vec<String> {
        let mut broken = Vec::new();
        if self.lapses > 0 {
            broken.push(format!("{} registrations lapsed", self.lapses));
        }
        if self.revoked > 0 {
            broken.push(format!("{} registrations were revoked wrongly", self.revoked));
        }
        if self.never_applied > 0 {
            broken.push(format!("{} registrations were never applied", self.never_applied));
        }
        let (busiest, bound) = (self.busiest_quiet_hour(), self.bound());
        if f64::from(busiest) > bound {
            broken.push(format!(
                "an hour long after every event had {busiest} calls, more than {bound:.0}"
            ));
        }
        broken
    }
}

/// The most that one hour in a billion has, where each has so many on average and none knows of another (Poisson).
fn by_chance(mean: f64) -> f64 {
    /// From here on that is six standard deviations.
    const MANY: f64 = 100.0;
    const BILLIONTH: f64 = 1e-9;
    if mean >= MANY {
        return mean + 6.0 * mean.sqrt();
    }
    let (mut count, mut share) = (0.0, (-mean).exp());
    let mut rest = 1.0 - share;
    while rest > BILLIONTH {
        count += 1.0;
        share *= mean / count;
        rest -= share;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::by_chance;

    #[test]
    fn what_comes_by_chance_is_a_whole_number_of_calls() {
        // One registration renewed every 30 days, ten, and a thousand.
        for (mean, most) in [(1.0 / 720.0, 2.0), (10.0 / 720.0, 4.0), (1_000.0 / 720.0, 13.0)] {
            assert_eq!(by_chance(mean), most, "{mean}");
        }
    }

    #[test]
    fn both_ways_to_tell_it_meet() {
        let (below, above) = (by_chance(99.9), by_chance(100.0));
        assert!((below - above).abs() < 10.0, "{below} {above}");
    }
}

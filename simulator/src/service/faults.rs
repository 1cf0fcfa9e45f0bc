//! The faults in force, and the rule for which call they strike.

use std::time::Duration;

use crate::splitmix::splitmix64;
use crate::wire::fault::{ActiveFault, Ending, Fault, InvalidFault, When};
use crate::wire::ids::PrinterId;
use crate::wire::route::Route;

/// The faults that may still strike.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    active: Vec<ActiveFault>,
    last_id: u64,
    draws: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) -> Result<ActiveFault, InvalidFault> {
        fault.check()?;
        self.last_id += 1;
        let active = ActiveFault {
            id: self.last_id,
            fault,
            strikes: 0,
        };
        self.active.push(active.clone());
        Ok(active)
    }

    pub(crate) fn remove(&mut self, id: u64) {
        self.active.retain(|active| active.id != id);
    }

    pub(crate) fn clear(&mut self) {
        self.active.clear();
    }

    pub(crate) fn active(&self) -> Vec<ActiveFault> {
        self.active.clone()
    }

    /// What goes wrong in the next call. The oldest faults go first: their delays add up, and the first ending ends it.
    pub(crate) fn strike(&mut self, route: Route, printer: Option<&PrinterId>) -> Mishap {
        let mut mishap = Mishap::default();
        for ActiveFault { fault, strikes, .. } in &mut self.active {
            if !fault.concerns(route, printer) {
                continue;
            }
            self.draws += 1;
            if splitmix64(self.draws) % 100 >= u64::from(fault.rate_percent) {
                continue;
            }
            *strikes += 1;
            let delay = Duration::from_millis(fault.delay_ms);
            match fault.when {
                When::BeforeWork => mishap.delay_before += delay,
                When::AfterWork => mishap.delay_after += delay,
            }
            if let Some(ending) = &fault.ending {
                mishap.ending = Some((fault.when, ending.clone()));
                break;
            }
        }
        self.active
            .retain(|active| active.fault.times.is_none_or(|times| active.strikes < times));
        mishap
    }
}

/// What goes wrong in one call; nothing, mostly.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Mishap {
    pub(crate) delay_before: Duration,
    pub(crate) delay_after: Duration,
    ending: Option<(When, Ending)>,
}

impl Mishap {
    /// How the call ends at this point, if it does.
    pub(crate) fn ending(&self, at: When) -> Option<&Ending> {
        self.ending
            .as_ref()
            .filter(|(when, _)| *when == at)
            .map(|(_, ending)| ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(faults: impl IntoIterator<Item = Fault>) -> Faults {
        let mut set = Faults::default();
        for fault in faults {
            set.add(fault).unwrap();
        }
        set
    }

    #[test]
    fn a_fault_strikes_the_calls_it_names_and_no_other() {
        let (p1, p2) = (PrinterId::new("p1"), PrinterId::new("p2"));
        for (fault, route, printer, strikes) in [
            (Fault::hang(), Route::Set, None, true),
            (Fault::hang().on(Route::Set), Route::Set, Some(&p1), true),
            (Fault::hang().on(Route::Set), Route::Delete, Some(&p1), false),
            (Fault::hang().for_printer(&p1), Route::Info, Some(&p1), true),
            (Fault::hang().for_printer(&p1), Route::Info, Some(&p2), false),
            (Fault::hang().for_printer(&p1), Route::Info, None, false),
        ] {
            let mishap = faults([fault.clone()]).strike(route, printer);
            assert_eq!(
                mishap != Mishap::default(),
                strikes,
                "{fault:?} on {route:?} of {printer:?}"
            );
        }
    }

    #[test]
    fn a_fault_is_gone_after_its_number_of_calls() {
        let mut faults = faults([Fault::answer(604).times(2)]);
        let strikes: Vec<bool> = (0..4)
            .map(|_| faults.strike(Route::Set, None).ending(When::BeforeWork).is_some())
            .collect();
        assert_eq!(strikes, [true, true, false, false]);
        assert!(faults.active().is_empty());
    }

    #[test]
    fn a_rate_strikes_about_so_many_calls_and_the_same_in_every_run() {
        let run = || {
            let mut faults = faults([Fault::drop_connection().rate_percent(10)]);
            (0..10_000)
                .map(|_| faults.strike(Route::Set, None) != Mishap::default())
                .collect::<Vec<_>>()
        };
        let strikes = run().iter().filter(|&&strike| strike).count();
        assert!((900..1_100).contains(&strikes), "{strikes} of 10000");
        assert_eq!(run(), run());
    }

    #[test]
    fn delays_add_up_until_the_first_ending() {
        let ms = Duration::from_millis;
        let mut faults = faults([
            Fault::delay(ms(1)),
            Fault::delay(ms(10)).after_work(),
            Fault::delay(ms(2)),
            Fault::lose_answer(),
            Fault::delay(ms(4)),
            Fault::answer(500).times(1),
        ]);
        let mishap = faults.strike(Route::Set, None);
        assert_eq!((mishap.delay_before, mishap.delay_after), (ms(3), ms(10)));
        assert_eq!(mishap.ending(When::BeforeWork), None);
        assert_eq!(mishap.ending(When::AfterWork), Some(&Ending::Drop));
        assert_eq!(
            faults.active().len(),
            6,
            "the one that never got its turn isn't used up"
        );
    }

    #[test]
    fn faults_that_make_no_sense_are_refused() {
        let nothing = Fault {
            ending: None,
            ..Fault::hang()
        };
        for (fault, why) in [
            (Fault::hang().rate_percent(0), InvalidFault::Rate),
            (Fault::hang().rate_percent(101), InvalidFault::Rate),
            (Fault::hang().times(0), InvalidFault::Times),
            (Fault::answer(199), InvalidFault::Status),
            (Fault::answer(1000), InvalidFault::Status),
            (Fault::answer(429).retry_after("1\n"), InvalidFault::RetryAfter),
            (nothing, InvalidFault::NoEffect),
        ] {
            assert_eq!(Faults::default().add(fault).unwrap_err(), why);
        }
    }
}

//! What goes wrong on purpose, and the rule for which call it goes wrong in.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::wire::ActiveFault;
use crate::{PrinterId, Route};

/// Something to go wrong in API calls. Built with [`Fault::answer`], [`Fault::hang`] and their kin, then narrowed:
/// ```
/// # use printbell_simulator::{Fault, Route};
/// let busy = Fault::answer(429).retry_after("120").on(Route::Set).times(3);
/// let flaky = Fault::drop_connection().rate_percent(10);
/// let lost = Fault::lose_answer().times(1);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Only calls of this route; every route when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// Only calls with this printer's token; calls with any token, or none, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer_id: Option<PrinterId>,
    /// How many calls it strikes before it is used up; until cleared when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How many of a hundred calls it strikes, at random but the same in every run; 1–100.
    #[serde(default = "always")]
    pub rate_percent: u8,
    /// Before or after the call did its work.
    #[serde(default)]
    pub when: When,
    /// How long the call is held up at that point.
    #[serde(default)]
    pub delay_ms: u64,
    /// How the call ends there; it goes on when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
}

fn always() -> u8 {
    100
}

/// Whether the work of a call is done when a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// The call changes nothing (unless the fault is only a delay).
    #[default]
    BeforeWork,
    /// The work is done, and the caller may not learn of it.
    AfterWork,
}

/// How a call ends in which a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind",
    deny_unknown_fields
)]
pub enum Ending {
    /// With this in place of its answer.
    Answer {
        /// 200–999; the service's own codes are the 600s.
        status: u16,
        /// The `Retry-After` header as it stands: seconds or a date.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<String>,
        /// The body as it stands, sent as `text/html`, as a proxy's error page would be; the service's usual JSON
        /// when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// Without an answer, and the connection stays open for as long as the caller holds on.
    Hang,
    /// Without an answer, and the connection is closed.
    Drop,
}

impl Fault {
    /// Answers with this status instead of doing the work.
    pub fn answer(status: u16) -> Self {
        Self::ending(Ending::Answer {
            status,
            retry_after: None,
            body: None,
        })
    }

    /// Takes this long before the work is done.
    pub fn delay(by: Duration) -> Self {
        Self {
            ending: None,
            ..Self::hang()
        }
        .delayed(by)
    }

    /// Never answers, and does nothing.
    pub fn hang() -> Self {
        Self::ending(Ending::Hang)
    }

    /// Closes the connection before the work is done.
    pub fn drop_connection() -> Self {
        Self::ending(Ending::Drop)
    }

    /// Does the work, then closes the connection without an answer.
    pub fn lose_answer() -> Self {
        Self::ending(Ending::Drop).after_work()
    }

    fn ending(ending: Ending) -> Self {
        Self {
            route: None,
            printer_id: None,
            times: None,
            rate_percent: always(),
            when: When::BeforeWork,
            delay_ms: 0,
            ending: Some(ending),
        }
    }

    /// Holds the call up for this long, then ends it as it would have.
    pub fn delayed(mut self, by: Duration) -> Self {
        self.delay_ms = by.as_millis().try_into().unwrap_or(u64::MAX);
        self
    }

    /// Strikes after the work was done.
    pub fn after_work(mut self) -> Self {
        self.when = When::AfterWork;
        self
    }

    /// Strikes this route only.
    pub fn on(mut self, route: Route) -> Self {
        self.route = Some(route);
        self
    }

    /// Strikes calls with this printer's token only.
    pub fn for_printer(mut self, printer: &PrinterId) -> Self {
        self.printer_id = Some(printer.clone());
        self
    }

    /// Strikes this many calls, then is gone.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Strikes this many of a hundred calls.
    pub fn rate_percent(mut self, percent: u8) -> Self {
        self.rate_percent = percent;
        self
    }

    /// Adds `Retry-After`, in seconds or as a date; for [`Fault::answer`] only.
    pub fn retry_after(mut self, value: impl Into<String>) -> Self {
        if let Some(Ending::Answer { retry_after, .. }) = &mut self.ending {
            *retry_after = Some(value.into());
        }
        self
    }

    /// Answers with this body in place of the service's JSON; for [`Fault::answer`] only.
    pub fn body(mut self, text: impl Into<String>) -> Self {
        if let Some(Ending::Answer { body, .. }) = &mut self.ending {
            *body = Some(text.into());
        }
        self
    }
}

/// Why a fault was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub(crate) enum BadFault {
    #[error("ratePercent must be from 1 to 100")]
    Rate,
    #[error("times must be at least 1; leave it out for every call until the fault is cleared")]
    Times,
    #[error("status must be from 200 to 999")]
    Status,
    #[error("retryAfter must be a header value: seconds or a date")]
    RetryAfter,
    #[error("a fault needs an ending, a delayMs, or both")]
    NoEffect,
}

impl Fault {
    fn check(&self) -> Result<(), BadFault> {
        if !(1..=100).contains(&self.rate_percent) {
            return Err(BadFault::Rate);
        }
        if self.times == Some(0) {
            return Err(BadFault::Times);
        }
        match &self.ending {
            Some(Ending::Answer { status, .. }) if !(200..=999).contains(status) => Err(BadFault::Status),
            Some(Ending::Answer {
                retry_after: Some(value),
                ..
            }) if http::HeaderValue::from_str(value).is_err() => Err(BadFault::RetryAfter),
            None if self.delay_ms == 0 => Err(BadFault::NoEffect),
            _ => Ok(()),
        }
    }

    fn concerns(&self, route: Route, printer: Option<&PrinterId>) -> bool {
        self.route.is_none_or(|this| this == route) && self.printer_id.as_ref().is_none_or(|this| Some(this) == printer)
    }
}

/// The faults that may still strike.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    active: Vec<ActiveFault>,
    last_id: u64,
    draws: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) -> Result<ActiveFault, BadFault> {
        fault.check()?;
        self.last_id += 1;
        let active = ActiveFault {
            id: self.last_id,
            fault,
            struck: 0,
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
        for ActiveFault { fault, struck, .. } in &mut self.active {
            if !fault.concerns(route, printer) {
                continue;
            }
            self.draws += 1;
            if splitmix64(self.draws) % 100 >= u64::from(fault.rate_percent) {
                continue;
            }
            *struck += 1;
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
            .retain(|active| active.fault.times.is_none_or(|times| active.struck < times));
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

/// Vigna's SplitMix64: good enough to scatter faults over calls, and the same in every run.
fn splitmix64(counter: u64) -> u64 {
    let mut z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
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
        let struck: Vec<bool> = (0..4)
            .map(|_| faults.strike(Route::Set, None).ending(When::BeforeWork).is_some())
            .collect();
        assert_eq!(struck, [true, true, false, false]);
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
        let struck = run().iter().filter(|&&struck| struck).count();
        assert!((900..1_100).contains(&struck), "{struck} of 10000");
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
            (Fault::hang().rate_percent(0), BadFault::Rate),
            (Fault::hang().rate_percent(101), BadFault::Rate),
            (Fault::hang().times(0), BadFault::Times),
            (Fault::answer(199), BadFault::Status),
            (Fault::answer(1000), BadFault::Status),
            (Fault::answer(429).retry_after("1\n"), BadFault::RetryAfter),
            (nothing, BadFault::NoEffect),
        ] {
            assert_eq!(Faults::default().add(fault).unwrap_err(), why);
        }
    }
}

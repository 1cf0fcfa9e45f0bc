//! Something to go wrong on purpose: in which calls, at which point, and how.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::PrinterId;
use super::route::Route;

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

/// A fault that may still strike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActiveFault {
    /// Its number, to take it back by.
    pub id: u64,
    /// As it was added; `times` is what was asked for.
    pub fault: Fault,
    /// How many calls it has struck.
    pub strikes: u32,
}

/// Why a fault was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub(crate) enum InvalidFault {
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
    pub(crate) fn check(&self) -> Result<(), InvalidFault> {
        if !(1..=100).contains(&self.rate_percent) {
            return Err(InvalidFault::Rate);
        }
        if self.times == Some(0) {
            return Err(InvalidFault::Times);
        }
        match &self.ending {
            Some(Ending::Answer { status, .. }) if !(200..=999).contains(status) => Err(InvalidFault::Status),
            Some(Ending::Answer {
                retry_after: Some(value),
                ..
            }) if http::HeaderValue::from_str(value).is_err() => Err(InvalidFault::RetryAfter),
            None if self.delay_ms == 0 => Err(InvalidFault::NoEffect),
            _ => Ok(()),
        }
    }

    pub(crate) fn concerns(&self, route: Route, printer: Option<&PrinterId>) -> bool {
        self.route.is_none_or(|this| this == route) && self.printer_id.as_ref().is_none_or(|this| Some(this) == printer)
    }
}

//! What happens to OctoEverywhere, and when everybody is asked again.

use std::str::FromStr;

use jiff::SignedDuration;
use printbell_shared::registration::renewal::{EpochSeconds, KeyHash};
use printbell_shared::registration::service_response::{Fault, ResponseClass};

/// Something that happens to OctoEverywhere for a while, or a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// When it begins, after the start.
    pub from: SignedDuration,
    /// How long it lasts; of a sweep, which takes as long as it takes, nothing.
    pub lasts: SignedDuration,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EventKind {
    /// No call gets through; each one times out.
    Outage,
    /// Everyone is answered 604.
    Refusals,
    /// This share of the calls fails (600); half of these were carried out all the same, and only the answer was lost.
    Failures(f64),
    /// This share of the printers is answered 605.
    Suspensions(f64),
    /// Every row of the table is passed, and renewed if it was last set before now.
    Sweep,
}

impl Event {
    /// When it is over, after the start; of a sweep, when it begins.
    pub fn until(&self) -> SignedDuration {
        self.from + self.lasts
    }

    /// Its name, for people.
    pub fn name(&self) -> String {
        let what = match self.kind {
            EventKind::Outage => "outage".to_owned(),
            EventKind::Refusals => "604 to everyone".to_owned(),
            EventKind::Failures(share) => format!("{} % failures", share * 100.0),
            EventKind::Suspensions(share) => format!("605 to {} %", share * 100.0),
            EventKind::Sweep => return "sweep".to_owned(),
        };
        match (self.lasts.as_hours() / 24, self.lasts.as_hours() % 24) {
            (1, 0) => format!("{what}, 1 day"),
            (days, 0) => format!("{what}, {days} days"),
            _ => format!("{what}, {} h", self.lasts.as_hours()),
        }
    }
}

impl FromStr for Event {
    type Err = String;

    /// `KIND@FROM+LASTS[*PERCENT]` or `sweep@FROM`, times in days (`d`) or hours (`h`): `outage@150d+45d`, `failures@560d+1d*10`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not like outage@150d+45d, refusals@400d+1h, failures@560d+1d*10, suspensions@50d+9d*5 or \
                 sweep@195d"
            )
        };
        let (kind, rest) = text.split_once('@').ok_or_else(wrong)?;
        if kind == "sweep" {
            return Ok(Self {
                kind: EventKind::Sweep,
                from: duration(rest).ok_or_else(wrong)?,
                lasts: SignedDuration::ZERO,
            });
        }
        let (from, rest) = rest.split_once('+').ok_or_else(wrong)?;
        let (lasts, percent) = rest.split_once('*').unwrap_or((rest, "100"));
        let percent: f64 = percent.parse().map_err(|_| wrong())?;
        let kind = match kind {
            "outage" => EventKind::Outage,
            "refusals" => EventKind::Refusals,
            "failures" => EventKind::Failures(percent / 100.0),
            "suspensions" => EventKind::Suspensions(percent / 100.0),
            _ => return Err(wrong()),
        };
        let (Some(from), Some(lasts)) = (duration(from), duration(lasts)) else {
            return Err(wrong());
        };
        Ok(Self { kind, from, lasts })
    }
}

fn duration(text: &str) -> Option<SignedDuration> {
    let days = text.strip_suffix('d').map(|number| (number, 24));
    let (number, hours) = days.or_else(|| text.strip_suffix('h').map(|number| (number, 1)))?;
    let number: u16 = number.parse().ok()?;
    Some(SignedDuration::from_hours(i64::from(number) * hours))
}

/// What a call meets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Response {
    /// What the caller hears.
    pub class: ResponseClass,
    /// Whether OctoEverywhere holds the webhook now.
    pub is_held: bool,
    /// How long it takes.
    pub latency: SignedDuration,
}

impl Response {
    /// Whether it counts for the circuit breaker.
    pub fn is_service_failure(&self) -> bool {
        matches!(
            self.class,
            ResponseClass::Temporary {
                fault: Fault::Service | Fault::Silence,
                ..
            }
        )
    }
}

/// OctoEverywhere, with what happens to it.
pub(super) struct World {
    /// From, until, what.
    events: Vec<(EpochSeconds, EpochSeconds, EventKind)>,
}

const FAILURE: ResponseClass = ResponseClass::Temporary {
    fault: Fault::Service,
    retry_after: None,
};
const SILENCE: ResponseClass = ResponseClass::Temporary {
    fault: Fault::Silence,
    retry_after: None,
};
const LATENCY: SignedDuration = SignedDuration::from_millis(200);
/// The client's timeout.
const TIMEOUT: SignedDuration = SignedDuration::from_secs(10);

impl World {
    pub fn new(events: &[Event], start: EpochSeconds) -> Self {
        let at = |event: &Event| (start + event.from, start + event.from + event.lasts, event.kind);
        Self {
            events: events.iter().map(at).collect(),
        }
    }

    pub fn respond(&self, key: KeyHash, now: EpochSeconds) -> Response {
        let happens = self
            .events
            .iter()
            .filter(|(from, until, _)| (*from..*until).contains(&now));
        let ordinary = Response {
            class: ResponseClass::Applied,
            is_held: true,
            latency: LATENCY,
        };
        happens.fold(ordinary, |response, (_, _, kind)| match kind {
            EventKind::Outage => Response {
                class: SILENCE,
                is_held: false,
                latency: TIMEOUT,
            },
            EventKind::Refusals => Response {
                class: ResponseClass::Refused,
                is_held: false,
                ..response
            },
            EventKind::Failures(share) => match chance(key.0 ^ now.0.cast_unsigned()) {
                luck if luck < *share => Response {
                    class: FAILURE,
                    is_held: luck < share / 2.0,
                    ..response
                },
                _ => response,
            },
            EventKind::Suspensions(share) if chance(key.0) < *share => Response {
                class: ResponseClass::Suspended,
                is_held: false,
                ..response
            },
            EventKind::Suspensions(_) | EventKind::Sweep => response,
        })
    }
}

/// A number from 0 to 1 that looks random (the finaliser of SplitMix64).
fn chance(seed: u64) -> f64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as f64 / u64::MAX as f64
}

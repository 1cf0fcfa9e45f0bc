//! Counts the tokens that came under keys that don't count.
//!
//! A scanner has no such token: it takes somebody who knows the form, or a printer that was left behind by a rotation.

use jiff::{SignedDuration, Timestamp};
use printbell_adapters::emf;

/// What the metric is called.
const METRIC: &str = "unknownKeys";

/// How long nothing is logged after a line, so that somebody who makes up keys doesn't fill the log.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// Well-formed tokens under a key id that doesn't count.
#[derive(Debug, Default)]
pub(crate) struct UnknownKeys {
    /// Those that no line has told yet.
    count: u64,
    last_line: Option<Timestamp>,
}

impl UnknownKeys {
    /// Counts one.
    pub(crate) fn count(&mut self) {
        self.count += 1;
    }

    /// The metric, as a line in CloudWatch's embedded metric format, if there is something to tell and it is time to.
    pub(crate) fn take_line(&mut self, function: &str, now: Timestamp) -> Option<String> {
        let is_early = |last| now.duration_since(last) < PAUSE;
        if self.count == 0 || self.last_line.is_some_and(is_early) {
            return None;
        }
        self.last_line = Some(now);
        let figures = [(METRIC, std::mem::take(&mut self.count).into())];
        Some(emf::line(function, now, &[(METRIC, emf::Unit::Count)], figures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_in_a_line_every_five_seconds() {
        let mut keys = UnknownKeys::default();
        let at = |milliseconds: i64| Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap();
        let mut told = Vec::new();
        for millisecond in 0..12_000 {
            if millisecond < 6_000 {
                keys.count();
            }
            if let Some(line) = keys.take_line("the-function", at(millisecond)) {
                let line: serde_json::Value = serde_json::from_str(&line).unwrap();
                assert_eq!(line["FunctionName"], "the-function");
                told.push((millisecond, line[METRIC].as_u64().unwrap()));
            }
        }
        assert_eq!(told, [(0, 1), (5_000, 5_000), (10_000, 999)]);
    }
}

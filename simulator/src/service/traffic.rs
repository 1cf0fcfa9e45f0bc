//! Counts how busy the API is.

use crate::wire::traffic::Traffic;

/// Keeps [`Traffic`] up to date.
#[derive(Debug, Default)]
pub(crate) struct TrafficMeter {
    figures: Traffic,
    second: u64,
    calls_this_second: u32,
}

impl TrafficMeter {
    /// A call begins in this second of some clock that only goes forward.
    pub(crate) fn began(&mut self, second: u64) {
        if self.second != second {
            self.second = second;
            self.calls_this_second = 0;
        }
        self.calls_this_second += 1;
        let figures = &mut self.figures;
        figures.calls += 1;
        figures.in_flight += 1;
        figures.max_in_flight = figures.max_in_flight.max(figures.in_flight);
        figures.busiest_second = figures.busiest_second.max(self.calls_this_second);
    }

    pub(crate) fn ended(&mut self) {
        self.figures.in_flight -= 1;
    }

    /// Counts from nothing again, but for the calls that are still under way.
    pub(crate) fn reset(&mut self) {
        let in_flight = self.figures.in_flight;
        *self = Self {
            figures: Traffic {
                in_flight,
                max_in_flight: in_flight,
                ..Traffic::default()
            },
            ..Self::default()
        };
    }

    pub(crate) fn figures(&self) -> Traffic {
        self.figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_stay_when_the_rush_is_over() {
        let mut meter = TrafficMeter::default();
        for second in [1, 1, 1, 2] {
            meter.began(second);
        }
        meter.ended();
        meter.ended();
        meter.began(3);
        let peaks = Traffic {
            calls: 5,
            in_flight: 3,
            max_in_flight: 4,
            busiest_second: 3,
        };
        assert_eq!(meter.figures(), peaks);
        meter.reset();
        assert_eq!(
            meter.figures(),
            Traffic {
                calls: 0,
                in_flight: 3,
                max_in_flight: 3,
                busiest_second: 0
            }
        );
    }
}

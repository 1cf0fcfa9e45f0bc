//! How fast a print is played.

use std::time::Duration;

use super::script::Scene;

/// How many times faster than real a print is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Speed {
    Factor(f64),
    AsFastAsPossible,
}

impl Speed {
    /// 0 is as fast as possible.
    pub(crate) fn read(factor: f64) -> Option<Self> {
        match factor {
            0.0 => Some(Self::AsFastAsPossible),
            factor if factor.is_finite() && factor > 0.0 => Some(Self::Factor(factor)),
            _ => None,
        }
    }

    /// When a scene is due, from the start of the play.
    pub(crate) fn due(self, scene: &Scene) -> Duration {
        match self {
            Self::AsFastAsPossible => Duration::ZERO,
            Self::Factor(factor) => Duration::try_from_secs_f64(f64::from(scene.at) / factor).unwrap_or(Duration::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::platform::Trouble;
    use crate::wire::event_type::EventType;

    #[test]
    fn speed_is_a_factor_and_zero_is_no_waiting() {
        let scene = Scene {
            at: 7_200,
            event: EventType::BED_COOLED_DOWN,
            progress: 1_000,
            seconds: 6_000,
            trouble: Trouble::default(),
        };
        for (factor, due) in [
            (0.0, Some(Duration::ZERO)),
            (1.0, Some(Duration::from_secs(7_200))),
            (600.0, Some(Duration::from_secs(12))),
            (1e-300, Some(Duration::MAX)),
            (-1.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(Speed::read(factor).map(|speed| speed.due(&scene)), due, "{factor}");
        }
    }
}

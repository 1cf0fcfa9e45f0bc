//! A whole print, as its notifications tell it: 100 minutes and 200 layers, with a filament change and a scare.

use std::time::Duration;

pub(crate) mod payload;

use self::payload::Moment;
use crate::wire::event_type::EventType;
use crate::wire::ids::random_print_id;

/// How long the print takes. The bed cools down after that.
pub const PRINT_SECONDS: u32 = 6_000;

const LAYERS: u32 = 200;

/// One notification of the print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Seconds since the print began.
    pub at: u32,
    /// What happens.
    pub event: EventType,
    /// The layer that the printer is at.
    pub layer: u32,
}

const fn scene(at: u32, event: EventType, layer: u32) -> Scene {
    Scene { at, event, layer }
}

/// What happens when. 100 % and "complete" both arrive, as they do from the service.
pub const SCRIPT: [Scene; 19] = [
    scene(0, EventType::PRINT_STARTED, 0),
    scene(120, EventType::FIRST_LAYER_COMPLETE, 1),
    scene(240, EventType::THIRD_LAYER_COMPLETE, 3),
    scene(600, EventType::PRINT_PROGRESS, 20),
    scene(1_200, EventType::PRINT_PROGRESS, 40),
    scene(1_800, EventType::PRINT_PROGRESS, 60),
    scene(2_100, EventType::FILAMENT_CHANGE_REQUIRED, 70),
    scene(2_105, EventType::PRINT_PAUSED, 70),
    scene(2_340, EventType::PRINT_RESUMED, 70),
    scene(2_400, EventType::PRINT_PROGRESS, 72),
    scene(3_000, EventType::PRINT_PROGRESS, 95),
    scene(3_600, EventType::PRINT_PROGRESS, 118),
    scene(3_960, EventType::GADGET_WARNING, 130),
    scene(4_200, EventType::PRINT_PROGRESS, 140),
    scene(4_800, EventType::PRINT_PROGRESS, 160),
    scene(5_400, EventType::PRINT_PROGRESS, 180),
    scene(6_000, EventType::PRINT_PROGRESS, LAYERS),
    scene(6_000, EventType::PRINT_COMPLETE, LAYERS),
    scene(7_200, EventType::BED_COOLED_DOWN, LAYERS),
];

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

/// A print of this file with an id of its own.
pub(crate) struct Print {
    id: String,
    file_name: String,
}

impl Print {
    pub(crate) fn of(file_name: Option<String>) -> Self {
        Self {
            id: random_print_id(),
            file_name: file_name.unwrap_or_else(|| "3DBenchy.gcode".to_owned()),
        }
    }

    pub(crate) fn moment(&self, scene: &Scene) -> Moment {
        Moment {
            print_id: self.id.clone(),
            file_name: self.file_name.clone(),
            seconds: scene.at,
            of_seconds: PRINT_SECONDS,
            layer: scene.layer,
            of_layers: LAYERS,
        }
    }
}

/// Where in a print an event is likely, when it is fired on its own. `None` for those that come outside of one.
pub(crate) fn likely_scene(event: EventType) -> Option<Scene> {
    let outside = [EventType::PRINTER_ERROR, EventType::NOTIFICATION_LIMIT, EventType::TEST];
    if outside.contains(&event) {
        return None;
    }
    let scripted = SCRIPT.into_iter().find(|scene| scene.event == event);
    scripted.or(Some(scene(1_500, event, 50)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_goes_forward_and_tells_a_whole_print() {
        assert!(SCRIPT.is_sorted_by_key(|scene| (scene.at, scene.layer)));
        let progress: Vec<u32> = SCRIPT
            .iter()
            .filter(|scene| scene.event == EventType::PRINT_PROGRESS)
            .map(|scene| scene.at * 100 / PRINT_SECONDS)
            .collect();
        assert_eq!(progress, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
        assert_eq!(SCRIPT[0].event, EventType::PRINT_STARTED);
        for event in [2, 4, 5, 7, 10, 11, 14, 15] {
            assert_eq!(
                SCRIPT.iter().filter(|scene| scene.event == EventType(event)).count(),
                1,
                "event {event}"
            );
        }
    }

    #[test]
    fn speed_is_a_factor_and_zero_is_no_waiting() {
        for (factor, due) in [
            (0.0, Some(Duration::ZERO)),
            (1.0, Some(Duration::from_secs(7_200))),
            (600.0, Some(Duration::from_secs(12))),
            (1e-300, Some(Duration::MAX)),
            (-1.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(Speed::read(factor).map(|speed| speed.due(&SCRIPT[18])), due, "{factor}");
        }
    }
}

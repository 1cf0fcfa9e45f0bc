//! What is told of a print, and when: the plugin's clocks, in seconds.

use super::plan::{End, Pause, Plan};
use super::platform::{PauseCause, Platform, Trouble};
use crate::wire::event_type::EventType;

/// How often a printer tells its progress. Steps that fall between two such times are told as one.
const UPDATE_SECONDS: u32 = 5;

const HOUR: u32 = 3_600;

/// How long a layer must last before it counts as begun.
const LAYER_SETTLES: u32 = 20;

/// How long after a filament change was asked for the printer pauses.
const PAUSE_FOLLOWS: u32 = 5;

/// How long a timelapse's picture takes.
const PARKED: u32 = 2;

/// How long the bed takes to cool down; the plugin watches it for an hour at most.
const COOLING: u32 = 1_200;

/// One notification of a print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Seconds since the print began, pauses included.
    pub at: u32,
    /// What happens.
    pub event: EventType,
    /// Tenths of a percent.
    pub progress: u32,
    /// Seconds of printing, pauses aside.
    pub seconds: u32,
    /// What it says of trouble.
    pub trouble: Trouble,
}

/// Every notification of a print, in order.
pub(crate) fn script(plan: &Plan, platform: Platform) -> Vec<Scene> {
    let mut walk = Walk::begin(plan, platform);
    while walk.seconds < plan.end_at() {
        walk.go_on(walk.next_moment());
    }
    walk.end();
    walk.scenes
}

/// The stops of a print in order, those for a timelapse among them.
fn pauses(plan: &Plan) -> Vec<Pause> {
    let mut pauses = plan.pauses.clone();
    if plan.timelapse {
        pauses.extend((1..plan.layers).map(|layer| Pause {
            at: begin(plan, layer + 1),
            seconds: PARKED,
            cause: PauseCause::Request,
        }));
    }
    pauses.sort_by_key(|pause| std::cmp::Reverse(pause.at));
    pauses
}

/// When a layer begins; the first one at once.
fn begin(plan: &Plan, layer: u32) -> u32 {
    portion(plan.seconds, layer - 1, plan.layers)
}

/// The layer that a print is at.
pub(crate) fn layer(plan: &Plan, seconds: u32) -> u32 {
    match seconds {
        0 => 0,
        seconds => (portion(plan.layers, seconds, plan.seconds) + 1).min(plan.layers),
    }
}

fn portion(of: u32, part: u32, whole: u32) -> u32 {
    let portion = u64::from(of) * u64::from(part) / u64::from(whole);
    portion.try_into().unwrap_or(u32::MAX)
}

/// A print on its way.
struct Walk<'a> {
    plan: &'a Plan,
    platform: Platform,
    /// Those to come, the next one last.
    pauses: Vec<Pause>,
    at: u32,
    seconds: u32,
    /// Since when the plugin's timers run; they don't during a pause, nor after an error.
    watching_since: Option<u32>,
    /// The highest tenth that was told, or passed.
    last_step: u32,
    /// 0, 1 or 3.
    last_layer: u32,
    scenes: Vec<Scene>,
}

impl<'a> Walk<'a> {
    fn begin(plan: &'a Plan, platform: Platform) -> Self {
        let mut walk = Self {
            plan,
            platform,
            pauses: pauses(plan),
            at: 0,
            seconds: 0,
            watching_since: Some(0),
            last_step: 0,
            last_layer: 0,
            scenes: Vec::new(),
        };
        walk.tell(EventType::PRINT_STARTED);
        walk
    }

    /// Prints up to this second, and tells what happens in it.
    fn go_on(&mut self, until: u32) {
        self.at += until - self.seconds;
        self.seconds = until;
        self.hour();
        self.layers();
        self.step();
        if self.plan.warning_at == Some(self.seconds) && self.watching_since.is_some() {
            self.tell(EventType::GADGET_WARNING);
        }
        if self.plan.error_at == Some(self.seconds) {
            self.tell_trouble(EventType::PRINTER_ERROR, self.wording(self.platform.errors()));
            self.watching_since = None;
        }
        while let Some(pause) = self.pauses.pop_if(|pause| pause.at <= self.seconds) {
            self.pause(pause);
        }
    }

    /// The next second of printing in which there may be something to tell; one too many does no harm.
    fn next_moment(&self) -> u32 {
        let plan = self.plan;
        let once = [plan.warning_at, plan.error_at].into_iter().flatten();
        let pause = self.pauses.last().map(|pause| pause.at.max(self.seconds + 1));
        let clocks = self.watching_since.map(|since| {
            let elapsed = self.at - since;
            let hours = elapsed.saturating_sub(1) / HOUR + 1;
            let hour = self.seconds + (hours * HOUR + 1 - elapsed);
            let tenth = portion(plan.seconds, self.last_step + 1, 10).max(self.seconds + 1);
            let layers = [1, 3].map(|number| {
                if self.last_layer < number {
                    (begin(plan, number + 1) + LAYER_SETTLES).max(self.seconds + 1)
                } else {
                    u32::MAX
                }
            });
            [hour, tenth, layers[0], layers[1]]
        });
        let moments = once.chain(pause).chain(clocks.into_iter().flatten());
        let next = moments.filter(|&moment| moment > self.seconds).min();
        next.unwrap_or(u32::MAX).min(plan.end_at())
    }

    /// The clock that goes by the hour, from the start or the last resume, and tells the progress as it is.
    fn hour(&mut self) {
        // A second late, as timers are: so it tells something else than a tenth that falls on the hour.
        let elapsed = self.watching_since.map_or(0, |since| self.at - since);
        if elapsed > HOUR && elapsed % HOUR == 1 && self.seconds < self.plan.seconds {
            self.tell(EventType::PRINT_PROGRESS);
        }
    }

    /// The clock that goes by tenths: 10 to 90, each once.
    fn step(&mut self) {
        if self.watching_since.is_none() || !self.seconds.is_multiple_of(UPDATE_SECONDS) {
            return;
        }
        let step = portion(10, self.seconds, self.plan.seconds).min(9);
        if step > self.last_step && self.seconds < self.plan.seconds {
            self.last_step = step;
            self.scenes.push(Scene {
                progress: step * 100,
                ..self.scene(EventType::PRINT_PROGRESS)
            });
        }
    }

    fn layers(&mut self) {
        if self.watching_since.is_none() {
            return;
        }
        for (number, event) in [
            (1, EventType::FIRST_LAYER_COMPLETE),
            (3, EventType::THIRD_LAYER_COMPLETE),
        ] {
            let over = number < self.plan.layers && self.seconds >= begin(self.plan, number + 1) + LAYER_SETTLES;
            if over && self.last_layer < number {
                self.last_layer = number;
                self.tell(event);
            }
        }
    }

    fn pause(&mut self, pause: Pause) {
        let until = self.at + pause.seconds;
        for &(event, trouble) in self.platform.pause(pause.cause) {
            self.tell_trouble(event, trouble);
            self.at = until.min(self.at + PAUSE_FOLLOWS);
        }
        self.at = until;
        self.tell(EventType::PRINT_RESUMED);
        self.watching_since = Some(self.at);
    }

    fn end(&mut self) {
        match self.plan.end {
            End::Complete => self.tell(EventType::PRINT_COMPLETE),
            End::Cancel => self.tell_trouble(EventType::PRINT_FAILED, self.wording(self.platform.cancels())),
            End::Failure => {
                for &(event, trouble) in self.wording(self.platform.failures()) {
                    self.tell_trouble(event, trouble);
                }
            }
            End::Silence => return,
        }
        // A printer that is said to pause isn't watched for a cold bed.
        if self
            .scenes
            .last()
            .is_some_and(|scene| scene.event != EventType::PRINT_PAUSED)
        {
            self.at += COOLING;
            self.tell(EventType::BED_COOLED_DOWN);
        }
    }

    fn wording<T: Copy>(&self, words: &[T]) -> T {
        words[self.plan.wording % words.len()]
    }

    fn tell(&mut self, event: EventType) {
        self.tell_trouble(event, Trouble::default());
    }

    fn tell_trouble(&mut self, event: EventType, trouble: Trouble) {
        self.scenes.push(Scene {
            trouble,
            ..self.scene(event)
        });
    }

    fn scene(&self, event: EventType) -> Scene {
        Scene {
            at: self.at,
            event,
            progress: portion(1_000, self.seconds, self.plan.seconds),
            seconds: self.seconds,
            trouble: Trouble::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::plan::Numbers;

    /// A print in one go, nothing but printing.
    fn plain(seconds: u32) -> Plan {
        Plan {
            seconds,
            pauses: Vec::new(),
            warning_at: None,
            ..Plan::default()
        }
    }

    fn pause(at: u32, seconds: u32) -> Pause {
        Pause {
            at,
            seconds,
            cause: PauseCause::Request,
        }
    }

    /// Event and second of each notification.
    fn events(plan: &Plan, platform: Platform) -> Vec<(i32, u32)> {
        let scenes = script(plan, platform);
        scenes.iter().map(|scene| (scene.event.0, scene.at)).collect()
    }

    /// Second and tenths of a percent of each progress.
    fn progress(plan: &Plan) -> Vec<(u32, u32)> {
        let scenes = script(plan, Platform::Klipper).into_iter();
        scenes
            .filter(|scene| scene.event == EventType::PRINT_PROGRESS)
            .map(|scene| (scene.at, scene.progress))
            .collect()
    }

    #[test]
    fn the_default_print_is_told_whole() {
        let expected = [
            (1, 0),
            (10, 50),
            (14, 110),
            (6, 600),
            (6, 1_200),
            (6, 1_800),
            (11, 2_100),
            (4, 2_105),
            (5, 2_340),
            (6, 2_640),
            (6, 3_240),
            (6, 3_840),
            (7, 3_960),
            (6, 4_440),
            (6, 5_040),
            (6, 5_640),
            (6, 5_941),
            (2, 6_240),
            (15, 7_440),
        ];
        assert_eq!(events(&Plan::default(), Platform::OctoPrint), expected);
    }

    #[test]
    fn tenths_are_told_once_each_and_never_the_first_and_the_last() {
        for (seconds, expected) in [
            (1, &[][..]),
            (5, &[]),
            (20, &[(5, 200), (10, 500), (15, 700)]),
            (
                60,
                &[10, 20, 30, 40, 50, 60, 70, 80, 90]
                    .map(|percent| (percent * 60 / 100_u32).next_multiple_of(5))
                    .map(|at| (at, at * 10 / 60 * 100))[..],
            ),
        ] {
            let mut expected = expected.to_vec();
            expected.dedup();
            assert_eq!(progress(&plain(seconds)), expected, "{seconds} s");
        }
    }

    #[test]
    fn the_hours_count_from_the_last_resume_and_tell_the_exact_progress() {
        let exact = |plan: &Plan| {
            let odd = |&(_, tenths): &(u32, u32)| tenths % 100 != 0;
            progress(plan).into_iter().filter(odd).collect::<Vec<_>>()
        };
        let long = Plan {
            layers: 1,
            ..plain(13_000)
        };
        assert_eq!(exact(&long), [(3_601, 277), (7_201, 553), (10_801, 830)]);
        let with_break = Plan {
            pauses: vec![pause(5_000, 9_000)],
            ..long
        };
        assert_eq!(exact(&with_break), [(3_601, 277), (17_601, 661), (21_201, 938)]);
    }

    #[test]
    fn nothing_is_told_during_a_pause_nor_after_an_error() {
        let with_pause = Plan {
            pauses: vec![pause(30, 20_000)],
            ..plain(100)
        };
        let near_the_pause = [(6, 30), (4, 30), (5, 20_030), (6, 20_040)];
        assert!(
            events(&with_pause, Platform::PrusaLink)
                .windows(4)
                .any(|window| window == near_the_pause)
        );

        let error = Plan {
            error_at: Some(3_000),
            warning_at: Some(4_000),
            ..plain(20_000)
        };
        for (end, rest) in [
            (End::Silence, &[][..]),
            (End::Complete, &[(2, 20_000), (15, 21_200)]),
            (End::Cancel, &[(3, 12_500), (15, 13_700)]),
        ] {
            let plan = Plan { end, ..error.clone() };
            let list = events(&plan, Platform::ElegooCc2);
            let at = list.iter().position(|&scene| scene == (9, 3_000)).unwrap();
            assert_eq!(list[at + 1..], *rest, "{end:?}");
        }
    }

    #[test]
    fn a_resume_after_an_error_starts_the_clocks_again_and_merges_what_was_missed() {
        let plan = Plan {
            error_at: Some(250),
            pauses: vec![pause(550, 10)],
            ..plain(1_000)
        };
        let steps: Vec<u32> = progress(&plan).into_iter().map(|(_, tenths)| tenths / 10).collect();
        assert_eq!(steps, [10, 20, 50, 60, 70, 80, 90]);
    }

    #[test]
    fn a_timelapse_pauses_and_resumes_for_each_layer() {
        let plan = Plan {
            timelapse: true,
            ..Plan::default()
        };
        let scenes = script(&plan, Platform::Klipper);
        let stops: Vec<i32> = scenes
            .iter()
            .map(|scene| scene.event.0)
            .filter(|event| [4, 5].contains(event))
            .collect();
        assert_eq!(stops, [4, 5].repeat(200), "199 between two layers, and the filament");
        assert!(
            progress(&plan).iter().all(|&(_, tenths)| tenths % 100 == 0),
            "no hour without a resume"
        );
    }

    #[test]
    fn each_platform_ends_in_its_own_way() {
        for (platform, end, expected) in [
            (Platform::OctoPrint, End::Cancel, &[3, 15][..]),
            (Platform::OctoPrint, End::Failure, &[9, 3, 15]),
            (Platform::Klipper, End::Cancel, &[3, 15]),
            (Platform::Klipper, End::Failure, &[9, 15]),
            (Platform::Bambu, End::Cancel, &[3, 15]),
            (Platform::Bambu, End::Failure, &[3, 15]),
            (Platform::Elegoo, End::Cancel, &[3, 15]),
            (Platform::Elegoo, End::Failure, &[4]),
            (Platform::ElegooCc2, End::Cancel, &[3, 15]),
            (Platform::ElegooCc2, End::Failure, &[9, 15]),
            (Platform::PrusaLink, End::Cancel, &[3, 15]),
            (Platform::PrusaLink, End::Failure, &[9, 15]),
        ] {
            let plan = Plan { end, ..plain(6_000) };
            let list: Vec<i32> = events(&plan, platform)
                .into_iter()
                .filter(|&(_, at)| at >= 3_750)
                .map(|(event, _)| event)
                .collect();
            assert_eq!(list, expected, "{platform:?} {end:?}");
        }
    }

    #[test]
    fn a_filament_change_and_gadget_pause_as_the_platform_has_it() {
        for (platform, cause, expected) in [
            (Platform::OctoPrint, PauseCause::Filament, &[11, 4, 5][..]),
            (Platform::Bambu, PauseCause::Filament, &[11, 5]),
            (Platform::Klipper, PauseCause::Filament, &[4, 5]),
            (Platform::Elegoo, PauseCause::Filament, &[4, 5]),
            (Platform::PrusaLink, PauseCause::Request, &[4, 5]),
            (Platform::ElegooCc2, PauseCause::Gadget, &[8, 5]),
        ] {
            let plan = Plan {
                pauses: vec![Pause {
                    cause,
                    ..pause(3_000, 60)
                }],
                ..plain(6_000)
            };
            let list: Vec<i32> = events(&plan, platform)
                .into_iter()
                .filter(|(event, _)| [4, 5, 8, 11].contains(event))
                .map(|(event, _)| event)
                .collect();
            assert_eq!(list, expected, "{platform:?} {cause:?}");
        }
    }

    #[test]
    fn no_moment_is_overlooked() {
        for platform in Platform::ALL {
            for number in 0..40 {
                let plan = Plan::varied(platform, number);
                let mut walk = Walk::begin(&plan, platform);
                while walk.seconds < plan.end_at() {
                    walk.go_on(walk.seconds + 1);
                }
                walk.end();
                assert_eq!(walk.scenes, script(&plan, platform), "{plan:?}");
            }
        }
    }

    #[test]
    fn a_thousand_prints_of_each_platform_are_prints_and_differ() {
        for platform in Platform::ALL {
            let plans: Vec<Plan> = (0..1_000).map(|number| Plan::varied(platform, number)).collect();
            for plan in &plans {
                assert_eq!(plan.check(), Ok(()), "{plan:?}");
                let scenes = script(plan, platform);
                assert!(scenes.is_sorted_by_key(|scene| (scene.at, scene.seconds)), "{plan:?}");
                let steps: Vec<_> = scenes
                    .iter()
                    .filter(|scene| scene.event == EventType::PRINT_PROGRESS)
                    .collect();
                assert!(
                    steps.iter().all(|scene| (1..1_000).contains(&scene.progress)),
                    "{plan:?}"
                );
            }
            for end in [End::Complete, End::Cancel, End::Failure, End::Silence] {
                assert!(plans.iter().filter(|plan| plan.end == end).count() > 100, "{end:?}");
            }
            for numbers in [Numbers::Whole, Numbers::Text] {
                assert!(plans.iter().any(|plan| plan.numbers == Some(numbers)));
            }
            assert!(plans.iter().any(|plan| plan.file_name.is_none()));
            assert!(
                plans
                    .iter()
                    .any(|plan| plan.error_at.is_some() && plan.end == End::Silence)
            );
        }
    }
}

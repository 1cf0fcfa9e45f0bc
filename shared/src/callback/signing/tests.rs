use proptest::prelude::*;

use super::*;
use crate::callback::keys::CURRENT;

const DAY: i64 = 24 * 60 * 60;

/// A secret and what is remembered of it, at a time.
#[derive(Debug, Clone, Default)]
struct World {
    now: i64,
    current: String,
    labelled: BTreeSet<String>,
    record: Option<SigningRecord>,
    rotations: usize,
}

impl World {
    fn new() -> Self {
        let mut world = Self::default();
        world.rotate();
        world
    }

    /// Every fifth version's id begins like the one before.
    fn rotate(&mut self) {
        let n = self.rotations;
        self.rotations += 1;
        self.current = match n % 5 {
            4 => format!("v{:07}-b", n - 1),
            _ => format!("v{n:07}"),
        };
    }

    fn now(&self) -> EpochSeconds {
        EpochSeconds(1_800_000_000 + self.now)
    }

    /// The secret has a version without a label of ours, too, but for a new one.
    fn listing(&self) -> Listing {
        let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        versions.insert(self.current.clone(), vec![CURRENT.to_owned()]);
        if self.rotations > 1 {
            versions.insert("another".to_owned(), vec!["AWSPREVIOUS".to_owned()]);
        }
        for version in &self.labelled {
            let label = VersionId::from(version.as_str()).label();
            versions.entry(version.clone()).or_default().push(label);
        }
        let versions = versions.iter().map(|(id, labels)| (id.as_str(), labels.as_slice()));
        Listing::new(versions).unwrap()
    }

    fn step(&self) -> Step {
        next_step(&self.listing(), self.record.as_ref(), &BTreeSet::new(), self.now())
    }

    /// Takes so many steps, or all there are.
    fn go_on(&mut self, steps: usize) {
        for _ in 0..steps {
            match self.step() {
                Step::Write(record) => {
                    let before = self.record.as_ref().map_or(0, |record| record.revision);
                    assert_eq!(record.revision, before + 1);
                    self.record = Some(record);
                }
                Step::Label(version) => assert!(self.labelled.insert(version.as_str().to_owned())),
                Step::Unlabel(version) => assert!(self.labelled.remove(version.as_str())),
                Step::Rest => return,
            }
        }
    }

    fn settle(&mut self) {
        self.go_on(100);
        assert_eq!(self.step(), Step::Rest, "it comes to rest");
    }

    fn signs_with(&self) -> Option<String> {
        let version = self.record.as_ref()?.signing_version(&self.listing(), self.now())?;
        Some(version.as_str().to_owned())
    }
}

#[test]
fn a_new_secret_is_signed_with_after_three_steps_and_what_is_taken_up_is_written_down_before_it_is_labelled() {
    let mut world = World::new();
    let kinds = |world: &mut World| {
        let mut kinds = Vec::new();
        while world.step() != Step::Rest {
            kinds.push(match world.step() {
                Step::Write(_) => "write",
                Step::Label(_) => "label",
                Step::Unlabel(_) => "unlabel",
                Step::Rest => "rest",
            });
            world.go_on(1);
        }
        kinds
    };
    assert_eq!(kinds(&mut world), ["write", "label", "write"]);
    assert_eq!(world.signs_with().as_deref(), Some("v0000000"));
    world.rotate();
    world.now = 14 * DAY;
    assert_eq!(kinds(&mut world), ["write", "label", "write"]);
    world.now += 120;
    assert_eq!(kinds(&mut world), ["write"]);
    assert_eq!(world.signs_with().as_deref(), Some("v0000001"));
    world.now += 195 * DAY;
    assert_eq!(kinds(&mut world), [""; 0]);
    world.now += 1;
    assert_eq!(kinds(&mut world), ["unlabel", "write"]);
    assert_eq!(world.record.unwrap().versions.len(), 1);
}

#[test]
fn rotations_every_day_use_15_labels() {
    let mut world = World::new();
    let mut most = 0;
    for quarter in 0..4 * 1000 {
        world.now = quarter * DAY / 4;
        if quarter % 4 == 0 {
            world.rotate();
        }
        world.settle();
        most = most.max(world.labelled.len());
    }
    assert_eq!(most, 15);
}

#[test]
fn a_version_that_nobody_could_label_makes_room_for_the_next() {
    let mut world = World::new();
    world.settle();
    world.rotate();
    world.now = 14 * DAY;
    world.go_on(1);
    let next = |world: &World| world.record.as_ref().and_then(|record| record.next.clone());
    assert_eq!(next(&world), Some("v0000001".into()));
    // Whoever was to label it has ended, and there was a rotation.
    world.rotate();
    world.now += 20 * 60;
    world.go_on(1);
    assert_eq!(next(&world), Some("v0000001".into()), "somebody may still be at it");
    world = World {
        labelled: BTreeSet::from(["v0000000".to_owned()]),
        now: world.now + 1,
        ..world
    };
    world.settle();
    assert_eq!(next(&world), Some("v0000002".into()));
}

#[test]
fn what_is_unfit_is_left_alone() {
    let mut world = World::new();
    world.settle();
    world.rotate();
    world.now = 20 * DAY;
    let unfit = BTreeSet::from([VersionId::from("v0000001")]);
    let step = |world: &World| next_step(&world.listing(), world.record.as_ref(), &unfit, world.now());
    assert_eq!(step(&world), Step::Rest);
    world.go_on(1);
    assert_eq!(step(&world), Step::Rest, "it was written down, and can't be labelled");
}

#[derive(Debug, Clone)]
enum Event {
    Pass {
        seconds: i64,
    },
    Rotate,
    /// So many steps are taken, and then somebody dies.
    Steps {
        count: usize,
    },
    Settle,
    Sign,
    LoseLabel {
        which: usize,
    },
    LoseRecord,
    Retire {
        which: usize,
        force: Force,
    },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let seconds = prop_oneof![0_i64..200, 0..30 * DAY, Just(14 * DAY)];
    let event = prop_oneof![
        6 => seconds.prop_map(|seconds| Event::Pass { seconds }),
        4 => Just(Event::Rotate),
        3 => (1_usize..6).prop_map(|count| Event::Steps { count }),
        6 => Just(Event::Settle),
        6 => Just(Event::Sign),
        1 => (0_usize..16).prop_map(|which| Event::LoseLabel { which }),
        1 => Just(Event::LoseRecord),
        1 => (0_usize..16, prop_oneof![Just(Force::No), Just(Force::Yes)])
            .prop_map(|(which, force)| Event::Retire { which, force }),
    ];
    prop::collection::vec(event, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens: 16 labels at most, all of different key ids; what was signed with in the last 194 days has its label once
    /// there is nothing to do, unless it was retired or forgotten with its label; and only what had its label for two minutes, or was
    /// the only version, is signed with.
    #[test]
    fn what_a_webhook_may_bear_counts(events in events()) {
        let mut world = World::new();
        let mut uses: BTreeMap<String, i64> = BTreeMap::new();
        let mut labelled_at: BTreeMap<String, i64> = BTreeMap::new();
        let mut retired = BTreeSet::new();
        for event in events {
            let is_new = world.rotations == 1;
            match event {
                Event::Pass { seconds } => world.now += seconds,
                Event::Rotate => world.rotate(),
                Event::Steps { count } => world.go_on(count),
                Event::Settle => world.settle(),
                Event::Sign => {
                    world.settle();
                    if let Some(version) = world.signs_with() {
                        prop_assert!(!retired.contains(&version));
                        let since = world.now - labelled_at.get(&version).copied().unwrap_or(world.now);
                        prop_assert!(is_new || since >= 120, "{} after {}", version, since);
                        uses.insert(version, world.now);
                    }
                }
                Event::LoseLabel { which } => {
                    let version = world.labelled.iter().nth(which).cloned().unwrap_or_default();
                    world.labelled.remove(&version);
                    if world.record.is_none() {
                        uses.remove(&version);
                    }
                }
                Event::LoseRecord => {
                    uses.retain(|version, _| world.labelled.contains(version));
                    world.record = None;
                }
                Event::Retire { which, force } => {
                    world.settle();
                    let key_id = world.labelled.iter().nth(which).map(|version| version[..8].to_owned());
                    let record = world.record.clone().unwrap();
                    let retirement = key_id.map(|key_id| record.retire(&world.listing(), &key_id, force, world.now()));
                    if let Some(Ok((record, version, standing))) = retirement {
                        world.record = Some(record);
                        world.settle(); // else the label would be all that is left of it, if the record is lost
                        if standing == Standing::Retired {
                            retired.insert(version.as_str().to_owned());
                        }
                    }
                }
            }
            labelled_at.retain(|version, _| world.labelled.contains(version));
            for version in &world.labelled {
                // A label is set within the event, and a settling version counts from there.
                labelled_at.entry(version.clone()).or_insert(if is_new { world.now - 120 } else { world.now });
            }
            prop_assert!(world.labelled.len() <= MOST_LABELS);
            let ids: BTreeSet<_> = world.labelled.iter().map(|version| &version[..8]).collect();
            prop_assert_eq!(ids.len(), world.labelled.len(), "two of one id");
            if world.record.is_none() || world.step() != Step::Rest {
                continue;
            }
            let record = world.record.clone().unwrap_or_default();
            for (version, used_at) in &uses {
                let memory = record.versions.get(&VersionId::from(version.as_str()));
                let is_retired = memory.is_some_and(|memory| memory.standing == Standing::Retired);
                let is_needed = world.now - used_at < 194 * DAY && !is_retired;
                prop_assert!(!is_needed || world.labelled.contains(version), "{}", version);
            }
        }
    }
}

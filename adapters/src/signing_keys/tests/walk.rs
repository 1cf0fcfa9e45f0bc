//! Two years of rotations, renewals, callbacks and crashes: whatever the pace of the rotations, no callback of a webhook that lives
//! is refused, and no label is one too many.

use std::collections::BTreeMap;

use printbell_shared::callback::key::CallbackKey;

use super::*;
use crate::key_ring::tests::claim;

const HOUR: i64 = 60 * MINUTE;
const YEARS: i64 = 2 * 365 * DAY;
/// How often renew runs here; it runs more often, which makes everything easier.
const TICK: i64 = 4 * HOUR;
/// One registration of so many is called by at a time.
const SHARE: i64 = 30;
/// How long a webhook lives after its last Set.
const LIFETIME: i64 = 180 * DAY;

/// Chance, the same each time.
struct Chance(Cell<u64>);

impl Chance {
    /// A number below `limit`.
    fn below(&self, limit: i64) -> i64 {
        let mut state = self.0.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0.set(state);
        i64::try_from(state >> 33).unwrap() % limit
    }
}

/// When the process that is at work ends.
#[derive(Clone, Copy)]
struct Doom {
    /// How many changes it still makes.
    changes: i64,
    /// Whether the last one is done, though it doesn't hear of it.
    is_done: bool,
}

/// Secrets Manager and the record, at which processes work at once and end at any moment.
struct World {
    secret: Secret,
    memory: Memory,
    chance: Chance,
    second: Cell<i64>,
    doom: Cell<Option<Doom>>,
    /// Since when each version has borne its label.
    labels: RefCell<BTreeMap<String, i64>>,
}

impl World {
    /// Lets the other processes go on.
    async fn pause(&self) {
        for _ in 0..self.chance.below(3) {
            tokio::task::yield_now().await;
        }
    }

    /// Makes a change, unless the process ends here.
    async fn change<T>(&self, work: impl Future<Output = T>) -> Result<T, String> {
        self.pause().await;
        let end = || Err("the process has ended".to_owned());
        let Some(doom) = self.doom.get() else {
            return Ok(work.await);
        };
        let changes = doom.changes - 1;
        self.doom.set(Some(Doom { changes, ..doom }));
        if changes < 0 {
            return end();
        }
        if changes > 0 || doom.is_done {
            let result = work.await;
            return if changes > 0 { Ok(result) } else { end() };
        }
        end()
    }
}

impl KeySource for &World {
    async fn list(&self) -> Result<Listing, KeysUnavailable> {
        self.pause().await;
        (&self.secret).list().await
    }

    async fn key(&self, version: Version<'_>) -> Result<Option<CallbackKey>, KeysUnavailable> {
        (&self.secret).key(version).await
    }
}

impl Labels for &World {
    fn arn(&self) -> &str {
        "the secret"
    }

    async fn label(&self, version: &VersionId) -> Result<(), LabelError> {
        let work = async {
            (&self.secret).label(version).await?;
            let id = version.as_str().to_owned();
            self.labels.borrow_mut().insert(id, self.second.get());
            Ok(())
        };
        self.change(work).await.map_err(LabelError::Failed)?
    }

    async fn unlabel(&self, version: &VersionId) -> Result<(), LabelError> {
        let work = async { (&self.secret).unlabel(version).await };
        self.change(work).await.map_err(LabelError::Failed)?
    }
}

impl Records for &World {
    async fn read(&self) -> Result<Option<SigningRecord>, String> {
        self.pause().await;
        (&self.memory).read().await
    }

    async fn write(&self, record: &SigningRecord) -> Result<(), RecordError> {
        let work = async { (&self.memory).write(record).await };
        self.change(work).await.map_err(RecordError::Failed)?
    }
}

/// A registration, as far as its webhook goes.
struct Row {
    /// How often it is renewed.
    cycle: i64,
    /// Whether OctoEverywhere answers 605 while its webhook lives: each renewal fails.
    is_suspended: bool,
    due: i64,
    webhook: Option<(String, i64)>,
}

impl Row {
    fn is_alive(&self, second: i64) -> bool {
        self.webhook
            .as_ref()
            .is_some_and(|(_, set_at)| second - set_at <= LIFETIME)
    }
}

fn rows() -> Vec<Row> {
    let rows = (0..90).map(|n| Row {
        cycle: [30, 120, 30][n % 3] * DAY,
        is_suspended: n % 3 == 2,
        due: 0,
        webhook: None,
    });
    rows.collect()
}

struct Walk<'a> {
    world: &'a World,
    loses_labels: bool,
    rows: Vec<Row>,
    renew: SigningKeys<&'a World, &'a World>,
    register: SigningKeys<&'a World, &'a World>,
    receivers: Vec<KeyRing<&'a World>>,
    callbacks: usize,
    most_labels: usize,
    /// Renewals that had to wait for a key.
    waits: usize,
    versions: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    fn keys(world: &'a World) -> SigningKeys<&'a World, &'a World> {
        SigningKeys::new(world, world)
    }

    /// Signs the URL of each row that is due, and now and then of one that isn't.
    async fn renewals(&mut self, second: i64) {
        let world = self.world;
        for n in 0..self.rows.len() {
            let is_put = world.chance.below(2000) == 0;
            let row = &mut self.rows[n];
            if row.due > second && !is_put {
                continue;
            }
            row.due = second + row.cycle + world.chance.below(DAY);
            if row.is_suspended && row.is_alive(second) && !is_put {
                continue;
            }
            let signer = if is_put { &self.register } else { &self.renew };
            match sign(signer, second).await {
                Ok(version) => {
                    self.check_label(&version, second);
                    self.versions.insert(version.clone());
                    self.rows[n].webhook = Some((version, second));
                }
                Err(_) => {
                    self.waits += 1;
                    self.rows[n].due = second + TICK;
                }
            }
        }
    }

    /// Nobody signs with a version whose label hasn't been there for two minutes, but with the only one.
    fn check_label(&self, version: &str, second: i64) {
        if self.loses_labels {
            return; // whoever signs may not have heard of it for five minutes
        }
        let since = self.world.labels.borrow()[version];
        assert!(
            second - since >= 120 || version == "v0000000",
            "{version} is signed with after {}",
            second - since
        );
        assert!(self.world.secret.labelled().iter().any(|other| other == version));
    }

    /// Every webhook that lives is let in by a receiver, warm or cold.
    async fn callbacks(&mut self, second: i64) {
        let world = self.world;
        let chosen = world.chance.below(SHARE);
        if world.chance.below(40) == 0 {
            let n = usize::try_from(world.chance.below(3)).unwrap();
            self.receivers[n] = KeyRing::new(world);
            self.receivers[n].warm_up(at(second)).await.unwrap();
        }
        for (n, row) in self.rows.iter().enumerate() {
            if i64::try_from(n).unwrap() % SHARE != chosen || !row.is_alive(second) {
                continue;
            }
            let (version, set_at) = row.webhook.clone().unwrap();
            let receiver = &self.receivers[n % self.receivers.len()];
            let claim = claim(&version);
            let verdict = receiver.verify(Some(&claim), at(second), at(second)).await;
            let day = second / DAY;
            assert_eq!(
                verdict,
                Ok(Verdict::Authentic),
                "{version}, set {} days before day {day}",
                (second - set_at) / DAY
            );
            self.callbacks += 1;
        }
    }

    async fn run(&mut self, second: i64) {
        let world = self.world;
        let (renew, register) = (&self.renew, &self.register);
        if world.chance.below(5) == 0 {
            let changes = world.chance.below(6);
            let is_done = world.chance.below(2) == 0;
            world.doom.set(Some(Doom { changes, is_done }));
        }
        // Register may be at it at the same time.
        let (run, put) = tokio::join!(renew.maintain(at(second)), register.signing_key(at(second)));
        let has_ended = world.doom.take().is_some_and(|doom| doom.changes <= 0) || run.is_err() || put.is_err();
        if has_ended || world.chance.below(10) == 0 {
            self.renew = Self::keys(world);
            self.register = Self::keys(world);
            self.renew.maintain(at(second)).await.unwrap();
        }
        self.most_labels = self.most_labels.max(world.secret.labelled().len());
        assert!(self.most_labels <= MOST_LABELS);
    }
}

async fn walk(pace: i64, loses_labels: bool) {
    let world = World {
        secret: Secret::default(),
        memory: Memory::default(),
        chance: Chance(Cell::new(0x9e37_79b9_7f4a_7c15)),
        second: Cell::default(),
        doom: Cell::default(),
        labels: RefCell::default(),
    };
    world.secret.rotate("v0000000");
    world.secret.loses_labels.set(loses_labels);
    let mut walk = Walk {
        world: &world,
        loses_labels,
        rows: rows(),
        renew: Walk::keys(&world),
        register: Walk::keys(&world),
        receivers: (0..3).map(|_| KeyRing::new(&world)).collect(),
        callbacks: 0,
        most_labels: 0,
        waits: 0,
        versions: BTreeSet::new(),
    };
    let mut next_rotation = pace;
    let mut rotations = 0;
    for tick in 0..YEARS / TICK {
        let mut second = tick * TICK + world.chance.below(TICK / 2);
        world.second.set(second);
        if second >= next_rotation {
            rotations += 1;
            next_rotation += pace;
            world.secret.rotate(&format!("v{rotations:07}"));
            if !loses_labels {
                // While a label that was lost isn't set again, nobody can tell the key from a retired one.
                walk.callbacks(second).await;
            }
        }
        walk.run(second).await;
        if tick == 400 * DAY / TICK {
            world.memory.record.replace(None);
        }
        walk.renewals(second).await;
        walk.callbacks(second).await;
        second += 120 + world.chance.below(10 * MINUTE);
        world.second.set(second);
        walk.callbacks(second).await;
    }
    let versions = walk.versions.len();
    println!(
        "every {} days{}: {rotations} rotations, {versions} versions signed with, {} callbacks, {} labels at most, {} waits",
        pace / DAY,
        if loses_labels { ", labels lost" } else { "" },
        walk.callbacks,
        walk.most_labels,
        walk.waits,
    );
    assert!(walk.callbacks > 25_000);
}

const PACES: [i64; 4] = [1, 7, 30, 90];

#[tokio::test(start_paused = true)]
async fn two_years_of_rotations_at_any_pace_refuse_nobody_and_leave_labels_to_spare() {
    for days in PACES {
        walk(days * DAY, false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn so_do_two_years_in_which_each_rotation_takes_labels_away() {
    for days in PACES {
        walk(days * DAY, true).await;
    }
}

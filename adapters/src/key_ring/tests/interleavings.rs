//! Rotations, take-ups, renewals, retirements, callbacks and made-up keys in any order, with rotations, other processes' upkeep and
//! faults in the middle of reads.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;

use super::secret::Secret;
use super::*;
use crate::signing_keys::tests::Memory;
use crate::signing_keys::{Force, SigningKeys};

/// What a call to Secrets Manager meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    Error,
    Hang,
    /// The secret is rotated while the question is on its way.
    RotationBefore,
    /// The secret is rotated while the answer is on its way.
    RotationAfter,
    /// Renew looks after the labels while the question is on its way.
    UpkeepBefore,
    /// Renew looks after the labels while the answer is on its way.
    UpkeepAfter,
}

#[derive(Debug, Clone)]
enum Event {
    Pass {
        seconds: i64,
    },
    Rotate,
    /// Renew looks after the labels.
    Upkeep,
    /// A printer's URL is signed anew, by a process that has been there for long or by one that has just started.
    Renew {
        printer: usize,
        signer_is_warm: bool,
    },
    /// The key of a printer's URL leaked.
    Retire {
        printer: usize,
    },
    /// A printer's callback comes; the calls to Secrets Manager that it makes meet these fates in turn.
    Callback {
        printer: usize,
        fates: Vec<Fate>,
    },
    /// So does one under a key that never was.
    MadeUp {
        fates: Vec<Fate>,
    },
}

const PRINTERS: usize = 3;
const DAY: i64 = 24 * 60 * 60;
/// How long a webhook lives.
const LIFETIME: i64 = 180 * DAY;

/// A secret that things happen to while it is read.
struct World {
    secret: Secret,
    memory: Memory,
    second: Cell<i64>,
    rotations: Cell<usize>,
    fates: RefCell<VecDeque<Fate>>,
}

impl World {
    fn new() -> Self {
        let secret = Secret::default();
        secret.rotate("v0000000");
        Self {
            secret,
            memory: Memory::default(),
            second: Cell::new(0),
            rotations: Cell::default(),
            fates: RefCell::default(),
        }
    }

    /// Every third version's id begins like the one before.
    fn rotate(&self) {
        let n = self.rotations.get() + 1;
        self.rotations.set(n);
        let id = if n % 3 == 2 {
            format!("v{:07}-b", n - 1)
        } else {
            format!("v{n:07}")
        };
        self.secret.rotate(&id);
    }

    fn signer(&self) -> SigningKeys<&Secret, &Memory> {
        SigningKeys::new(&self.secret, &self.memory)
    }

    async fn look_after_labels(&self) {
        self.signer().maintain(at(self.second.get())).await.unwrap();
    }

    async fn meet<T>(&self, work: impl Future<Output = Result<T, KeysUnavailable>>) -> Result<T, KeysUnavailable> {
        let fate = self.fates.borrow_mut().pop_front().unwrap_or(Fate::Fine);
        match fate {
            Fate::Error => return Err(KeysUnavailable::Unreachable("down".to_owned())),
            Fate::Hang => std::future::pending().await,
            Fate::RotationBefore => self.rotate(),
            Fate::UpkeepBefore => self.look_after_labels().await,
            Fate::Fine | Fate::RotationAfter | Fate::UpkeepAfter => {}
        }
        let result = work.await;
        match fate {
            Fate::RotationAfter => self.rotate(),
            Fate::UpkeepAfter => self.look_after_labels().await,
            _ => {}
        }
        result
    }
}

impl KeySource for &World {
    async fn list(&self) -> Result<Listing, KeysUnavailable> {
        self.meet(async { (&self.secret).list().await }).await
    }

    async fn key(&self, version: Version<'_>) -> Result<Option<CallbackKey>, KeysUnavailable> {
        self.meet(async { (&self.secret).key(version).await }).await
    }
}

/// What a printer's webhook was last set with, and when.
#[derive(Debug, Clone)]
struct Webhook {
    version: String,
    set_at: i64,
}

async fn live(events: &[Event]) -> Result<(), TestCaseError> {
    let world = World::new();
    let receiver = KeyRing::new(&world);
    receiver.warm_up(at(0)).await.unwrap();
    let signer = world.signer();
    let first = signer.signing_key(at(0)).await.unwrap().version().as_str().to_owned();
    let webhook = Webhook {
        version: first,
        set_at: 0,
    };
    let mut webhooks = vec![webhook; PRINTERS];
    let mut disturbed_at = -1000;
    let mut retired_at: HashMap<String, i64> = HashMap::new();
    for event in events {
        let second = world.second.get();
        match event {
            Event::Pass { seconds } => world.second.set(second + seconds),
            Event::Rotate => world.rotate(),
            Event::Upkeep => world.look_after_labels().await,
            Event::Renew {
                printer,
                signer_is_warm,
            } => {
                let key = if *signer_is_warm {
                    signer.signing_key(at(second)).await
                } else {
                    world.signer().signing_key(at(second)).await
                };
                // For two minutes after a key in use was retired at once, there may be none.
                if key.is_err() && !retired_at.is_empty() {
                    continue;
                }
                webhooks[*printer] = Webhook {
                    version: key.unwrap().version().as_str().to_owned(),
                    set_at: second,
                };
            }
            Event::Retire { printer } => {
                let version = &webhooks[*printer].version;
                let key_id = version.get(..8).unwrap();
                let retirement = world.signer().retire(key_id, Force::Yes, at(second)).await;
                if retirement.is_ok() {
                    retired_at.entry(version.clone()).or_insert(second);
                }
            }
            Event::Callback { printer, fates } => {
                let Webhook { version, set_at } = &webhooks[*printer];
                if second - set_at > LIFETIME {
                    continue;
                }
                world.fates.replace(fates.iter().copied().collect());
                let verdict = verify(&receiver, version, second).await;
                if fates.len() != world.fates.take().len() {
                    disturbed_at = second;
                }
                match retired_at.get(version) {
                    None => {
                        prop_assert!(world.secret.counts(version), "{version} counts no more");
                        prop_assert!(
                            matches!(verdict, Ok(Verdict::Authentic) | Err(_)),
                            "{version}: {verdict:?}"
                        );
                        // Those that can't be told wait, and whoever takes them up can tell.
                        let redrive = verify(&KeyRing::new(&world), version, second).await;
                        prop_assert_eq!(redrive, Ok(Verdict::Authentic));
                    }
                    Some(retired) if second - retired >= 600 && second - disturbed_at >= 10 => {
                        prop_assert_ne!(verdict, Ok(Verdict::Authentic), "{} is retired", version);
                    }
                    Some(_) => {}
                }
            }
            Event::MadeUp { fates } => {
                world.fates.replace(fates.iter().copied().collect());
                let verdict = verify(&receiver, "never-was", second).await;
                if fates.len() != world.fates.take().len() {
                    disturbed_at = second;
                }
                match verdict {
                    Ok(verdict) => prop_assert_eq!(verdict, Verdict::NoSuchKey),
                    Err(error) => prop_assert!(second - disturbed_at < 10, "{error}"),
                }
            }
        }
        prop_assert!(world.secret.labelled().len() <= 16);
    }
    Ok(())
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let fate = prop_oneof![
        3 => Just(Fate::Fine),
        1 => Just(Fate::Error),
        1 => Just(Fate::Hang),
        2 => Just(Fate::RotationBefore),
        2 => Just(Fate::RotationAfter),
        2 => Just(Fate::UpkeepBefore),
        2 => Just(Fate::UpkeepAfter),
    ];
    let fates = prop_oneof![2 => Just(vec![]), 3 => prop::collection::vec(fate, 1..5)];
    let seconds = prop_oneof![
        2 => 0_i64..12,
        2 => 40_i64..70,
        3 => 100_i64..140,
        1 => 500_i64..620,
        2 => 14 * DAY..15 * DAY,
    ];
    let event = prop_oneof![
        3 => seconds.prop_map(|seconds| Event::Pass { seconds }),
        2 => Just(Event::Rotate),
        2 => Just(Event::Upkeep),
        3 => (0..PRINTERS, any::<bool>())
            .prop_map(|(printer, signer_is_warm)| Event::Renew { printer, signer_is_warm }),
        1 => (0..PRINTERS).prop_map(|printer| Event::Retire { printer }),
        4 => (0..PRINTERS, fates.clone()).prop_map(|(printer, fates)| Event::Callback { printer, fates }),
        3 => fates.prop_map(|fates| Event::MadeUp { fates }),
    ];
    prop::collection::vec(event, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_rotations_and_reads_refuses_a_good_key(events in events()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(live(&events))?;
    }
}

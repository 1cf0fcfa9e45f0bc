//! Rotations, renewals, callbacks and made-up keys in any order, with rotations and faults in the middle of reads.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

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
}

#[derive(Debug, Clone)]
enum Event {
    Pass {
        seconds: i64,
    },
    Rotate,
    /// A printer's URL is signed anew, by a process that has been there for long or by one that has just started.
    Renew {
        printer: usize,
        signer_is_warm: bool,
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

/// A secret that things happen to while it is read.
struct World {
    secret: Secret,
    second: Cell<i64>,
    changed: Cell<i64>,
    fates: RefCell<VecDeque<Fate>>,
}

impl World {
    fn new() -> Self {
        Self {
            secret: Secret::new(&["v0000000"]),
            second: Cell::new(0),
            changed: Cell::new(-1000),
            fates: RefCell::default(),
        }
    }

    /// Rotates, if it has settled since the last time. Every third version's id begins like the one before.
    fn rotate(&self) {
        let second = self.second.get();
        if second - self.changed.get() < 120 {
            return;
        }
        self.changed.set(second);
        let n = self.secret.versions.borrow().len();
        let id = if n % 3 == 2 {
            format!("v{:07}-b", n - 1)
        } else {
            format!("v{n:07}")
        };
        self.secret.rotate(&id, second);
    }

    fn counts(&self, id: &str) -> bool {
        self.secret.labelled().iter().any(|(version, _)| version == id)
    }

    async fn meet<T>(&self, work: impl Future<Output = Result<T, KeysUnavailable>>) -> Result<T, KeysUnavailable> {
        let fate = self.fates.borrow_mut().pop_front().unwrap_or(Fate::Fine);
        match fate {
            Fate::Error => return Err(KeysUnavailable::Unreachable("down".to_owned())),
            Fate::Hang => std::future::pending().await,
            Fate::RotationBefore => self.rotate(),
            Fate::Fine | Fate::RotationAfter => {}
        }
        let result = work.await;
        if fate == Fate::RotationAfter {
            self.rotate();
        }
        result
    }
}

impl KeySource for &World {
    async fn list(&self) -> Result<Listing, KeysUnavailable> {
        self.meet(async { (&self.secret).list().await }).await
    }

    async fn key(&self, version: Version<'_>) -> Result<Option<CallbackKey>, KeysUnavailable> {
        self.meet(async {
            // A version without a label is gone at once.
            let is_gone = matches!(version, Version::Id(id) if !self.counts(id.as_str()));
            if is_gone {
                Ok(None)
            } else {
                (&self.secret).key(version).await
            }
        })
        .await
    }
}

async fn live(events: &[Event]) -> Result<(), TestCaseError> {
    let world = World::new();
    let receiver = KeyRing::new(&world);
    receiver.warm_up(at(0)).await.unwrap();
    let signer = KeyRing::new(&world);
    let mut urls = [const { String::new() }; PRINTERS];
    urls.fill("v0000000".to_owned());
    let mut disturbed_at = -1000;
    for event in events {
        let second = world.second.get();
        match event {
            Event::Pass { seconds } => world.second.set(second + seconds),
            Event::Rotate => world.rotate(),
            Event::Renew {
                printer,
                signer_is_warm,
            } => {
                let key = if *signer_is_warm {
                    signer.signing_key(at(second)).await.unwrap()
                } else {
                    KeyRing::new(&world).signing_key(at(second)).await.unwrap()
                };
                key.version().as_str().clone_into(&mut urls[*printer]);
            }
            Event::Callback { printer, fates } => {
                let version = &urls[*printer];
                let counted = world.counts(version);
                world.fates.replace(fates.iter().copied().collect());
                let verdict = verify(&receiver, version, second).await;
                if fates.len() != world.fates.take().len() {
                    disturbed_at = second;
                }
                let is_good = counted && world.counts(version);
                if is_good {
                    prop_assert!(
                        matches!(verdict, Ok(Verdict::Authentic) | Err(_)),
                        "{version}: {verdict:?}"
                    );
                    // Those that can't be told wait, and whoever takes them up can tell.
                    let redrive = verify(&KeyRing::new(&world), version, second).await;
                    prop_assert_eq!(redrive, Ok(Verdict::Authentic));
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
    ];
    let fates = prop_oneof![2 => Just(vec![]), 3 => prop::collection::vec(fate, 1..5)];
    let event = prop_oneof![
        3 => prop_oneof![0_i64..12, 40_i64..70, 100_i64..140].prop_map(|seconds| Event::Pass { seconds }),
        2 => Just(Event::Rotate),
        3 => (0..PRINTERS, any::<bool>())
            .prop_map(|(printer, signer_is_warm)| Event::Renew { printer, signer_is_warm }),
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

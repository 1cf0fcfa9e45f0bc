//! From event to answer, over events that nobody would think of: no panic, no 5xx, and nothing published without a valid
//! token.
//!
//! Everything but AWS is the function's own; AWS is a memory. (The same at the binary, with fewer events, is in
//! `tests/tests/receiver`.)

#![allow(clippy::disallowed_methods, reason = "a test is in the world")]
#![allow(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod cases;

use std::cell::RefCell;
use std::time::SystemTime;

use cases::{Case, VERSIONS, case, key, token};
use lambda_runtime::{Context, LambdaEvent};
use printbell_adapters::clock::{Clock, machine_now};
use printbell_adapters::key_ring::{KeyRing, KeySource, KeysUnavailable, Version};
use printbell_adapters::publisher::{Publisher, Sinks};
use printbell_shared::callback::key::{CallbackKey, VersionId};
use printbell_shared::callback::keys::Listing;
use printbell_shared::notification::letter::Letter;
use printbell_shared::notification::letter::body::Body;
use printbell_shared::notification::sink::{SendError, Sink};
use printbell_webhook::Receiver;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::Value;

const THREADS: u8 = 2;
const CASES_OF_A_THREAD: u32 = 100_000;

/// AWS, as a memory.
struct Memory {
    has_keys: bool,
    letters: RefCell<Vec<(Sink, Letter)>>,
}

impl Sinks for &Memory {
    async fn attempt(&self, sink: Sink, letter: &Letter) -> Result<(), SendError> {
        self.letters.borrow_mut().push((sink, letter.clone()));
        Ok(())
    }
}

impl KeySource for &Memory {
    async fn list(&self) -> Result<Listing, KeysUnavailable> {
        let label = VersionId::from(VERSIONS[1]).label();
        let labels = [["AWSCURRENT".to_owned()], [label]];
        self.read(Listing::new([
            (VERSIONS[0], &labels[0][..]),
            (VERSIONS[1], &labels[1][..]),
        ]))
        .map(Option::unwrap)
    }

    async fn key(&self, version: Version<'_>) -> Result<Option<CallbackKey>, KeysUnavailable> {
        self.read(Some(match version {
            Version::Id(id) if id.as_str() == VERSIONS[1] => key(1),
            _ => key(0),
        }))
    }
}

impl Memory {
    fn read<T>(&self, value: T) -> Result<T, KeysUnavailable> {
        if self.has_keys {
            Ok(value)
        } else {
            Err(KeysUnavailable::Unreachable("down".into()))
        }
    }
}

/// What the contract says of a query, told again in as few words as possible.
fn is_authentic(query: &str) -> bool {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        let mut bytes = Vec::new();
        let mut rest = spaced.as_bytes();
        while let [first, tail @ ..] = rest {
            let escaped = tail
                .get(..2)
                .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
            match (first, escaped) {
                (b'%', Some(byte)) if tail[..2].iter().all(u8::is_ascii_hexdigit) => {
                    bytes.push(byte);
                    rest = &tail[2..];
                }
                _ => {
                    bytes.push(*first);
                    rest = tail;
                }
            }
        }
        bytes
    };
    let once = |name: &str| {
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut values = pairs
            .filter(|(key, _)| decode(key) == name.as_bytes())
            .map(|(_, value)| decode(value));
        let value = String::from_utf8(values.next()?).ok()?;
        values.next().is_none().then_some(value)
    };
    let (Some(tenant), Some(printer), Some(shown)) = (once("tenantId"), once("printerRef"), once("callbackToken"))
    else {
        return false;
    };
    let is_id = |id: &str| {
        let is_unreserved = id.chars().all(|c| c.is_ascii_alphanumeric() || "._~-".contains(c));
        (1..=64).contains(&id.len()) && is_unreserved && ![".", ".."].contains(&id)
    };
    is_id(&tenant) && is_id(&printer) && [0, 1].iter().any(|n| token(&tenant, &printer, *n) == shown)
}

/// How many cases went which way: a fuzzer that never gets in tests nothing.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    cases: u32,
    published: u32,
    quarantined: u32,
    unverified: u32,
    refused: u32,
    /// Of any of these, bodies that are too long to be published.
    oversized: u32,
}

async fn check(case: Case, tally: &RefCell<Tally>) -> Result<(), TestCaseError> {
    let memory = Memory {
        has_keys: case.has_keys,
        letters: RefCell::default(),
    };
    let receiver = Receiver::new(KeyRing::new(&memory), Publisher::new(&memory), Clock::default());
    let request = serde_json::from_str(&case.event).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let mut context = Context::default();
    context.deadline = u64::try_from(machine_now().as_millisecond()).unwrap_or_default() + 10_000;
    let response = receiver
        .receive(LambdaEvent::new(request, context))
        .await
        .unwrap_or_else(|never| match never {});
    let json: Value = serde_json::from_str(&response.body).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let letters = memory.letters.take();
    let mut tally = tally.borrow_mut();
    tally.cases += 1;
    let is_oversized = case.body.len() > 128 * 1024;
    tally.oversized += u32::from(is_oversized);
    match (response.status_code, letters.as_slice()) {
        (200, [(Sink::Topic, Letter::Notification(message))]) => {
            tally.published += 1;
            prop_assert!(!is_oversized && case.has_keys && is_authentic(&case.query));
            let carried = !message.body.contains(['\u{FFFE}', '\u{FFFF}', '\0']);
            prop_assert!(carried && message.size() <= 256 * 1024);
            prop_assert_eq!(&json["id"], message.id.as_str());
            prop_assert!(message.attributes.iter().all(|attribute| !attribute.value.is_empty()));
        }
        (200, [(Sink::DeadLetterQueue, Letter::Quarantined { callback, .. })]) => {
            tally.quarantined += 1;
            prop_assert!(case.has_keys && is_authentic(&case.query));
            prop_assert!(callback.body == Body::from(case.body.clone()));
            // Their own parser agrees that it is no object (theirs is stricter about lone surrogates and depth).
            let is_object = serde_json::from_slice::<serde_json::Map<String, Value>>(&case.body).is_ok();
            prop_assert!(is_oversized || !is_object);
        }
        (200, [(Sink::FallbackQueue, Letter::Unverified(callback))]) => {
            tally.unverified += 1;
            prop_assert!(!case.has_keys);
            prop_assert!(callback.body == Body::from(case.body));
        }
        (401, []) => {
            tally.refused += 1;
            prop_assert!(!is_authentic(&case.query));
        }
        (status, letters) => return Err(TestCaseError::fail(format!("{status}, {} letters", letters.len()))),
    }
    Ok(())
}

/// What the cases are made from: printed, and to be set again for the same ones.
const SEED: &str = "PRINTBELL_FUZZ_SEED";

/// Other cases each time, unless the environment names a seed; a failure shows its case.
fn seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    std::env::var(SEED).map_or(now.as_secs(), |seed| seed.parse().unwrap())
}

fn run(seed: u64, thread: u8) -> Tally {
    let tally = RefCell::new(Tally::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let config = Config {
        cases: CASES_OF_A_THREAD,
        failure_persistence: None,
        ..Config::default()
    };
    let seed = [seed, thread.into()].map(u64::to_le_bytes).concat();
    // Not the default algorithm, which takes half of the time in a debug build.
    let rng = TestRng::from_seed(RngAlgorithm::XorShift, &seed);
    TestRunner::new_with_rng(config, rng)
        .run(&case(), |case| runtime.block_on(check(case, &tally)))
        .unwrap_or_else(|error| panic!("{error}"));
    tally.into_inner()
}

#[test]
fn no_event_breaks_the_receiver_or_gets_published_without_a_token() {
    let seed = seed();
    println!("{SEED}={seed}");
    let tally = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || run(seed, thread)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    let sum = |count: fn(&Tally) -> u32| tally.iter().map(count).sum::<u32>();
    println!(
        "{} cases: {} published, {} quarantined, {} queued unverified, {} refused; {} bodies too long to be published; no panic, no 5xx",
        sum(|tally| tally.cases),
        sum(|tally| tally.published),
        sum(|tally| tally.quarantined),
        sum(|tally| tally.unverified),
        sum(|tally| tally.refused),
        sum(|tally| tally.oversized),
    );
    assert!(sum(|tally| tally.cases) >= 200_000);
    for count in [
        sum(|tally| tally.published),
        sum(|tally| tally.quarantined),
        sum(|tally| tally.unverified),
        sum(|tally| tally.refused),
    ] {
        assert!(count > 5_000, "the generator is lopsided: {tally:?}");
    }
    assert!(sum(|tally| tally.oversized) > 10, "{tally:?}");
}

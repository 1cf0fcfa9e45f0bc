//! Events that nobody would think of, at the binary. (Two hundred thousand more, without a process in between, are in
//! `functions/webhook/tests/fuzz`.)

use std::time::SystemTime;

use printbell_harness::fixtures::KEY;
use printbell_harness::http_event::Door;
use printbell_harness::runtime_api::Completion;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::Deserialize as _;
use serde_json::value::RawValue;

use crate::stage::{aws, receiver};

const CASES: usize = 4_000;

/// The environment variable that has the seed of a run that is to be repeated. Each run prints its own.
const SEED: &str = "PRINTBELL_FUZZ_SEED";

fn seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    std::env::var(SEED).map_or(now.as_secs(), |seed| seed.parse().unwrap())
}

fn runner(seed: u64) -> TestRunner {
    let seed = [seed.to_le_bytes(), [0; 8]].concat();
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::XorShift, &seed))
}

/// An event in JSON of which one stretch is replaced, within a string or anywhere.
fn events(good: String) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -~]{0,8}",
        "\\PC{0,4}",
        "(\\\\u[0-9a-f]{4}){1,3}",
        "(%[0-9A-F]{2}){1,3}",
        Just("null".to_owned()),
        Just("\",\"body\":\"[]".to_owned()),
        Just("tenantId=a&".to_owned()),
        Just("{}".to_owned()),
    ];
    let place = (any::<prop::sample::Index>(), 0_usize..12, piece);
    prop::collection::vec(place, 1..3).prop_map(move |places| {
        let mut event: Vec<char> = good.chars().collect();
        for (at, length, piece) in places {
            let from = at.index(event.len());
            let to = (from + length).min(event.len());
            event.splice(from..to, piece.chars());
        }
        event.into_iter().collect()
    })
}

#[tokio::test]
async fn no_event_ends_the_process_or_gets_published_without_a_token() {
    let aws = aws().await;
    let function = receiver(&aws).await;
    let query = KEY.query();
    let body = r#"{"EventType":6,"PrinterId":"x","Progress":40.0}"#;
    let strategies = Door::ALL.map(|door| (door, events(door.callback(&query, body).to_string())));
    let seed = seed();
    println!("{SEED}={seed}");
    let mut runner = runner(seed);
    let (mut statuses, mut malformed) = ([0; 3], 0);
    for (door, strategy) in strategies.iter().cycle() {
        if statuses.iter().sum::<usize>() == CASES {
            break;
        }
        let event = strategy.new_tree(&mut runner).unwrap().current();
        // Lambda's events are JSON. (What follows the first value, the runtime doesn't look at.)
        let is_event = <&RawValue>::deserialize(&mut serde_json::Deserializer::from_str(&event)).is_ok();
        let call = function.call(event.clone()).await;
        let (published, queued) = aws.drain();
        if !is_event {
            malformed += 1;
            assert!(
                matches!(call.completion, Completion::Failed(_)),
                "{event}: {:?}",
                call.completion
            );
            assert!(published.is_empty() && queued.is_empty());
            continue;
        }
        let status = call.http().unwrap_or_else(|error| panic!("{event}: {error:#}")).status;
        match (status, published.len() + queued.len()) {
            (200, 1) => statuses[0] += 1,
            (401, 0) => statuses[1] += 1,
            (404 | 405, 0) if *door == Door::FunctionUrl => statuses[2] += 1,
            (status, places) => panic!("{status} and in {places} places: {event}"),
        }
        if status == 200 {
            let token = query
                .split('&')
                .find(|pair| pair.starts_with("callbackToken="))
                .unwrap();
            let decoded = percent_encoding::percent_decode_str(&event)
                .decode_utf8_lossy()
                .into_owned();
            assert!(
                event.contains(token) || decoded.contains(token),
                "published without the token: {event}"
            );
        }
    }
    assert!(function.is_running());
    println!(
        "{CASES} events at the binary: {} taken, {} refused, {} misdirected; {malformed} more were no events of Lambda's; no \
         panic, no 5xx",
        statuses[0], statuses[1], statuses[2],
    );
    assert!(
        statuses[0] > CASES / 10 && statuses[1] > CASES / 10 && statuses[2] > CASES / 100,
        "the generator is lopsided: {statuses:?}"
    );
}

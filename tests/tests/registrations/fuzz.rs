//! Events that nobody would think of, at register's binary.

use std::time::{Duration, SystemTime};

use printbell_harness::http_event;
use printbell_harness::runtime_api::Completion;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::Deserialize as _;
use serde_json::json;
use serde_json::value::RawValue;

use crate::world::{TOKEN, World};

const CASES: usize = 3_000;

/// The environment variable that has the seed of a run that is to be repeated. Each run prints its own.
const SEED: &str = "PRINTBELL_FUZZ_SEED";

fn runner() -> TestRunner {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = std::env::var(SEED).map_or(now.as_secs(), |seed| seed.parse().unwrap());
    println!("{SEED}={seed}");
    let seed = [seed.to_le_bytes(), [0; 8]].concat();
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::XorShift, &seed))
}

/// Requests that are right, one of each route.
fn requests() -> Vec<String> {
    const ONE: &str = "/registrations/{tenantId}/{printerRef}";
    let put = json!({"appToken": TOKEN, "eventTypes": [1, 3], "metadata": {"room": "lab"}}).to_string();
    let next = "limit=7&status=active&next=WyJ0IiwicDEiXQ";
    [
        http_event::request(&format!("PUT {ONE}"), "/registrations/t/p1", "", Some(&put)),
        http_event::request(&format!("GET {ONE}"), "/registrations/t/p1", "", None),
        http_event::request(&format!("POST {ONE}/test"), "/registrations/t/p1/test", "", None),
        http_event::request(&format!("POST {ONE}/renew"), "/registrations/t/p1/renew", "", None),
        http_event::request("GET /registrations/{tenantId}", "/registrations/t", next, None),
        http_event::request("GET /registrations", "/registrations", next, None),
        http_event::request(&format!("DELETE {ONE}"), "/registrations/t/p1", "", None),
    ]
    .map(|event| event.to_string())
    .into()
}

/// An event of which one or two stretches are replaced, within a string or anywhere.
fn events() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -~]{0,8}",
        "\\PC{0,4}",
        "(\\\\u[0-9a-f]{4}){1,3}",
        "(%[0-9A-F]{2}){1,3}",
        Just("null".to_owned()),
        Just("\",\"body\":\"[]".to_owned()),
        Just("\",\"pathParameters\":{},\"x\":\"".to_owned()),
        Just("{}".to_owned()),
        Just("..".to_owned()),
        Just("/".to_owned()),
    ];
    let place = (any::<prop::sample::Index>(), 0_usize..12, piece);
    let request = prop::sample::select(requests());
    (request, prop::collection::vec(place, 1..3)).prop_map(|(request, places)| {
        let mut event: Vec<char> = request.chars().collect();
        for (at, length, piece) in places {
            let from = at.index(event.len());
            let to = (from + length).min(event.len());
            event.splice(from..to, piece.chars());
        }
        event.into_iter().collect()
    })
}

#[tokio::test]
async fn no_event_ends_the_process_or_is_answered_as_a_fault_of_ours() {
    let world = World::new().await;
    let strategy = events();
    let mut runner = runner();
    let (mut good, mut bad, mut malformed) = (0, 0, 0);
    while good + bad < CASES {
        let event = strategy.new_tree(&mut runner).unwrap().current();
        // Lambda's events are JSON. (What follows the first value, the runtime doesn't look at.)
        let is_event = <&RawValue>::deserialize(&mut serde_json::Deserializer::from_str(&event)).is_ok();
        let call = world.register.call_within(Duration::from_secs(29), event.clone()).await;
        if !is_event {
            malformed += 1;
            assert!(
                matches!(call.completion, Completion::Failed(_)),
                "{event}: {:?}",
                call.completion
            );
            continue;
        }
        let answer = call.http().unwrap_or_else(|error| panic!("{event}: {error:#}"));
        match answer.status {
            200..300 => good += 1,
            400..500 => bad += 1,
            status => panic!("{status} {}: {event}", answer.body),
        }
    }
    assert!(world.register.is_running() && !world.register.output().contains(TOKEN));
    println!(
        "{CASES} events at the binary: {good} carried out, {bad} refused; {malformed} more were no events of Lambda's"
    );
    assert!(
        good > CASES / 10 && bad > CASES / 10,
        "the generator is lopsided: {good} to {bad}"
    );
}

//! Every order in which two workers, two updates and a delete can meet on one registration, with crashes at every step, lost
//! answers, lost writes, failures, an hour of refusals, and clocks that differ: checked by `stateright` through the very
//! steps that register and renew carry out.
//!
//! | what | where |
//! |---|---|
//! | The world: OctoEverywhere, time | `world` |
//! | What can go wrong | `mishap` |
//! | The table and its conditional writes | `table` |
//! | What everybody does at each step, as `printbell_shared::registration::renewal` describes the protocol | `actor`, `phase` |
//! | What may never happen, and what must come in the end | `properties` |

#![allow(clippy::disallowed_methods, reason = "a test is in the world")]
#![allow(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod actor;
mod mishap;
mod phase;
mod properties;
mod table;
mod world;

use std::collections::BTreeSet;
use std::time::Instant;

use printbell_shared::registration::renewal::MAX_CLOCK_SKEW;
use stateright::{Checker, HasDiscoveries, Model};

use mishap::Mishap::{self, *};
use mishap::Mishaps;
use phase::Role::{self, Delete, Put, Worker};
use world::{BAD_WISH, FIRST_WISH, RULES, Rules, World};

/// The actors, each with its clock: how far ahead it is. No two differ by more than the bound.
type Actors = [(Role, i64)];

const AHEAD: i64 = MAX_CLOCK_SKEW.as_secs();

const OLD: Option<u8> = Some(FIRST_WISH);
const NEW: Option<u8> = None;
const EVERYBODY: [(Role, i64); 5] = [(Worker, 0), (Worker, AHEAD), (Put(1), AHEAD), (Put(2), 0), (Delete, 0)];
/// `existing`: what the registration was put with before.
fn world(existing: Option<u8>, actors: &Actors, mishaps: &[Mishap]) -> World {
    World {
        existing,
        actors: actors.to_vec(),
        mishaps: Mishaps::of(mishaps),
        patience: false,
        rules: RULES,
    }
}

/// Visits every state, and finds no property broken in any.
fn check(world: World) {
    let began = Instant::now();
    let mishaps = world.mishaps;
    let checker = world.checker().threads(2).spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!(
        "{states} states, {depth} steps deep, {:.1?}: {mishaps:?}",
        began.elapsed()
    );
    checker.assert_properties();
}

/// Finds the property broken, and shows how.
fn finds(property: &'static str, world: World) {
    let found = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    let checker = world.checker().threads(2).finish_when(found).spawn_bfs().join();
    let steps = checker.assert_any_discovery(property).into_actions();
    println!("not {property:?} after {} steps: {steps:?}", steps.len());
}

#[test]
fn an_invocation_dies_at_any_step_and_an_answer_is_lost() {
    check(world(OLD, &EVERYBODY, &[Crash, LostAnswer]));
}

#[test]
fn two_invocations_die() {
    check(world(OLD, &EVERYBODY, &[Crash, Crash]));
}

#[test]
fn invocations_last_up_to_their_deadlines() {
    check(world(OLD, &EVERYBODY, &[Stall, LostAnswer]));
    check(world(OLD, &EVERYBODY[..4], &[Stall, Stall, Crash]));
}

#[test]
fn the_index_is_behind_the_table() {
    check(world(OLD, &EVERYBODY, &[StaleIndex, StaleIndex]));
    check(world(OLD, &EVERYBODY[..4], &[StaleIndex, Crash]));
}

#[test]
fn the_table_writes_and_its_answer_is_lost() {
    check(world(OLD, &EVERYBODY, &[LostWrite]));
    check(world(OLD, &EVERYBODY[..4], &[LostWrite, Crash]));
}

#[test]
fn octoeverywhere_fails_and_an_answer_is_lost() {
    check(world(OLD, &EVERYBODY, &[Failure, LostAnswer]));
}

#[test]
fn the_registration_is_new() {
    check(world(NEW, &EVERYBODY, &[Crash, LostAnswer]));
    check(world(NEW, &EVERYBODY, &[Crash, Failure]));
}

#[test]
fn octoeverywhere_refuses_everybody_for_an_hour() {
    let actors = [(Worker, AHEAD), (Worker, 0), (Put(1), AHEAD), (Delete, 0)];
    check(world(OLD, &actors, &[Refusal, Refusal, Refusal, Refusal, Suspension]));
    check(world(OLD, &actors, &[Refusal, Refusal, Refusal, Crash]));
}

#[test]
fn one_of_the_updates_is_refused_for_good() {
    let bad = (Put(BAD_WISH), 0);
    let actors = [(Worker, AHEAD), (Worker, 0), bad, (Put(1), AHEAD), (Delete, AHEAD)];
    check(world(OLD, &actors, &[]));
    check(world(OLD, &actors[..4], &[Crash]));
    check(world(NEW, &actors, &[Crash]));
}

#[test]
fn requests_look_on_while_somebody_else_is_at_their_row() {
    let patient = |actors: &Actors, mishaps: &[Mishap]| World {
        patience: true,
        ..world(OLD, actors, mishaps)
    };
    let deleted = [(Worker, 0), (Put(1), AHEAD), (Delete, 0)];
    check(patient(&deleted, &[Crash, LostAnswer]));
    let bad = [(Worker, AHEAD), (Put(BAD_WISH), 0), (Put(1), 0)];
    check(patient(&bad, &[Crash, Failure]));
    check(patient(&EVERYBODY[..4], &[LostAnswer]));
}

#[test]
fn without_the_lease_two_call_at_once() {
    let world = world(OLD, &EVERYBODY, &[]);
    let rules = Rules { lease: false, ..RULES };
    finds(properties::ONE_CALLER, World { rules, ..world });
}

#[test]
fn without_the_condition_on_writes_an_update_is_lost() {
    let world = world(OLD, &EVERYBODY, &[]);
    let rules = Rules {
        condition: false,
        ..RULES
    };
    finds(properties::NEWEST, World { rules, ..world });
}

#[test]
fn without_the_version_an_update_is_taken_for_applied() {
    let world = world(OLD, &EVERYBODY, &[]);
    let rules = Rules {
        version: false,
        ..RULES
    };
    finds(properties::NEWEST, World { rules, ..world });
}

#[test]
fn without_the_three_answers_an_hour_of_refusals_revokes() {
    let world = world(OLD, &EVERYBODY, &[Refusal]);
    let rules = Rules {
        three_answers: false,
        ..RULES
    };
    finds(properties::NOT_REVOKED, World { rules, ..world });
}

#[test]
fn with_clocks_further_apart_than_the_bound_two_call_at_once() {
    let actors = [(Worker, 0), (Worker, AHEAD + 1)];
    finds(properties::ONE_CALLER, world(OLD, &actors, &[Crash]));
}

//! Every order in which workers and requests can meet on two registrations that share their tokens: take-overs, changes of token,
//! deletions, refusals, with crashes at every step, lost answers, lost writes, failures, an hour of refusals, and clocks that
//! differ: checked by `stateright` through the very steps that register and renew carry out.
//!
//! | what | where |
//! |---|---|
//! | The world: OctoEverywhere, time | `world` |
//! | Who and what there is | `cast` |
//! | What can go wrong | `mishap` |
//! | The tables and their conditional writes | `table` |
//! | What everybody does at each step, as `printbell_shared::registration::protocol` describes it | `actor`, `phase` |
//! | What may never happen, and what must come in the end | `properties` |

#![allow(clippy::disallowed_methods, reason = "a test is in the world")]
#![allow(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod actor;
mod cast;
mod mishap;
mod phase;
mod properties;
mod table;
mod world;

use std::collections::BTreeSet;
use std::time::Instant;

use printbell_shared::registration::renewal::MAX_CLOCK_SKEW;
use stateright::{Checker, HasDiscoveries, Model};

use cast::Connections::{OneKnown, OneUnknown, Two};
use cast::Key::{P, Q};
use cast::Token::{self, A, B};
use cast::{BAD_WISH, Wanted};
use mishap::Mishap::{self, *};
use mishap::Mishaps;
use phase::Request::{self, Delete, Put};
use phase::Role::{self, App, Worker};
use world::{Existing, Rule, World};

/// The actors, each with its clock: how far ahead it is. No two differ by more than the bound.
type Actors = [(Role, i64)];

const AHEAD: i64 = MAX_CLOCK_SKEW.as_secs();

const P_WORKER: (Role, i64) = (Worker(P), 0);
const Q_WORKER: (Role, i64) = (Worker(Q), AHEAD);
/// Two for each, for what two runs could do to each other.
const WORKERS: [(Role, i64); 4] = [P_WORKER, Q_WORKER, (Worker(P), AHEAD), (Worker(Q), 0)];

const fn app(requests: &'static [Request]) -> (Role, i64) {
    (App(requests), AHEAD)
}

const fn another_app(requests: &'static [Request]) -> (Role, i64) {
    (App(requests), 0)
}

const fn wish(token: Token, number: u8) -> Wanted {
    Wanted { token, number }
}

const UPDATE: &[Request] = &[Put(P, wish(A, 1))];
const ANOTHER_UPDATE: &[Request] = &[Put(P, wish(A, 2))];
const DELETE: &[Request] = &[Delete(P)];
const LIFE: &[Request] = &[Put(P, wish(A, 1)), Delete(P), Put(P, wish(A, 2))];
const TAKE_OVER: &[Request] = &[Put(Q, wish(A, 3))];
const RENAME: &[Request] = &[Put(Q, wish(A, 3)), Delete(P)];
const TO_AND_FRO: &[Request] = &[Put(Q, wish(A, 3)), Put(P, wish(B, 5)), Put(Q, wish(B, 7))];
const DELETE_TAKER: &[Request] = &[Delete(Q)];
const RECONNECT: &[Request] = &[Put(P, wish(B, 5))];
const RECONNECT_AND_BACK: &[Request] = &[Put(P, wish(B, 5)), Put(P, wish(A, 6))];
const TAKE_THE_NEW_ONE: &[Request] = &[Put(Q, wish(B, 7))];
const BAD_UPDATE: &[Request] = &[Put(P, wish(A, BAD_WISH))];
const BAD_TAKE_OVER: &[Request] = &[Put(Q, wish(A, BAD_WISH))];
const BAD_RECONNECT: &[Request] = &[Put(P, wish(B, BAD_WISH))];

/// P, which has A, is there, and each token is of a connection of its own.
fn world(actors: &Actors, mishaps: &[Mishap]) -> World {
    World {
        existing: Existing::P,
        connections: Two,
        refused: None,
        actors: actors.to_vec(),
        mishaps: Mishaps::of(mishaps),
        is_patient: false,
        without: None,
    }
}

/// P with its worker, and these apps.
fn alone(apps: &Actors, mishaps: &[Mishap]) -> World {
    world(&[&[P_WORKER], apps].concat(), mishaps)
}

/// P and Q with their workers, and these apps.
fn both(apps: &Actors, mishaps: &[Mishap]) -> World {
    world(&[&[P_WORKER, Q_WORKER], apps].concat(), mishaps)
}

/// Visits every state, at least so many, and finds no property broken in any.
fn check(least: usize, world: World) {
    let began = Instant::now();
    let mishaps = world.mishaps;
    let checker = world.checker().threads(2).spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!(
        "{states} states, {depth} steps deep, {:.1?}: {mishaps:?}",
        began.elapsed()
    );
    checker.assert_properties();
    assert!(
        states >= least,
        "{states} states are fewer than the {least} that there were"
    );
}

/// Finds the property broken, and shows how.
fn finds(property: &'static str, world: World) {
    let found = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    // One thread comes to the shortest way.
    let checker = world.checker().threads(1).finish_when(found).spawn_bfs().join();
    let steps = checker.assert_any_discovery(property).into_actions();
    println!("not {property:?} after {} steps: {steps:?}", steps.len());
}

/// A test for each world, with the least number of its states: a rule that keeps the actors from meeting would be seen there.
macro_rules! worlds {
    ($($name:ident: $least:literal, $world:expr;)*) => {
        $(
            #[test]
            fn $name() {
                check($least, $world);
            }
        )*

        const LEAST: usize = 0 $(+ $least)*;
    };
}

const _: () = assert!(LEAST >= 1_000_000, "fewer states than a million");

worlds! {
    // One registration.
    requests_meet_and_one_dies: 36_000,
        alone(&[app(UPDATE), another_app(ANOTHER_UPDATE), another_app(DELETE)], &[Crash]);
    one_of_the_updates_is_refused: 15_000, alone(&[app(BAD_UPDATE), another_app(UPDATE), another_app(DELETE)], &[]);
    it_is_put_deleted_and_put: 30_000,
        alone(&[app(LIFE)], &[Crash, LostAnswer, LostWrite]).beginning_with(Existing::Nothing);
    octoeverywhere_refuses_everybody_for_an_hour: 23_000,
        alone(&[app(UPDATE)], &[Refusal, Refusal, Refusal, Refusal, Suspension, Crash]);
    it_is_suspended_and_an_update_is_refused: 52_000,
        alone(&[app(BAD_UPDATE)], &[Suspension, Suspension, Crash, Failure]);
    two_runs_stall: 18_000, world(&[P_WORKER, (Worker(P), AHEAD), app(UPDATE)], &[Stall, LostAnswer, StaleIndex]);
    requests_look_on: 160_000, alone(&[app(UPDATE), another_app(DELETE)], &[Crash, LostAnswer, Stall]).patient();
    // A token goes from P to Q.
    a_token_is_taken_from_many_workers: 140_000,
        world(&[&WORKERS[..], &[app(TAKE_OVER)]].concat(), &[Crash, LostAnswer]);
    a_token_is_taken_and_invocations_die: 240_000, both(&[app(TAKE_OVER)], &[Crash, Crash, LostAnswer, LostWrite]);
    a_token_is_taken_and_invocations_stall: 46_000, both(&[app(TAKE_OVER)], &[Stall, Stall, Crash]);
    a_token_is_taken_by_a_stale_index: 6_000, both(&[app(TAKE_OVER)], &[StaleIndex, LostWrite, DeafTopic]);
    a_token_is_taken_in_a_bad_hour: 45_000, both(&[app(TAKE_OVER)], &[Refusal, Refusal, Suspension, Crash]);
    a_token_is_taken_and_taken_back: 35_000, both(&[app(TAKE_OVER), another_app(UPDATE)], &[Crash]);
    a_registration_is_renamed: 36_000, both(&[app(RENAME)], &[Crash, LostWrite]);
    a_taker_is_deleted: 55_000, both(&[app(TAKE_OVER), another_app(DELETE_TAKER)], &[Crash, LostAnswer]);
    a_replaced_one_is_deleted: 28_000, both(&[app(TAKE_OVER), another_app(DELETE)], &[Crash, LostAnswer]);
    a_deletion_fails_and_the_token_is_taken: 32_000, both(&[app(DELETE), another_app(TAKE_OVER)], &[Failure, Crash]);
    tokens_go_to_and_fro: 37_000, both(&[app(TO_AND_FRO), another_app(DELETE)], &[]);
    takers_look_on: 210_000, both(&[app(TAKE_OVER), another_app(UPDATE)], &[Crash]).patient();
    // And back again.
    a_take_over_is_refused: 34_000, both(&[app(BAD_TAKE_OVER)], &[Crash, Failure]);
    a_take_over_is_refused_and_the_topic_is_deaf: 14_000, both(&[app(BAD_TAKE_OVER)], &[DeafTopic, Suspension]);
    a_take_over_is_refused_and_the_other_one_deleted: 32_000,
        both(&[app(BAD_TAKE_OVER), another_app(DELETE)], &[Crash]);
    a_take_over_is_refused_and_deleted: 41_000, both(&[app(BAD_TAKE_OVER), another_app(DELETE_TAKER)], &[Crash]);
    a_take_over_is_refused_and_the_other_one_reconnected: 6_000,
        both(&[app(BAD_TAKE_OVER), another_app(RECONNECT)], &[]);
    a_take_over_is_refused_beside_a_good_one: 5_900, both(&[app(BAD_TAKE_OVER), another_app(TAKE_OVER)], &[]);
    two_updates_for_one_token_are_refused: 39_000, both(&[app(BAD_TAKE_OVER), another_app(BAD_UPDATE)], &[]);
    a_token_is_taken_that_was_refused_before: 4_300, both(&[app(TAKE_OVER)], &[]).refusing(A);
    a_take_over_is_refused_and_a_write_is_lost: 30_000,
        both(&[app(BAD_TAKE_OVER), another_app(DELETE)], &[LostWrite]);
    // P gets another token.
    a_token_is_replaced: 30_000, alone(&[app(RECONNECT), app(UPDATE)], &[Crash, LostAnswer]);
    a_token_of_the_same_connection_is_replaced: 31_000,
        alone(&[app(RECONNECT), app(UPDATE)], &[Crash, LostAnswer]).of(OneUnknown);
    a_token_of_the_same_connection_is_replaced_in_an_outage: 59_000,
        alone(&[app(RECONNECT)], &[Crash, Failure, LostAnswer, LostWrite]).of(OneUnknown);
    a_token_of_a_known_connection_is_replaced: 9_600,
        alone(&[app(RECONNECT), app(UPDATE)], &[Crash, LostAnswer]).of(OneKnown);
    a_token_is_replaced_there_and_back: 70_000,
        alone(&[app(RECONNECT_AND_BACK)], &[Crash, LostAnswer, LostAnswer]).of(OneUnknown);
    a_token_is_replaced_and_deleted: 25_000, alone(&[app(RECONNECT), app(DELETE)], &[Crash, LostAnswer]).of(OneUnknown);
    a_new_token_is_refused: 5_400, alone(&[app(RECONNECT), app(UPDATE)], &[LostAnswer]).refusing(B);
    a_new_wish_with_a_new_token_is_refused: 13_900,
        alone(&[app(BAD_RECONNECT)], &[Crash, LostAnswer, Failure]).of(OneUnknown);
    an_old_token_is_taken: 17_000, both(&[app(RECONNECT), another_app(TAKE_OVER)], &[Crash]);
    an_old_token_is_taken_and_refused: 5_200, both(&[app(RECONNECT), another_app(BAD_TAKE_OVER)], &[]);
    an_old_token_is_taken_and_the_new_one_refused: 4_900, both(&[app(BAD_RECONNECT), another_app(TAKE_OVER)], &[]);
    an_old_token_goes_along_with_the_new_one: 26_000, both(&[app(RECONNECT), another_app(TAKE_THE_NEW_ONE)], &[Crash]);
    a_known_connection_is_taken_by_its_old_token: 43_000,
        both(&[app(RECONNECT), another_app(TAKE_OVER)], &[Crash]).of(OneKnown);
    two_tokens_of_one_connection_are_taken: 30_000,
        both(&[app(RECONNECT), another_app(TAKE_THE_NEW_ONE)], &[Crash]).of(OneUnknown);
    // Q has a token too.
    tokens_are_swapped: 33_000, both(&[app(RECONNECT), another_app(TAKE_OVER)], &[]).beginning_with(Existing::Both);
    a_token_is_taken_for_another: 76_000, both(&[app(RECONNECT)], &[Crash, LostAnswer]).beginning_with(Existing::Both);
    a_token_is_taken_for_another_and_refused: 53_000,
        both(&[app(BAD_TAKE_OVER), another_app(UPDATE)], &[]).beginning_with(Existing::Both);
    a_token_is_taken_for_another_and_deleted: 17_000,
        both(&[app(BAD_RECONNECT), another_app(DELETE_TAKER)], &[]).beginning_with(Existing::Both);
    // Rows by hand.
    two_rows_by_hand_have_one_token: 120_000, world(&WORKERS, &[Crash]).beginning_with(Existing::ByHand);
    a_row_by_hand_has_the_token_of_another: 16_000,
        world(&WORKERS[..3], &[Crash, LostAnswer]).beginning_with(Existing::OneByHand);
    a_row_by_hand_is_put: 47_000, both(&[app(UPDATE), another_app(DELETE_TAKER)], &[]).beginning_with(Existing::ByHand);
    a_row_by_hand_is_refused: 72_000, both(&[], &[Crash, Failure]).beginning_with(Existing::ByHand).refusing(A);
    an_update_of_a_row_by_hand_is_refused: 7_500, both(&[app(BAD_UPDATE)], &[]).beginning_with(Existing::ByHand);
    a_row_by_hand_gets_a_token: 31_000, both(&[app(RECONNECT)], &[Crash]).beginning_with(Existing::ByHand);
    rows_by_hand_are_deleted: 34_000,
        both(&[app(DELETE_TAKER), another_app(DELETE)], &[Crash]).beginning_with(Existing::OneByHand);
}

/// The worlds in which one rule isn't kept, and what comes of it.
macro_rules! rules {
    ($($name:ident: $rule:ident, $property:ident, $world:expr;)*) => {
        $(
            #[test]
            fn $name() {
                finds(properties::$property, $world.without(Rule::$rule));
            }
        )*
    };
}

rules! {
    without_the_lease_two_call_at_once: Lease, ONE_CALLER, alone(&[app(UPDATE)], &[]);
    without_the_condition_on_writes_an_update_is_lost: Condition, NEWEST,
        alone(&[app(UPDATE), app(ANOTHER_UPDATE)], &[]);
    without_the_version_an_update_is_taken_for_applied: Version, WEBHOOKS, alone(&[app(UPDATE)], &[]);
    without_the_three_answers_an_hour_of_refusals_revokes: ThreeAnswers, NOT_REVOKED, alone(&[app(UPDATE)], &[Refusal]);
    without_the_foreign_lease_two_call_at_once: ForeignLease, ONE_CALLER, both(&[app(TAKE_OVER)], &[]);
    without_the_transaction_two_have_one_token: Transaction, HELD, both(&[app(TAKE_OVER), another_app(UPDATE)], &[]);
    without_the_holders_two_call_at_once: Holders, ONE_CALLER, both(&[], &[]).beginning_with(Existing::ByHand);
    without_setting_it_again_a_webhook_is_lost: SetAgain, WEBHOOKS, alone(&[app(RECONNECT)], &[]).of(OneUnknown);
    without_giving_back_a_refused_take_over_is_for_good: GiveBack, NEWEST, both(&[app(BAD_TAKE_OVER)], &[]);
}

#[test]
fn with_clocks_further_apart_than_the_bound_two_call_at_once() {
    let actors = [P_WORKER, (Worker(P), AHEAD + 1)];
    finds(properties::ONE_CALLER, world(&actors, &[Crash]));
}

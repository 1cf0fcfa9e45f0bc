//! Every order in which two configurations, two keys and a sweep can meet on one registration: runs and requests of the stack before
//! its change beside those after it, a rotation, a retirement, an outage with its recovery, with crashes at every step, lost answers,
//! writes that are lost or broken, pages that are behind, and clocks that differ: checked by `stateright` through the very rules and
//! steps that register and renew carry out.
//!
//! | what | where |
//! |---|---|
//! | The world: OctoEverywhere, the tables, time | `world` |
//! | What there is, and who comes to it | `cast`, `keys`, `actors` |
//! | What everybody keeps to | `rules` |
//! | What can go wrong | `mishap` |
//! | What a run does at each step | `run` |
//! | What is done with the row, as `printbell_shared::registration::protocol` describes it | `work` |
//! | What may never happen, and what must come in the end | `properties` |

#![allow(clippy::disallowed_methods, reason = "a test is in the world")]
#![allow(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod actors;
mod cast;
mod keys;
mod mishap;
mod properties;
mod rules;
mod run;
mod work;
mod world;

use std::collections::BTreeSet;
use std::time::Instant;

use printbell_shared::registration::renewal::MAX_CLOCK_SKEW;
use stateright::{Checker, HasDiscoveries, Model};

use actors::Event::{self, *};
use actors::Role::{self, App, Events, Runs};
use cast::Request::{self, Put, RenewNow};
use cast::Stack::{New, Old};
use mishap::Mishap::{self, *};
use mishap::Mishaps;
use rules::Rule;
use run::Place;
use world::World;

/// The actors, each with its clock: how far ahead it is. No two differ by more than the bound.
type Actors = [(Role, i64)];

const AHEAD: i64 = MAX_CLOCK_SKEW.as_secs();

const NEW_RUNS: (Role, i64) = (Runs(New, 0), 0);
const NEW_RUNS_AHEAD: (Role, i64) = (Runs(New, 0), AHEAD);
const OLD_RUN: (Role, i64) = (Runs(Old, 1), 0);
const OLD_RUN_AHEAD: (Role, i64) = (Runs(Old, 1), AHEAD);
const OLD_RUNS: (Role, i64) = (Runs(Old, 2), AHEAD);

const fn old_app(requests: &'static [Request]) -> (Role, i64) {
    (App(Old, requests), AHEAD)
}

const fn new_app(requests: &'static [Request]) -> (Role, i64) {
    (App(New, requests), 0)
}

const fn another_app(requests: &'static [Request]) -> (Role, i64) {
    (App(New, requests), AHEAD)
}

const fn events(events: &'static [Event]) -> (Role, i64) {
    (Events(events), 0)
}

/// The stack's URL changes, and the row isn't due.
fn moved(actors: &Actors, mishaps: &[Mishap]) -> World {
    World {
        before: Old,
        page: None,
        is_due: false,
        is_one_at_a_time: true,
        actors: [&[NEW_RUNS], actors].concat(),
        mishaps: Mishaps::of(mishaps),
        without: None,
    }
}

/// The stack stays as it is.
fn stays(actors: &Actors, mishaps: &[Mishap]) -> World {
    World {
        before: New,
        ..moved(actors, mishaps)
    }
}

impl World {
    /// The row is due at the beginning.
    fn due(self) -> Self {
        let is_due = true;
        Self { is_due, ..self }
    }

    /// The row is on the table's second page.
    fn on_second_page(self) -> Self {
        let page = Some(Place);
        Self { page, ..self }
    }

    /// Runs don't wait for each other.
    fn in_disorder(self) -> Self {
        let is_one_at_a_time = false;
        Self {
            is_one_at_a_time,
            ..self
        }
    }
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
    // The stack's URL changes.
    a_run_and_a_request_of_the_old_stack: 32_000, moved(&[OLD_RUN, old_app(&[RenewNow])], &[Crash, LostAnswer]);
    an_old_run_stalls: 85_000, moved(&[OLD_RUN_AHEAD, old_app(&[RenewNow])], &[Stall, Crash]);
    old_and_new_requests: 20_000, moved(&[old_app(&[RenewNow]), new_app(&[Put(1)])], &[Crash]);
    old_runs_in_disorder: 35_000, moved(&[OLD_RUNS, old_app(&[Put(1)])], &[Crash]).in_disorder();
    an_old_run_of_a_row_that_is_due: 180_000, moved(&[OLD_RUN_AHEAD, old_app(&[Put(1)])], &[Crash, LostAnswer]).due();
    pages_are_behind: 10_000, moved(&[OLD_RUN, old_app(&[RenewNow])], &[StalePage, StalePage, Crash]).on_second_page();
    writes_fail: 100_000, moved(&[OLD_RUN, old_app(&[RenewNow])], &[LostWrite, BrokenWrite, Failure]);
    state_is_lost: 26_000, moved(&[events(&[Loss]), OLD_RUN, old_app(&[RenewNow])], &[Crash]);
    a_reapplication_in_a_move: 45_000, moved(&[events(&[Reapplication, ReapplicationOfAnother]), old_app(&[RenewNow])], &[Crash]);
    // A key is retired.
    a_key_is_retired: 25_000, stays(&[events(&[Rotation, Retirement]), new_app(&[RenewNow])], &[Crash]);
    a_key_is_retired_and_an_answer_is_lost: 29_000,
        stays(&[events(&[Rotation, Retirement]), new_app(&[RenewNow])], &[LostAnswer]).on_second_page();
    a_key_is_retired_while_a_caller_stalls: 52_000, stays(&[events(&[Rotation, Retirement]), new_app(&[Put(1)])], &[Stall]);
    a_key_is_retired_and_calls_fail: 67_000, stays(&[events(&[Rotation, Retirement])], &[Failure, Crash]).due();

    a_key_is_retired_and_revoked_ones_are_applied_again: 30_000,
        stays(&[events(&[Rotation, ReapplicationOfRevoked, Retirement])], &[Failure, Crash]);
    a_key_is_retired_in_a_move: 70_000, moved(&[events(&[Rotation, Retirement]), old_app(&[RenewNow])], &[Failure]);
    a_key_is_retired_as_writes_fail: 11_000, stays(&[events(&[Rotation, Retirement])], &[BrokenWrite, LostWrite]);
    // OctoEverywhere switches the webhook off.
    a_webhook_is_switched_off: 17_000, stays(&[events(&[Outage, Recovery]), new_app(&[RenewNow])], &[Crash, LostAnswer]);
    a_webhook_is_switched_off_again: 49_000, stays(&[events(&[Outage, Recovery, Outage, Recovery])], &[Crash, BrokenWrite]);
    a_webhook_is_switched_off_during_a_call: 22_000, stays(&[events(&[Outage, Reapplication]), new_app(&[RenewNow])], &[Failure, Crash]);
    a_webhook_is_switched_off_during_a_call_that_is_ahead: 38_000,
        stays(&[events(&[Outage, Reapplication]), another_app(&[RenewNow, Put(1)])], &[Crash]);
    a_webhook_is_switched_off_in_a_move: 46_000,
        moved(&[events(&[Outage, Recovery]), OLD_RUN], &[Crash]);
    runs_in_disorder_switch_a_webhook_on: 24_000, stays(&[events(&[Outage, Recovery]), NEW_RUNS_AHEAD], &[Crash]).in_disorder();
    a_reapplication_of_a_row_that_is_due: 26_000, stays(&[events(&[Reapplication, Outage, Reapplication])], &[Crash, StalePage]).due();
    // Puts, beside others that know another key.
    a_put_meets_a_put: 42_000, stays(&[new_app(&[Put(1)]), another_app(&[Put(2)]), events(&[Rotation])], &[Failure, Crash]);
    a_put_meets_a_dead_caller: 17_000, stays(&[new_app(&[RenewNow, Put(1)]), events(&[Rotation])], &[Failure, Crash]);
    a_renewal_meets_a_dead_caller: 14_000,
        stays(&[new_app(&[RenewNow, RenewNow]), events(&[Rotation])], &[Failure, Crash]);
    a_put_is_refused: 100_000, stays(&[new_app(&[RenewNow, Put(1)]), events(&[Rotation])], &[Refusal, Failure, Crash]);
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
    without_the_lease_two_call_at_once: Lease, ONE_CALLER, moved(&[new_app(&[RenewNow]), old_app(&[RenewNow])], &[]);
    without_the_settling_time_the_old_url_comes_back: Settling, URL, moved(&[old_app(&[RenewNow])], &[]);
    without_the_url_in_the_row_the_old_one_comes_back: Memory, URL, moved(&[old_app(&[RenewNow])], &[]);
    without_doubt_after_an_unknown_outcome_a_row_is_wrong: Doubt, KNOWN,
        moved(&[old_app(&[RenewNow])], &[LostAnswer, Failure]);
    without_leaving_alone_what_was_set_since_it_is_set_twice: Since, TWICE, moved(&[events(&[Rotation]), new_app(&[RenewNow])], &[Stall]);
    without_a_reapplication_of_what_is_under_way_a_webhook_stays_off: Reapplication, ON,
        stays(&[events(&[Outage, Reapplication]), new_app(&[RenewNow])], &[]);
    without_counting_bearers_a_key_is_retired_too_early: Bearing, RETIRED,
        stays(&[events(&[Rotation, Retirement])], &[Failure]);
    without_a_sweep_of_every_row_a_key_is_retired_too_early: Scope, RETIRED,
        stays(&[events(&[Rotation, Retirement, ReapplicationOfRevoked])], &[Failure]);
    without_the_signers_rest_a_key_is_retired_too_early: Rest, RETIRED,
        stays(&[events(&[Rotation, Retirement])], &[Failure, Crash]);
    without_doubt_about_who_is_at_work_a_key_is_retired_too_early: LeaseBears, RETIRED,
        stays(&[events(&[Rotation, Retirement]), new_app(&[RenewNow, RenewNow])], &[Crash]);
    without_going_round_again_a_webhook_stays_off: Again, ON, stays(&[events(&[Reapplication, Outage, Reapplication])], &[]);
    without_waiting_for_the_row_it_keeps_the_old_url: Place, URL, moved(&[], &[Crash]);
    without_the_condition_on_the_sweep_a_reason_is_lost: Revision, ON, stays(&[events(&[Reapplication, Outage, Reapplication])], &[]);
    without_patience_a_key_is_retired_too_early: Patience, RETIRED, stays(&[events(&[Rotation, Retirement])], &[Failure]).due();
    without_another_lap_a_retirement_is_never_over: Remainder, OVER,
        stays(&[events(&[Rotation, Retirement])], &[Crash]);
    without_completion_a_broken_row_keeps_the_old_url: Completion, URL, moved(&[], &[BrokenWrite]);
}

#[test]
fn with_clocks_further_apart_than_the_bound_a_webhook_stays_off() {
    let actors = [events(&[Outage, Reapplication]), (App(New, &[RenewNow]), AHEAD + 1)];
    finds(properties::ON, stays(&actors, &[]));
}

//! What may never happen, and what must come in the end.

use printbell_shared::registration::renewal::Status;
use stateright::{Model, Property};

use crate::table::number;
use crate::world::{BAD_WISH, Sin, State, World};

pub const NEWEST: &str = "OctoEverywhere ends with the newest parameters";
pub const ONE_CALLER: &str = "never two callers at once";
pub const DUE: &str = "nothing stays un-due while unapplied";
pub const NO_CALL_AFTER_THE_END: &str = "a revoked or deleted row is never called again";
pub const NOT_REVOKED: &str = "nobody is revoked who isn't refused for good";
pub const PUBLISHED: &str = "every change of status is published";

pub fn all() -> Vec<Property<World>> {
    vec![
        Property::always(NEWEST, |world, state| !has_ended(world, state) || has_the_newest(state)),
        Property::always(ONE_CALLER, |_, state: &State| state.sin != Some(Sin::TwoCallers)),
        Property::always(DUE, |_, state: &State| is_due_if_unapplied(state)),
        Property::always(NO_CALL_AFTER_THE_END, |_, state: &State| {
            state.sin != Some(Sin::CalledAfterTheEnd)
        }),
        Property::always(NOT_REVOKED, |_, state: &State| {
            state
                .table
                .as_ref()
                .is_none_or(|row| row.renewal.status != Status::Revoked || number(row) == BAD_WISH)
        }),
        Property::always(PUBLISHED, |world, state| {
            !has_ended(world, state) || state.unpublished.is_empty()
        }),
    ]
}

/// Whether nothing can happen any more.
fn has_ended(world: &World, state: &State) -> bool {
    let mut actions = Vec::new();
    world.actions(state, &mut actions);
    actions.is_empty()
}

/// Whether table and OctoEverywhere have what the app asked for last; or, if that is refused for good, something that it asked
/// for before.
fn has_the_newest(state: &State) -> bool {
    let row = state.table.as_deref();
    let agrees = row.is_none_or(|row| {
        let is_over = row.renewal.status == Status::Revoked;
        is_over || row.renewal.is_applied() && state.held == Some(number(row))
    });
    let is_newest = match state.asked.last().copied() {
        None => row.is_none(),
        Some(None) => row.is_none() && state.held.is_none(),
        Some(Some(BAD_WISH)) => row.is_none_or(|row| state.asked.contains(&Some(number(row)))),
        Some(wish) => row.map(number) == wish && row.is_some_and(|row| row.renewal.status != Status::Revoked),
    };
    agrees && is_newest
}

/// A day's wait with its spread, or a lease, and then the skew.
fn is_due_if_unapplied(state: &State) -> bool {
    state.table.as_ref().is_none_or(|row| {
        let longest = state.now + 86_400 * 6 / 5 + 120;
        let is_over = row.renewal.is_applied() || row.renewal.status == Status::Revoked;
        is_over || row.renewal.index().is_some_and(|index| index.0 <= longest)
    })
}

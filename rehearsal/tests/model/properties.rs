//! What may never happen, and what must come in the end.

use printbell_shared::registration::Registration;
use printbell_shared::registration::app_connection::AppConnection;
use printbell_shared::registration::renewal::{News, Status};
use printbell_shared::registration::tokens::Taken;
use stateright::{Model, Property};

use crate::cast::{Connections, Key, Wanted, claims, token, wanted};
use crate::phase::Request;
use crate::world::{Existing, Sin, State, World, is_at_rest};

pub const ONE_CALLER: &str = "never two callers at once for one token";
pub const HOLDER_CALLS: &str = "nobody calls for a token but its holder, or somebody whose lease its holder waits for";
pub const HELD: &str = "a row claims only what it holds, once it was adopted";
pub const DUE: &str = "nothing stays un-due while unapplied";
pub const TOLD: &str = "every status is told, or will be";
pub const NOT_REVOKED: &str = "nobody is revoked who isn't refused for good";
pub const WEBHOOKS: &str = "in the end each webhook is its holder's with its newest wish, or gone";
pub const NEWEST: &str = "the newest thing that the app asked for holds in the end";

pub fn all() -> Vec<Property<World>> {
    vec![
        Property::always(ONE_CALLER, |_, state: &State| state.sin != Some(Sin::TwoCallers)),
        Property::always(HOLDER_CALLS, |_, state: &State| state.sin != Some(Sin::CalledByAnother)),
        Property::always(HELD, |_, state: &State| {
            rows(state).all(|(key, row)| {
                let holds =
                    |connection: &AppConnection| claims(connection).all(|claim| state.holders[claim] == Some(key));
                row.renewal.revision == 0 || connections(row).all(holds)
            })
        }),
        Property::always(DUE, |_, state: &State| {
            rows(state).all(|(_, row)| is_due_if_unapplied(state, row))
        }),
        Property::always(TOLD, |_, state: &State| {
            rows(state).all(|(key, row)| row.renewal.status_change.is_some() || is_told(state, key, row))
        }),
        Property::always(NOT_REVOKED, |world: &World, state: &State| {
            rows(state).all(|(_, row)| {
                row.renewal.status != Status::Revoked || wanted(row).is_some_and(|wanted| world.refuses(wanted))
            })
        }),
        Property::always(WEBHOOKS, |world, state| {
            !has_ended(world, state) || has_right_webhooks(world, state)
        }),
        Property::always(NEWEST, |world, state| {
            !has_ended(world, state) || has_the_newest(world, state)
        }),
    ]
}

fn rows(state: &State) -> impl Iterator<Item = (Key, &Registration)> {
    Key::ALL
        .into_iter()
        .filter_map(|key| Some((key, state.row(key)?.as_ref())))
}

/// Every token of a row.
fn connections(row: &Registration) -> impl Iterator<Item = &AppConnection> {
    let old = row.old_tokens.iter().map(|old| &old.connection);
    let previous = row.previous.iter().filter_map(|wish| wish.connection.as_ref());
    let taken = row.taken.iter().flat_map(Taken::connections);
    let taken = taken.filter(|_| row.renewal.status != Status::Replaced);
    row.wish.connection.iter().chain(previous).chain(old).chain(taken)
}

/// Whether nothing can happen any more.
fn has_ended(world: &World, state: &State) -> bool {
    if state.is_anybody_running() || !state.orphans.is_empty() {
        return false;
    }
    let mut actions = Vec::new();
    world.actions(state, &mut actions);
    actions.is_empty()
}

/// A day's wait with its spread, or a lease, and then the skew.
fn is_due_if_unapplied(state: &State, row: &Registration) -> bool {
    let longest = state.now + 86_400 * 6 / 5 + 120;
    let is_over = row.renewal.is_applied() || matches!(row.renewal.status, Status::Revoked | Status::Replaced);
    is_over || row.renewal.index().is_some_and(|index| index.0 <= longest)
}

/// Whether the last that the topic was told of this registration says what it is.
fn is_told(state: &State, key: Key, row: &Registration) -> bool {
    let told = state.told[key as usize].map(|(_, news)| news);
    match row.renewal.status {
        Status::Pending | Status::Deleting => true,
        Status::Active => told == Some(News::Active),
        Status::Suspended => told == Some(News::Suspended),
        Status::Revoked => told == Some(News::Revoked),
        Status::Replaced => told == Some(News::Replaced),
    }
}

/// Whether every row is at rest, every webhook belongs to a row, and every row has its webhook.
fn has_right_webhooks(world: &World, state: &State) -> bool {
    let due = |key, row: &Registration| {
        let wanted = wanted(row).filter(|_| row.renewal.status == Status::Active)?;
        Some((world.connections.of(wanted.token), (key, wanted.number)))
    };
    let due: Vec<_> = rows(state).filter_map(|(key, row)| due(key, row)).collect();
    // Where every Set is refused, what was there before stays.
    let is_refused = |connection| {
        rows(state).any(|(_, row)| {
            let is_its = |own: &AppConnection| world.connections.of(token(own)) == connection;
            row.renewal.status == Status::Revoked && connections(row).any(is_its)
        })
    };
    // Two registrations with tokens of one App Connection, which nobody can know: the last one to call has it.
    let is_shared = world.connections == Connections::OneUnknown && due.len() > 1;
    let is_right = |(connection, webhook): (usize, &Option<_>)| {
        let mut owners = due
            .iter()
            .filter(|(of, _)| *of == connection)
            .map(|(_, webhook)| *webhook);
        match is_shared {
            true => owners.any(|owner| Some(owner) == *webhook) || connection > 0,
            false => owners.next() == *webhook && owners.next().is_none(),
        }
    };
    let mut webhooks = state.webhooks.iter().enumerate();
    rows(state).all(|(_, row)| is_at_rest(row)) && webhooks.all(|webhook| is_refused(webhook.0) || is_right(webhook))
}

/// What there has to be under a key, given what the app asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Nothing,
    This(Wanted),
    /// Another registration has its token.
    Replaced,
    /// It depends on when something was refused.
    Anything,
}

fn has_the_newest(world: &World, state: &State) -> bool {
    let mut expected = match world.existing {
        // Whoever adopts its row last has the token.
        Existing::ByHand | Existing::OneByHand => return true,
        Existing::Nothing | Existing::P | Existing::Both => [Expected::Nothing; 2],
    };
    for (index, request) in state.asked.iter().enumerate() {
        let is_last = index + 1 == state.asked.len();
        let own = request.key() as usize;
        let other = 1 - own;
        match *request {
            Request::Put(_, wanted) if world.refuses(wanted) && is_last => {
                // As if it hadn't been asked for; but what there wasn't may be left, refused, and of several wishes it is the
                // last one that was applied.
                let earlier = state
                    .asked
                    .iter()
                    .filter(|earlier| earlier.key() == request.key())
                    .count()
                    - 1;
                if earlier != 1 || !matches!(expected[own], Expected::This(_)) {
                    expected[own] = Expected::Anything;
                }
            }
            Request::Put(_, wanted) => {
                let is_bad = world.refuses(wanted);
                let is_same = |there: Wanted| there.token == wanted.token || world.connections == Connections::OneKnown;
                if matches!(expected[other], Expected::This(there) if is_same(there)) {
                    expected[other] = if is_bad { Expected::Anything } else { Expected::Replaced };
                }
                expected[own] = if is_bad {
                    Expected::Anything
                } else {
                    Expected::This(wanted)
                };
            }
            Request::Delete(_) => expected[own] = Expected::Nothing,
        }
    }
    Key::ALL.into_iter().all(|key| {
        let row = state.row(key);
        match expected[key as usize] {
            Expected::Anything => true,
            Expected::Nothing => row.is_none(),
            Expected::Replaced => row.is_none_or(|row| row.renewal.status == Status::Replaced),
            Expected::This(expected) => row.is_some_and(|row| {
                wanted(row) == Some(expected) && (row.renewal.status == Status::Active || world.refuses(expected))
            }),
        }
    })
}

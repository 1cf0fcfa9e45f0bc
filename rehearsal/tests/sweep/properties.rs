//! What may never happen, and what must come in the end.

use stateright::Property;

use crate::actors::Phase;
use crate::cast::Stack;
use crate::keys::Standing;
use crate::rules::Sin;
use crate::world::{State, World, is_at_rest};

pub const ONE_CALLER: &str = "never two callers at once";
pub const RETIRED: &str = "a key is retired only when no webhook bears it and nobody can set one under it";
pub const TWICE: &str = "nothing is renewed that was renewed since the run began";
pub const KNOWN: &str = "a row that claims to know what its webhook calls does";
pub const URL: &str = "in the end the webhook bears the stack's URL";
pub const ACCEPTED: &str = "in the end the webhook bears a key that is accepted";
pub const ON: &str = "in the end a webhook is on that was to be switched on again";
pub const OVER: &str = "in the end every sweep is over, and every retirement";

pub fn all() -> Vec<Property<World>> {
    vec![
        Property::always(ONE_CALLER, |_, state: &State| state.sin != Some(Sin::TwoCallers)),
        Property::always(RETIRED, |_, state: &State| state.sin != Some(Sin::RetiredTooEarly)),
        Property::always(TWICE, |_, state: &State| state.sin != Some(Sin::RenewedTwice)),
        Property::always(KNOWN, |_, state: &State| is_known(state)),
        Property::always(URL, |world, state: &State| {
            !has_ended(world, state) || state.webhook.stack == Stack::New
        }),
        Property::always(ACCEPTED, |world, state: &State| {
            !has_ended(world, state) || state.keys.accepts(state.webhook.signer)
        }),
        Property::always(ON, |world, state: &State| {
            !has_ended(world, state) || state.outage.is_none() || !state.is_recovery_asked
        }),
        Property::always(OVER, |world, state: &State| !has_ended(world, state) || is_over(state)),
    ]
}

/// Whether nothing can happen any more.
fn has_ended(world: &World, state: &State) -> bool {
    let is_idle = state.phases.iter().all(|phase| matches!(phase, Phase::Idle(_)));
    is_idle && state.orphans.is_empty() && state.sin.is_none() && world.all_actions(state).is_empty()
}

/// Whether what the row remembers is so, once nobody is at it and nothing may arrive late.
fn is_known(state: &State) -> bool {
    let row = &state.row;
    let is_quiet = row.renewal.lease.is_none() && state.orphans.is_empty() && state.attempts().next().is_none();
    let is_so = |endpoint: &_| *endpoint == state.webhook.endpoint();
    !is_quiet || row.endpoint.as_ref().is_none_or(is_so)
}

fn is_over(state: &State) -> bool {
    let sweep = &state.sweep;
    let is_retired = state.keys.first != Standing::Retiring;
    sweep.lap.is_none() && !sweep.is_recovery_due && is_retired && is_at_rest(&state.row.renewal)
}

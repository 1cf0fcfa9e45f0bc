//! One holder for each token: whatever is done to registrations that share one, OctoEverywhere ends up with what the table says.

mod by_hand;
mod outage;
mod reconnection;
mod take_over;

//! Registrations and their renewal, end to end: the deployed stack on the emulator, with IAM enforced, and the simulator as
//! OctoEverywhere. Most of it moves both clocks, so each has a stack to itself meanwhile (`.config/nextest.toml`).

#![allow(clippy::disallowed_methods, reason = "a test is in the world")]
#![allow(clippy::unwrap_used, reason = "in a test that is how a failure is told")]

mod agreement;
mod doors;
mod holders;
mod life;
mod privilege;
mod restore;
mod subscription;
mod sweep;
mod trouble;
mod upgrade;
mod world;

//! Whole rows, and the tokens that go from one to another, in a table that is only a map.

mod clearing;
mod lives;
mod rows;
mod takeover;
mod world;

use jiff::SignedDuration;

use super::*;

//! The lives of registrations, rehearsed, through the very functions of [`printbell_shared::registration::renewal`] that register and
//! renew use.
//!
//! | what | where |
//! |---|---|
//! | Years of a whole fleet in minutes: how the load moves, whether anything lapses | [`simulation`], run by `simulate` |
//! | Its picture | [`chart`] |
//! | Every order in which workers, requests, crashes and lost answers can meet on one row | `tests/model` |

pub mod chart;
pub mod simulation;

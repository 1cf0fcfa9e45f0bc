//! `register` and `renew` at the binary, against a stub AWS and a stub OctoEverywhere.

mod register;
mod renew;
mod world;

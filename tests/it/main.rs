//! The one integration test crate.

// Clippy takes helpers for test code only under this.
#![cfg(test)]

mod adoption;
mod crash;
mod life;
mod outcomes;
mod raw_server;
mod rooms;
mod simulator;
mod wire;
mod wire_chain;
mod world;

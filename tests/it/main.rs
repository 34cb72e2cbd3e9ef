//! The one integration test crate.

// Clippy takes helpers for test code only under this.
#![cfg(test)]

mod raw_server;
mod simulator;
mod tracker;
mod wire;
mod wire_chain;

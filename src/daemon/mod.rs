//! Composition by hand: one worker and one tracker for each lane, the pulse that hears of other processes' writes, and
//! the order of stopping. It holds no rules.

mod bundles;
mod lane;
mod pruning;
mod service;
mod supervisor;

pub use lane::{Connect, LaneParts, compose};
pub use supervisor::{Daemon, DaemonEnd, DaemonError, Until};

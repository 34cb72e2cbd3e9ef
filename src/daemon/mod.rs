//! Composition: one worker and one tracker for each lane, the supervisor that polls the store for other processes' writes, and the
//! order of shutdown. It holds no rules.

mod bundles;
mod lane_tasks;
mod pruning;
mod service;
mod supervisor;

pub use lane_tasks::{Connect, LaneParts, compose};
pub use supervisor::{Daemon, DaemonEnd, DaemonError, Until};

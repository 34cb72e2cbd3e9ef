//! Follows each lane: takes its inventory and adopts what is exported already, follows exports to their end, and reconciles
//! unconfirmed attempts with Lightsail's records. Decides (pure, in `plan`) apart from doing.

mod changes;
mod inventory;
mod job_ages;
mod lane_cap;
mod lane_context;
mod lane_identity;
mod list_lag;
mod list_reader;
mod observations;
mod plan;
mod poll_interval;
mod polling;
mod read_error;
mod read_failures;
mod reconciliation;
mod record_reader;
mod retry_waits;
mod snapshot_search;
mod state;
mod tracker;

pub use state::TrackerState;
pub use tracker::{Tracker, TrackerSettings};

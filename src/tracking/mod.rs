//! Follows each lane: takes its inventory and adopts what is exported already, follows exports to their end, and reconciles
//! unconfirmed attempts with Lightsail's records. Decides (pure, in `plan`) apart from doing.

mod changes;
mod inventory;
mod job_ages;
mod lane_cap;
mod lane_context;
mod list_lag;
mod lists;
mod plan;
mod poll_interval;
mod polling;
mod reconciliation;
mod tracker;
mod tracker_state;

pub use tracker::Tracker;
pub use tracker_state::TrackerState;

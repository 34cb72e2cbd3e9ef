//! What the simulator remembers: lanes, snapshots, exports and calls.

pub(crate) mod calls;
pub(crate) mod change;
pub(crate) mod export;
pub(crate) mod lane_state;
pub(crate) mod ledger;
pub(crate) mod snapshot;
pub(crate) mod world;

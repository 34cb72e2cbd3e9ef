//! What a lane's dispatcher remembers of its lane: its health, its copy limit, and when it was throttled.

pub(in crate::worker) mod copy_limit;
pub(in crate::worker) mod dispatch_state;
pub(in crate::worker) mod health;

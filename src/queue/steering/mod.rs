//! What people do to jobs, batches and lanes.

pub(in crate::queue) mod acting;
pub(in crate::queue) mod pausing;
pub(in crate::queue) mod resolving;
pub(in crate::queue) mod selection;

//! What people and reports read.

pub(in crate::queue) mod batches;
pub(in crate::queue) mod counts;
pub(in crate::queue) mod endings;
pub(in crate::queue) mod job_views;
pub(in crate::queue) mod lanes;
pub(in crate::queue) mod measures;
pub(in crate::queue) mod waiting;

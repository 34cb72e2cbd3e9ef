//! What Lightsail's records were seen to show, and what follows from it for jobs.

pub(in crate::queue) mod entries;
pub(in crate::queue) mod follow;
pub(in crate::queue) mod inventory_jobs;

//! Lanes: what is known and remembered of each, and their circuit breakers.

pub(in crate::queue) mod breaker_openings;
pub(in crate::queue) mod lane_records;

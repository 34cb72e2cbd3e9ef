//! Lanes: what is known and remembered of each, and their circuit breakers.

pub(in crate::queue) mod breakers;
pub(in crate::queue) mod records;

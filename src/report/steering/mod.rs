//! What people's acts changed, and what holds lanes.

pub(in crate::report) mod acts;
pub(in crate::report) mod breakers;
pub(in crate::report) mod pauses;
pub(in crate::report) mod takeover;

//! What people's acts changed, and what holds lanes.

pub(in crate::report) mod acts;
pub(in crate::report) mod breaker_text;
pub(in crate::report) mod pauses;
pub(in crate::report) mod takeover_text;

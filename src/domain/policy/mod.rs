//! Rules over time and numbers: when an attempt counts as absent, how long to wait, when a circuit breaker opens, how many copies
//! may be in progress.

pub(super) mod absence_rule;
pub(super) mod breaker;
pub(super) mod cap;
pub(super) mod retry;

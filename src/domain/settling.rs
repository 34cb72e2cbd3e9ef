//! How long the ledger is given to tell of an attempt whose answer nobody has. Pure.

use std::time::Duration;

/// The settle window is at least so many times the longest delay that was ever seen.
const MARGIN: u32 = 3;

/// The settle window of a lane: what the settings say, and more where its lists have been seen to lag behind.
#[must_use]
pub fn settle_window(least: Duration, longest_delay: Duration) -> Duration {
    least.max(longest_delay.saturating_mul(MARGIN))
}

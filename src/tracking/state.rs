//! What the tracking of a lane remembers from one round to the next; all of it may be lost.

use crate::domain::{JobId, Timestamp};
use crate::tracking::inventory::InventorySchedule;
use crate::tracking::list_lag::UnseenExports;
use crate::tracking::lists::read_failures::ReadFailures;
use std::collections::HashMap;
use std::time::Duration;

/// What the loop remembers. Times are of the monotonic clock.
#[derive(Debug, Default)]
pub struct TrackerState {
    /// Whether the lane had live jobs in the last round.
    pub(in crate::tracking) live: bool,
    /// When a blocked lane was last tried.
    pub(in crate::tracking) probed_at: Option<Duration>,
    pub(in crate::tracking) inventory: InventorySchedule,
    /// When anything was last read for what is being exported.
    pub(in crate::tracking) read_at: Option<Duration>,
    /// When the last complete reading of the records began.
    pub(in crate::tracking) read_through_at: Option<Duration>,
    /// How many pages the last reading of the records took.
    pub(in crate::tracking) pages: u32,
    pub(in crate::tracking) failures: ReadFailures,
    /// Unconfirmed attempts.
    pub(in crate::tracking) first_seen: HashMap<(JobId, u32), FirstSeen>,
    pub(in crate::tracking) watch: UnseenExports,
}

/// When an unconfirmed attempt was first seen, and last checked.
#[derive(Debug)]
pub(in crate::tracking) struct FirstSeen {
    pub(in crate::tracking) at: Duration,
    pub(in crate::tracking) checked_at: Option<Duration>,
    /// How long after that the next check may come.
    pub(in crate::tracking) rest: Duration,
}

/// When a reading began, by the time of day and by the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(in crate::tracking) struct ReadStart {
    pub(in crate::tracking) at: Timestamp,
    pub(in crate::tracking) elapsed: Duration,
}

/// What is left of a span that began at `at`; nothing where it never did.
pub(in crate::tracking) fn left(at: Option<Duration>, span: Duration, elapsed: Duration) -> Duration {
    at.map_or(Duration::ZERO, |at| span.saturating_sub(elapsed.saturating_sub(at)))
}

//! What the tracking of a lane remembers from one round to the next; all of it may be lost.

use super::inventory::InventorySchedule;
use super::list_lag::UnseenExports;
use super::lists::ReadFailures;
use crate::domain::{JobId, Timestamp};
use std::collections::HashMap;
use std::time::Duration;

/// What the loop remembers. Times are of the monotonic clock.
#[derive(Debug, Default)]
pub struct TrackerState {
    /// Whether the lane had live jobs in the last round.
    pub(super) live: bool,
    /// When a blocked lane was last tried.
    pub(super) probed_at: Option<Duration>,
    pub(super) inventory: InventorySchedule,
    /// When anything was last read for what is being exported.
    pub(super) read_at: Option<Duration>,
    /// When the last complete reading of the records began.
    pub(super) read_through_at: Option<Duration>,
    /// How many pages the last reading of the records took.
    pub(super) pages: u32,
    pub(super) failures: ReadFailures,
    /// Unconfirmed attempts.
    pub(super) first_seen: HashMap<(JobId, u32), AttemptFirstSeen>,
    pub(super) watch: UnseenExports,
}

/// When an unconfirmed attempt was first seen, and last checked.
#[derive(Debug)]
pub(super) struct AttemptFirstSeen {
    pub(super) at: Duration,
    pub(super) checked_at: Option<Duration>,
    /// How long after that the next check may come.
    pub(super) rest: Duration,
}

/// When a reading began, by the time of day and by the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadStart {
    pub(super) at: Timestamp,
    pub(super) elapsed: Duration,
}

/// What is left of a span that began at `at`; nothing where it never did.
pub(super) fn left(at: Option<Duration>, span: Duration, elapsed: Duration) -> Duration {
    at.map_or(Duration::ZERO, |at| span.saturating_sub(elapsed.saturating_sub(at)))
}

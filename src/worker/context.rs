//! What all parts of a lane's worker share.

use super::reservations::Reservations;
use crate::clock::SharedClock;
use crate::domain::{BreakerPolicy, Lane, LaneId, RetryPolicy, RunId};
use crate::lightsail::RateLimiter;
use crate::queue::Queue;
use std::time::Duration;

/// What the settings say about sending.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Attempts and waits.
    pub retry: RetryPolicy,
    /// EBS copies in progress at most.
    pub max_in_flight: u64,
    /// How often a lane in trouble tries again.
    pub probe: Duration,
    /// How long a job may be refused for now.
    pub give_up: Duration,
    /// How long after a response the job is followed first.
    pub first_poll: Duration,
    /// When the lane's circuit breakers open.
    pub breaker: BreakerPolicy,
}

/// The lane's rate limiters.
#[derive(Debug, Clone)]
pub struct RateLimiters {
    /// Of its exports.
    pub exports: RateLimiter,
    /// Of its reads: they do not pass through here, but the rate that they learn is stored here.
    pub reads: RateLimiter,
}

/// The lane, and what its parts need to send for it.
pub(super) struct SendContext {
    pub(super) queue: Queue,
    pub(super) clock: SharedClock,
    pub(super) run: RunId,
    pub(super) id: LaneId,
    pub(super) lane: Lane,
    pub(super) settings: WorkerSettings,
    pub(super) limiters: RateLimiters,
    pub(super) reservations: Reservations,
}

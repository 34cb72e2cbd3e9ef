//! What all parts of a lane's worker share.

use super::reservations::Reservations;
use crate::clock::SharedClock;
use crate::domain::{Lane, LaneId, RunId};
use crate::lightsail::RateLimiter;
use crate::queue::Queue;
use crate::settings::LaneSettings;
use std::sync::Arc;

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
    pub(super) settings: Arc<LaneSettings>,
    pub(super) limiters: RateLimiters,
    pub(super) reservations: Reservations,
}

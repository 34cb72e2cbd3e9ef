//! The lane's cap on EBS copies in progress, which EC2's limits lower.

use super::lane_context::{ACTOR, LaneContext};
use crate::domain::{Failure, LaneTrouble, LoweredCap, OverLimit, Timestamp};
use crate::lightsail::{EXPORT_ACTION, failed_operation};
use crate::queue::QueueError;
use std::sync::{Arc, Mutex, PoisonError};

/// The cap as it stands in the store.
pub(super) struct LaneCap {
    context: Arc<LaneContext>,
    lowered: Mutex<Option<LoweredCap>>,
}

impl LaneCap {
    pub(super) fn new(context: Arc<LaneContext>) -> Self {
        let lowered = Mutex::new(context.lane.lowered.clone());
        Self { context, lowered }
    }

    /// Takes over what the store says.
    pub(super) fn refresh(&self, lowered: Option<&LoweredCap>) {
        *self.lowered.lock().unwrap_or_else(PoisonError::into_inner) = lowered.cloned();
    }

    /// The copies that may be in progress at that time.
    pub(super) fn at(&self, now: Timestamp) -> u64 {
        let lowered = self.lowered.lock().unwrap_or_else(PoisonError::into_inner);
        LoweredCap::in_force(lowered.as_ref(), self.context.settings.max_in_flight, now)
    }

    /// An export that was sent at `sent_at` failed for the lane's trouble: the lane waits for room, or for a person.
    pub(super) async fn on_lane_trouble(&self, sent_at: Timestamp, failure: &Failure) -> Result<(), QueueError> {
        let context = &self.context;
        let error = failed_operation(failure);
        let Some(trouble) = error.trouble() else { return Ok(()) };
        // What an operation was refused no reading shows to be over.
        let trouble = if trouble.ends_with_a_reading() { LaneTrouble::Denied } else { trouble };
        context.block(trouble, error.with_advice(EXPORT_ACTION)).await?;
        match trouble {
            LaneTrouble::CopyLimit => {}
            LaneTrouble::Quota => {
                return context.queue.pause(&[], &[context.lane.id], context.clock.now(), ACTOR).await.map(drop);
            }
            _ => return Ok(()),
        }
        let now = context.clock.now();
        let in_flight = context.queue.load(context.lane.id).await?.in_flight;
        let over = OverLimit { in_flight, beside: None, sent_at, code: failure.code.clone() };
        let lowered = {
            let mut known = self.lowered.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(lowered) = LoweredCap::after(known.as_ref(), context.settings.max_in_flight, over, now) else {
                return Ok(());
            };
            *known = Some(lowered.clone());
            lowered
        };
        tracing::info!(
            lane = %context.lane.lane, code = %lowered.code, cap = lowered.to,
            "an export failed because EC2 had too many copies in progress; the lane's cap is lower for a while"
        );
        context.queue.lower_cap(context.lane.id, lowered).await
    }
}

//! The lane's cap on EBS copies in progress, which EC2's limits lower.

use super::lane_context::{ACTOR, TrackingContext};
use crate::domain::{Failure, LaneTrouble, LoweredCap, OverLimit, Timestamp};
use crate::lightsail::{EXPORT_ACTION, failed_operation};
use crate::queue::QueueError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Exports that fail for one trouble within this time fail for the same: the waits between probes are shorter, and so is the time
/// that an operation takes to fail for it. That the calls are taken meanwhile ends nothing.
const SAME_TROUBLE: Duration = Duration::from_mins(30);

/// The cap as it stands in the store.
pub(super) struct LaneCap {
    context: Arc<TrackingContext>,
    lowered: Mutex<Option<LoweredCap>>,
    /// The trouble that an export failed for last: since when, and when that was, by the monotonic clock.
    failed_for: Mutex<Option<(LaneTrouble, Timestamp, Duration)>>,
}

impl LaneCap {
    pub(super) fn new(context: Arc<TrackingContext>) -> Self {
        let lowered = Mutex::new(context.lane.lowered.clone());
        Self { context, lowered, failed_for: Mutex::default() }
    }

    /// Takes over what the store says.
    pub(super) fn refresh(&self, lowered: Option<&LoweredCap>) {
        *self.lowered.lock().unwrap_or_else(PoisonError::into_inner) = lowered.cloned();
    }

    /// The copies that may be in progress at that time.
    pub(super) fn at(&self, now: Timestamp) -> u64 {
        let lowered = self.lowered.lock().unwrap_or_else(PoisonError::into_inner);
        LoweredCap::in_force(lowered.as_ref(), u64::from(self.context.settings.export.max_in_flight), now)
    }

    /// An export that was sent at `sent_at` failed for the lane's trouble: the lane waits for room, or for a person.
    pub(super) async fn on_lane_trouble(&self, sent_at: Timestamp, failure: &Failure) -> Result<(), QueueError> {
        let context = &self.context;
        let error = failed_operation(failure);
        let Some(trouble) = error.trouble() else { return Ok(()) };
        // What an operation was refused no reading shows to be over.
        let trouble = if trouble.ends_with_a_reading() { LaneTrouble::Denied } else { trouble };
        let since = self.known_since(trouble);
        context.block_again(trouble, error.with_advice(EXPORT_ACTION), since).await?;
        if trouble == LaneTrouble::Quota {
            return context.queue.pause(&[], &[context.lane.id], context.clock.now(), ACTOR).await.map(drop);
        }
        if trouble != LaneTrouble::CopyLimit {
            return Ok(());
        }
        let now = context.clock.now();
        let own = context.queue.load(context.lane.id).await?.in_flight;
        let in_flight = own.saturating_add(context.queue.copies_of_others(context.lane.id, now).await?);
        let over = OverLimit { in_flight, beside: None, sent_at, code: failure.code.clone() };
        let lowered = {
            let mut known = self.lowered.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(lowered) =
                LoweredCap::after(known.as_ref(), u64::from(context.settings.export.max_in_flight), over, now)
            else {
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

    /// Since when exports have failed for this trouble; nothing where they begin to.
    fn known_since(&self, trouble: LaneTrouble) -> Option<Timestamp> {
        let (now, elapsed) = (self.context.clock.now(), self.context.clock.elapsed());
        let mut failed_for = self.failed_for.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            failed_for.filter(|(same, _, last)| *same == trouble && elapsed.saturating_sub(*last) < SAME_TROUBLE);
        let since = known.map(|(_, since, _)| since);
        *failed_for = Some((trouble, since.unwrap_or(now), elapsed));
        since
    }
}

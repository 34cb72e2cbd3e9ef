//! Acts on a response for the lane: blocks and unblocks it, lowers its cap, and logs what it goes through.

use super::lane::dispatch_state::DispatchState;
use super::lane::health::HealthChange;
use super::outcome::LaneEvent;
use super::read_ahead::ReadAhead;
use super::send_context::SendContext;
use super::sender::Response;
use crate::domain::{ErrorCode, LaneTrouble, LoweredCap, OverLimit, Timestamp};
use crate::queue::{Block, QueueError};
use std::time::Duration;

/// A throttle after this long without one is logged again.
const CALM: Duration = Duration::from_mins(1);

/// Acts on a response.
pub(super) async fn on_response(
    context: &SendContext,
    response: Response,
    state: &mut DispatchState,
    ahead: &mut ReadAhead,
) -> Result<(), QueueError> {
    let Response { sent_at, sent, event } = response;
    let SendContext { queue, clock, settings, id, lane, .. } = context;
    if event == LaneEvent::Throttled {
        log_throttle(context, state);
    }
    if let LaneEvent::Trouble(LaneTrouble::CopyLimit, error) = &event {
        lower_cap(context, sent_at, error.code.clone(), state, ahead).await?;
        state.copy_limit.refused(sent, settings.lane.probe, clock.elapsed());
    }
    if event == LaneEvent::Accepted {
        if !state.proven {
            queue.prove_account(*id).await?;
            state.proven = true;
        }
        if state.health.trouble() == Some(LaneTrouble::CopyLimit) && !state.copy_limit.accepted(sent) {
            return Ok(());
        }
        state.exports_since.get_or_insert(clock.elapsed());
    }
    let before = state.health.trouble();
    match state.health.on_response(event) {
        HealthChange::None => {}
        HealthChange::Block { trouble, message, refund } => {
            queue.refund_attempts(refund).await?;
            ahead.clear();
            state.probed_at = Some(clock.elapsed());
            if before != Some(trouble) {
                tracing::warn!(%lane, %trouble, "the lane is blocked: {message}");
            }
            queue.block(*id, Block { trouble, message, since: clock.now() }).await?;
            if trouble == LaneTrouble::Quota {
                // It does not pass without a person: paused until one resumes it.
                queue.pause(&[], &[*id], clock.now(), "daemon").await?;
            }
        }
        HealthChange::Unblock => {
            tracing::info!(%lane, "the lane is no longer blocked");
            // Tracking may have seen another trouble meanwhile.
            if let Some(over) = before {
                queue.end_trouble(*id, over).await?;
            }
        }
    }
    Ok(())
}

/// EC2 has too many copies in progress: for a while the lane begins fewer.
async fn lower_cap(
    context: &SendContext,
    sent_at: Timestamp,
    code: ErrorCode,
    state: &mut DispatchState,
    ahead: &mut ReadAhead,
) -> Result<(), QueueError> {
    let SendContext { queue, clock, settings, id, lane, .. } = context;
    let (most, now) = (u64::from(settings.export.max_in_flight), clock.now());
    // The one that was refused is on its way back to the queue. Those of others count, as they do under the cap.
    let beside = queue.load(*id).await?.in_flight.saturating_add(queue.copies_of_others(*id, now).await?);
    let over = OverLimit { in_flight: beside.saturating_add(1), beside: Some(beside), sent_at, code };
    let before = LoweredCap::in_force(state.cap.as_ref(), most, now);
    if let Some(lowered) = LoweredCap::after(state.cap.as_ref(), most, over, now) {
        if lowered.to < before {
            let LoweredCap { to: cap, code, .. } = &lowered;
            tracing::info!(%lane, %code, cap, "EC2 has too many copies in progress: the lane begins fewer for a while");
        }
        queue.lower_cap(*id, lowered.clone()).await?;
        state.cap = Some(lowered);
        ahead.clear();
    }
    Ok(())
}

/// Logs a throttle, but not one that follows another.
fn log_throttle(context: &SendContext, state: &mut DispatchState) {
    let now = context.clock.elapsed();
    let last = state.throttled_at.replace(now);
    if last.is_none_or(|last| now.saturating_sub(last) >= CALM) {
        let rate = format!("{:.2}", context.limiters.exports.rate());
        tracing::info!(lane = %context.lane, rate, "Lightsail throttles exports: the lane slows down");
    }
}

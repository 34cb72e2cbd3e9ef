//! The next jobs to send, read from the database a few at a time, and the room that the cap leaves for them.

use super::lane::dispatch_state::{DeniedJobs, DispatchState};
use super::send_context::SendContext;
use crate::domain::{BatchId, LoweredCap};
use crate::queue::{Claimable, QueueError};
use std::collections::VecDeque;
use std::time::Duration;

/// Jobs read ahead at most: enough for half a second at the highest rate that the settings allow.
const MOST: u32 = 512;

/// Jobs that take turns at probing a lane in trouble: what one of them alone is refused for does not hold the lane.
const PROBING: u32 = 32;

/// How often copies of other clients are counted anew where they are in the way.
const COUNT_OTHERS_EVERY: Duration = Duration::from_mins(1);

/// Jobs read ahead.
#[derive(Debug, Default)]
pub(super) struct ReadAhead {
    jobs: VecDeque<Claimable>,
    /// EBS copies that may be begun.
    room: u64,
    /// The batch that had the last turn.
    last_batch: Option<BatchId>,
    /// Whether a job was queued when the database was last read.
    pub(super) queued: bool,
}

impl ReadAhead {
    /// Forgets the jobs; they are read again.
    pub(super) fn clear(&mut self) {
        self.jobs.clear();
    }

    /// The next job, where the cap has room for it and it `may` go now. A heavy one is not overtaken: the order stays.
    pub(super) fn take_next(&mut self, may: impl FnOnce(&Claimable) -> bool) -> Option<Claimable> {
        let next = self.jobs.front()?;
        let weight = u64::from(next.weight);
        if weight > self.room || !may(next) {
            self.jobs.clear();
            return None;
        }
        self.room -= weight;
        self.last_batch = Some(next.batch);
        self.jobs.pop_front()
    }

    /// Adds the probe of a circuit breaker behind the others.
    pub(super) fn add_probe(&mut self, job: Claimable, in_flight: u64) {
        if self.jobs.is_empty() && in_flight == 0 {
            self.make_room_for(&job);
        }
        self.jobs.push_back(job);
    }

    /// Reads the next jobs. How long until the copies of other clients are to be counted again, where there are any.
    pub(super) async fn read(
        &mut self,
        context: &SendContext,
        state: &DispatchState,
    ) -> Result<Option<Duration>, QueueError> {
        let SendContext { queue, id, run, settings, .. } = context;
        let (now, elapsed) = (context.clock.now(), context.clock.elapsed());
        // In this order: a job that is released between the two is counted twice rather than not at all.
        let reserved = context.reservations.snapshot();
        let load = queue.load(*id).await?;
        self.queued = load.queued > 0;
        let others = if self.queued { queue.copies_of_others(*id, now).await? } else { 0 };
        // A record that shows no end is not counted for ever, and nothing announces when that is over.
        let count_again = (others > 0).then_some(COUNT_OTHERS_EVERY);
        let reserved_copies = reserved.values().map(|weight| u64::from(*weight)).sum::<u64>();
        let taken = load.in_flight.saturating_add(reserved_copies).saturating_add(others);
        let cap = LoweredCap::in_force(state.cap.as_ref(), u64::from(settings.export.max_in_flight), now);
        self.room = cap.saturating_sub(taken);
        self.jobs.clear();
        if !self.queued || (self.room == 0 && taken > 0) {
            return Ok(count_again);
        }
        let in_trouble = state.health.trouble().is_some();
        let wanted = if in_trouble { PROBING } else { half_a_second(context.limiters.exports.rate()) };
        let limit = wanted.saturating_add(u32::try_from(reserved.len()).unwrap_or(u32::MAX));
        let denied = state.denied_jobs(settings.lane.probe, elapsed);
        let most_denials = if denied == DeniedJobs::WithOthers { u32::MAX } else { 0 };
        let mut found = queue.claimable_after(*id, *run, limit, self.last_batch, most_denials).await?;
        let is_free = |job: &Claimable| !reserved.contains_key(&job.job);
        if denied == DeniedJobs::Last && !found.iter().any(is_free) {
            found = queue.claimable_after(*id, *run, limit, self.last_batch, u32::MAX).await?;
        }
        found.retain(is_free);
        if in_trouble {
            let last = found.iter().position(|job| Some(job.job) == state.last_sent);
            found.rotate_left(last.map_or(0, |place| place + 1));
            found.truncate(1);
        }
        self.jobs.extend(found);
        if taken == 0
            && let Some(first) = self.jobs.front().cloned()
        {
            self.make_room_for(&first);
        }
        Ok(count_again)
    }

    /// A job that is heavier than the whole cap goes when nothing else is in progress.
    fn make_room_for(&mut self, job: &Claimable) {
        self.room = self.room.max(u64::from(job.weight));
    }
}

/// Half a second's worth of jobs, so that a pause, a cancellation or a higher priority soon takes effect.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what is read ahead")]
fn half_a_second(rate: f64) -> u32 {
    (rate / 2.0).clamp(1.0, f64::from(MOST)) as u32
}

//! How far Lightsail's lists lag behind its responses. A lag that was seen stretches the lane's reconciliation window for a
//! while. It is measured by the monotonic clock within a run, and only where a reading missed what had been accepted: that
//! nothing was read is no lag.

use super::lane_context::TrackingContext;
use super::lists::{Completeness, LaneListReader, ReadError, RecordsWanted};
use super::tracker_state::TrackerState;
use crate::domain::{AbsenceRule, JobId, ListDelay, reconciliation_window};
use crate::queue::{FollowedAttempt, QueueError};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Exports that are watched at once: more would say nothing more about the lists.
const WATCHED: usize = 500;

/// Exports in progress, those that were sent last, among which the ones to watch are chosen.
const NEWEST: u32 = 1000;

/// An accepted export whose record has not been seen.
#[derive(Debug)]
struct AwaitedRecord {
    answered: Duration,
    /// When the last reading began that did not show it.
    missed: Option<Duration>,
}

/// The accepted exports whose records have not been seen.
#[derive(Debug, Default)]
pub(super) struct UnseenExports {
    awaited: HashMap<(JobId, u32), AwaitedRecord>,
    measured_at: Option<Duration>,
}

impl UnseenExports {
    fn jobs(&self) -> Vec<JobId> {
        self.awaited.keys().map(|(job, _)| *job).collect()
    }
}

/// The lag of a lane's lists.
pub(super) struct ListLag {
    context: Arc<TrackingContext>,
    /// The longest, as it stands in the store.
    longest: Mutex<ListDelay>,
    /// Unconfirmed attempts for which Lightsail's records show a candidate that need not be theirs. After a restart the first
    /// decision that leaves one open notes it again.
    candidates: Mutex<HashSet<(JobId, u32)>>,
}

impl ListLag {
    pub(super) fn new(context: Arc<TrackingContext>) -> Self {
        let longest = Mutex::new(context.lane.delay);
        Self { context, longest, candidates: Mutex::default() }
    }

    /// Takes over what the store says.
    pub(super) fn refresh(&self, longest: ListDelay) {
        *self.longest.lock().unwrap_or_else(PoisonError::into_inner) = longest;
    }

    fn longest(&self) -> ListDelay {
        *self.longest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reconciliation window of an attempt that is intended now.
    pub(super) fn window(&self) -> Duration {
        reconciliation_window(self.context.settings.reconcile.settle, self.longest(), self.context.clock.now())
    }

    /// The reconciliation window of an attempt: as it was when the attempt was intended, though it has faded or was reset since.
    pub(super) fn window_of(&self, attempt: &FollowedAttempt) -> Duration {
        reconciliation_window(self.context.settings.reconcile.settle, self.longest(), attempt.intended_at)
            .max(attempt.kept_window)
    }

    pub(super) fn absence_rule(&self) -> AbsenceRule {
        AbsenceRule { checks: self.context.settings.reconcile.looks, window: self.window() }
    }

    /// The usual time between two absence checks.
    pub(super) fn between_checks(&self) -> Duration {
        self.absence_rule().until_next(1, Duration::ZERO)
    }

    /// No check is ever put off further than this: one that is was put off before the clock was set back.
    pub(super) fn longest_wait(&self) -> Duration {
        let settings = &self.context.settings;
        settings.poll.max.max(self.window()).max(settings.export.attempt_timeout).saturating_mul(2)
    }

    pub(super) fn note_candidate(&self, attempt: (JobId, u32)) {
        self.candidates.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt);
    }

    /// Whether there was a candidate for the attempt.
    pub(super) fn forget_candidate(&self, attempt: (JobId, u32)) -> bool {
        self.candidates.lock().unwrap_or_else(PoisonError::into_inner).remove(&attempt)
    }

    /// Reads the records for what is wanted, and measures the lag while it does.
    pub(super) async fn read_records(
        &self,
        reader: &LaneListReader,
        wanted: RecordsWanted,
        state: &mut TrackerState,
    ) -> Result<(), ReadError> {
        let began = self.context.clock.elapsed();
        self.before_reading(&mut state.watch).await?;
        let (pages, reading) = reader.read_records(wanted).await?;
        state.pages = pages;
        if reading == Completeness::Complete {
            state.read_through_at = Some(began);
        }
        Ok(self.after_reading(&mut state.watch, began, reading).await?)
    }

    /// Notes which exports a reading of the records, which begins now, may show.
    async fn before_reading(&self, watch: &mut UnseenExports) -> Result<(), QueueError> {
        let (began, now) = (self.context.clock.elapsed(), self.context.clock.now());
        let unseen =
            self.context.queue.unseen_exports(self.context.lane.id, self.context.run, NEWEST, &watch.jobs()).await?;
        // A response that is older would have been met by the reading before.
        let most = began.saturating_sub(watch.measured_at.unwrap_or_default());
        watch.measured_at = Some(began);
        let before: HashSet<(JobId, u32)> = unseen.iter().map(|(job, attempt, _)| (*job, *attempt)).collect();
        watch.awaited.retain(|one, _| before.contains(one));
        for (job, attempt, answered_at) in unseen {
            if watch.awaited.len() >= WATCHED {
                break;
            }
            let answered = began.saturating_sub(now.since(answered_at).min(most));
            watch.awaited.entry((job, attempt)).or_insert(AwaitedRecord { answered, missed: None });
        }
        Ok(())
    }

    /// Learns from what that reading showed and an earlier one had missed.
    async fn after_reading(
        &self,
        watch: &mut UnseenExports,
        began: Duration,
        reading: Completeness,
    ) -> Result<(), QueueError> {
        if watch.awaited.is_empty() {
            return Ok(());
        }
        let ended = self.context.clock.elapsed();
        let unseen =
            self.context.queue.unseen_exports(self.context.lane.id, self.context.run, 0, &watch.jobs()).await?;
        let still: HashSet<(JobId, u32)> = unseen.into_iter().map(|(job, attempt, _)| (job, attempt)).collect();
        let mut longest = Duration::ZERO;
        watch.awaited.retain(|one, awaited| {
            if still.contains(one) {
                // A reading that ended early may not have come to it.
                if reading == Completeness::Complete {
                    awaited.missed = Some(began);
                }
                return true;
            }
            // Between two readings further apart than polls are, nothing is known.
            if let Some(missed) = awaited.missed {
                let seen = ended.min(missed.saturating_add(self.context.settings.poll.max));
                longest = longest.max(seen.saturating_sub(awaited.answered));
            }
            false
        });
        self.learn(longest).await
    }

    /// Learns from an attempt that was found after absence checks that did not show it.
    pub(super) async fn learn_from_checks(&self, attempt: &FollowedAttempt) -> Result<(), QueueError> {
        let (Some(first), Some(last)) = (attempt.first_check_at, attempt.last_check_at) else { return Ok(()) };
        // Each check came a known time after the one before, whatever the time of day was.
        let counted = self.between_checks().saturating_mul(attempt.absence_checks.saturating_sub(1));
        self.learn(last.since(first).min(counted)).await
    }

    async fn learn(&self, delay: Duration) -> Result<(), QueueError> {
        let now = self.context.clock.now();
        let seen = ListDelay { longest: delay, seen_at: Some(now) };
        {
            let mut known = self.longest.lock().unwrap_or_else(PoisonError::into_inner);
            // Hardly more than what fades anyway is not worth a write.
            if delay <= known.at(now).mul_f64(1.05) {
                return Ok(());
            }
            *known = seen;
        }
        self.context.queue.learn_delay(self.context.lane.id, seen).await?;
        if self.window() > self.context.settings.reconcile.settle {
            tracing::info!(
                lane = %self.context.lane.lane, delay = ?delay, window = ?self.window(),
                "Lightsail's lists lag behind; the reconciliation window is longer for a while"
            );
        }
        Ok(())
    }
}

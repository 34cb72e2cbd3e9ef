//! How long Lightsail's lists lag behind its answers: a delay that was seen stretches the reconciliation window of the
//! lane, for a while. Measured by a clock that nobody sets, within a run, and only where a reading did miss what was accepted:
//! that nobody looked is no delay.

use super::reading::{Reading, Unread, Wanted};
use super::tracker::{Rounds, Tracker};
use crate::domain::{JobId, ListDelay, settle_window};
use crate::queue::FollowedAttempt;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Exports that are watched at once: more say nothing more of the lists.
const WATCHED: usize = 500;

/// Exports under way, those that were sent last, among which those are sought that are to be watched.
const NEWEST: u32 = 1000;

/// An accepted export whose record is not in sight.
#[derive(Debug)]
pub(super) struct Awaited {
    answered: Duration,
    /// When the last reading began that did not show it.
    missed: Option<Duration>,
}

/// Unknown attempts beside which something was in sight that could not be told to be theirs yet. After a restart the first
/// decision that leaves one open notes it anew.
#[derive(Debug, Default)]
pub(super) struct InSight(Mutex<HashSet<(JobId, u32)>>);

impl InSight {
    pub(super) fn note(&self, attempt: (JobId, u32)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt);
    }

    /// Whether it was among them.
    pub(super) fn forget(&self, attempt: (JobId, u32)) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&attempt)
    }
}

impl Tracker {
    /// How late the lists were seen to be.
    fn delay(&self) -> ListDelay {
        *self.delay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reconciliation window of an attempt that is intended now.
    pub(super) fn settle_window(&self) -> Duration {
        settle_window(self.settings.settle, self.delay(), self.clock.now())
    }

    /// That of an attempt: what it was when the attempt was intended, though it has faded or was reset since.
    pub(super) fn window_of(&self, attempt: &FollowedAttempt) -> Duration {
        settle_window(self.settings.settle, self.delay(), attempt.intended_at).max(attempt.kept_window)
    }

    /// Reads the records for what is wanted, and measures what it brings into sight that an earlier reading missed.
    pub(super) async fn read_records_measured(&self, rounds: &mut Rounds, mut wanted: Wanted) -> Result<(), Unread> {
        let began = self.clock.elapsed();
        let now = self.clock.now();
        let unseen = self.queue.unseen(self.lane.id, self.run, NEWEST, &watched(rounds)).await?;
        // An answer that is older would have been met by the reading before.
        let most = began.saturating_sub(rounds.measured_at.unwrap_or_default());
        rounds.measured_at = Some(began);
        let before: HashSet<(JobId, u32)> = unseen.iter().map(|(job, attempt, _)| (*job, *attempt)).collect();
        rounds.awaited.retain(|one, _| before.contains(one));
        for (job, attempt, answered_at) in unseen {
            if rounds.awaited.len() >= WATCHED {
                break;
            }
            let answered = began.saturating_sub(now.since(answered_at).min(most));
            rounds.awaited.entry((job, attempt)).or_insert(Awaited { answered, missed: None });
        }
        let (pages, reading) = self.read_records_for(&mut wanted).await?;
        rounds.pages = pages;
        if reading == Reading::Complete {
            rounds.read_through_at = Some(began);
        }
        if rounds.awaited.is_empty() {
            return Ok(());
        }
        let ended = self.clock.elapsed();
        let unseen = self.queue.unseen(self.lane.id, self.run, 0, &watched(rounds)).await?;
        let still: HashSet<(JobId, u32)> = unseen.into_iter().map(|(job, attempt, _)| (job, attempt)).collect();
        let mut longest = Duration::ZERO;
        rounds.awaited.retain(|one, awaited| {
            if still.contains(one) {
                // One that stopped early may not have come to it.
                if reading == Reading::Complete {
                    awaited.missed = Some(began);
                }
                return true;
            }
            // Between two readings further apart than polls are, nothing is known.
            if let Some(missed) = awaited.missed {
                let seen = ended.min(missed.saturating_add(self.settings.poll_max));
                longest = longest.max(seen.saturating_sub(awaited.answered));
            }
            false
        });
        self.learn_delay(longest).await
    }

    /// What it says of the lists that an attempt was found after looks that did not show it.
    pub(super) async fn learn_from_looks(&self, attempt: &FollowedAttempt) -> Result<(), Unread> {
        let (Some(first), Some(last)) = (attempt.first_look_at, attempt.last_look_at) else { return Ok(()) };
        // Each look came a known distance after the one before, whatever the time of day was.
        let counted = self.between_looks().saturating_mul(attempt.looks.saturating_sub(1));
        self.learn_delay(last.since(first).min(counted)).await
    }

    async fn learn_delay(&self, delay: Duration) -> Result<(), Unread> {
        let seen = ListDelay { longest: delay, seen_at: Some(self.clock.now()) };
        {
            let mut known = self.delay.lock().unwrap_or_else(PoisonError::into_inner);
            // What is hardly longer than what fades anyway is not worth a write.
            if delay <= known.at(self.clock.now()).mul_f64(1.05) {
                return Ok(());
            }
            *known = seen;
        }
        self.queue.learn_delay(self.lane.id, seen).await?;
        if self.settle_window() > self.settings.settle {
            tracing::info!(
                lane = %self.lane.lane, delay = ?delay, window = ?self.settle_window(),
                "Lightsail's lists lag behind: the reconciliation window is longer for a while"
            );
        }
        Ok(())
    }
}

fn watched(rounds: &Rounds) -> Vec<JobId> {
    rounds.awaited.keys().map(|(job, _)| *job).collect()
}

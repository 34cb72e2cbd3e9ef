//! How long jobs have been in their states, by a clock that nobody sets. What is stored is times of day: they are trusted
//! once, when a job is met, and only as far as they are not in the future; from there on this run counts by itself.

use crate::domain::{JobId, JobState, Timestamp};
use crate::queue::{Followed, FollowedAttempt};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The jobs that were met in this run; all of it may be lost.
#[derive(Debug, Default)]
pub(super) struct Ages {
    /// By job and by the stored time at which its state began, which tells one stay from another.
    met: Mutex<HashMap<(JobId, Timestamp), Met>>,
    /// The looks at an attempt: setting the clock spreads them no further.
    looked: Mutex<HashMap<(JobId, u32), Looked>>,
}

#[derive(Debug)]
struct Looked {
    last: Timestamp,
    at: Duration,
    spread: Duration,
}

#[derive(Debug)]
struct Met {
    at: Duration,
    age: Duration,
    asked: Duration,
}

impl Ages {
    /// Puts the job's times so that by `now` as much has passed as a clock that nobody sets has counted.
    pub(super) fn steady(&self, mut job: Followed, now: Timestamp, elapsed: Duration) -> Followed {
        if !matches!(job.state, JobState::Exporting | JobState::Unknown) {
            return job;
        }
        let mut ages = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let met = ages.entry((job.job, job.since)).or_insert_with(|| Met {
            at: elapsed,
            age: now.since(job.since),
            asked: elapsed,
        });
        met.asked = elapsed;
        job.since = now.before(met.age.saturating_add(elapsed.saturating_sub(met.at)));
        if job.state == JobState::Exporting
            && let Some(last) = job.attempts.last_mut()
        {
            // It was meant before that; how long before, no clock needs to say.
            last.intended_at = job.since;
        }
        if job.state == JobState::Unknown
            && let Some(last) = job.attempts.last_mut()
        {
            self.spread(job.job, last, elapsed);
        }
        job
    }

    /// Puts an attempt's first look as long before the last as this run has counted.
    fn spread(&self, job: JobId, attempt: &mut FollowedAttempt, elapsed: Duration) {
        let (Some(first), Some(last)) = (attempt.first_look_at, attempt.last_look_at) else { return };
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let looked =
            looked.entry((job, attempt.number)).or_insert(Looked { last, at: elapsed, spread: last.since(first) });
        if looked.last != last {
            let passed = elapsed.saturating_sub(looked.at);
            let spread = if attempt.looks > 1 { looked.spread.saturating_add(passed) } else { Duration::ZERO };
            *looked = Looked { last, at: elapsed, spread };
        }
        // A tenth more is borne, as of the distance between two looks: for clocks that are slewed, and for what is read
        // between the look and here.
        let most = looked.spread.mul_f64(10.0 / 9.0);
        attempt.first_look_at = Some(last.before(last.since(first).min(most)));
    }

    /// Forgets the jobs that nobody has asked for in `span`.
    pub(super) fn forget(&self, elapsed: Duration, span: Duration) {
        let mut ages = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        ages.retain(|_, met| elapsed.saturating_sub(met.asked) < span);
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.retain(|_, looked| elapsed.saturating_sub(looked.at) < span);
    }
}

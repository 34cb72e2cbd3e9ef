//! How long jobs have been asked to wait ("Please try again later"), by the monotonic clock as far as this run goes.

use crate::clock::MonotonicAges;
use crate::domain::{JobId, RetryPolicy, Timestamp, backoff};
use crate::queue::{Queue, QueueError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The jobs that this run has met while they wait.
#[derive(Debug, Default)]
pub struct RetryWaits(Mutex<MonotonicAges<JobId>>);

impl RetryWaits {
    /// When a job that was asked to wait is sent again; none once it has waited for `give_up`. So it is bounded by time, and not
    /// by its attempts.
    pub async fn next_try(
        &self,
        queue: &Queue,
        job: JobId,
        policy: &RetryPolicy,
        give_up: Duration,
        (now, elapsed): (Timestamp, Duration),
    ) -> Result<Option<Timestamp>, QueueError> {
        let (times, first) = queue.refused_for_now(job).await?;
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if times == 0 {
            waits.forget(&job);
        }
        let stored = first.map_or(Duration::ZERO, |first| now.since(first));
        if waits.age(job, stored, elapsed) >= give_up {
            waits.forget(&job);
            return Ok(None);
        }
        // "In a few minutes", says Lightsail: the short waits of the first retries would be calls in vain.
        let wait = backoff(policy, times.saturating_add(5), 0.5 + fastrand::f64() / 2.0);
        Ok(Some(now.after(wait)))
    }
}

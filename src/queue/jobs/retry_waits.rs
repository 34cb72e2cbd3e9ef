//! How long a job waits that was told to wait ("Please try again later").

use crate::domain::{JobId, RetryPolicy, Timestamp, backoff};
use crate::queue::{Queue, QueueError};
use std::time::Duration;

/// A job that has waited long waits this part of it once more: where thousands wait, they are called ever more rarely.
const PART: u32 = 8;

/// The longest of these waits.
pub fn longest_retry_wait(policy: &RetryPolicy, give_up: Duration) -> Duration {
    policy.max.max(give_up / PART)
}

impl Queue {
    /// When a job that was asked to wait is sent again; none once it has waited for `give_up`. So it is bounded by time, and not
    /// by its attempts. Each wait counts for at most twice the longest: while the daemon is stopped or the lane paused, the job is
    /// not refused.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn next_try(
        &self,
        job: JobId,
        policy: &RetryPolicy,
        give_up: Duration,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, QueueError> {
        let (times, waited) =
            self.refused_for_now(job, longest_retry_wait(policy, give_up).saturating_mul(2), now).await?;
        if waited >= give_up {
            return Ok(None);
        }
        // "In a few minutes", says Lightsail: the short waits of the first retries would be calls in vain.
        let wait = backoff(policy, times.saturating_add(5), 0.5 + fastrand::f64() / 2.0);
        Ok(Some(now.after(wait.max(waited / PART))))
    }
}

//! How long jobs have been asked to wait ("Please try again later"), by the monotonic clock as far as this run goes.

use crate::domain::{JobId, Timestamp, backoff};
use crate::queue::QueueError;
use crate::tracking::lane_context::LaneContext;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// For each job when this run first met its wait, and how long it had lasted by then.
#[derive(Debug, Default)]
pub(in crate::tracking) struct RetryWaits(Mutex<HashMap<JobId, (Duration, Duration)>>);

impl RetryWaits {
    /// When a job may be sent again that was asked to wait; none once it has waited for `poll.give_up`.
    pub(in crate::tracking) async fn next_try(
        &self,
        context: &LaneContext,
        job: JobId,
    ) -> Result<Option<Timestamp>, QueueError> {
        let (times, first) = context.queue.refused_for_now(job).await?;
        let (now, elapsed) = (context.clock.now(), context.clock.elapsed());
        {
            let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if times == 0 {
                waits.remove(&job);
            }
            let (met_at, age) =
                *waits.entry(job).or_insert((elapsed, first.map_or(Duration::ZERO, |first| now.since(first))));
            if age.saturating_add(elapsed.saturating_sub(met_at)) >= context.settings.give_up {
                waits.remove(&job);
                return Ok(None);
            }
        }
        // "In a few minutes", says Lightsail: the short waits of the first retries would be calls in vain.
        let wait = backoff(&context.settings.retry, times.saturating_add(5), 0.5 + fastrand::f64() / 2.0);
        Ok(Some(now.after(wait)))
    }
}

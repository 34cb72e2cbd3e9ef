//! What a start finds of the run before it: whether that ended, and the calls that it had in progress.

use crate::domain::{ErrorCode, Event, Failure, JobId, JobState, JobVersion, RunId, Timestamp};
use crate::points::Step;
use crate::queue::Queue;
use crate::queue::queue_error::QueueError;
use crate::queue::{AttemptAnswer, AttemptOutcome, Transition};

impl Queue {
    /// Makes every job that an earlier run left in `submitting` unknown, as it may have been sent; this uses no attempt. Returns how
    /// many there were.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn recover(&self, now: Timestamp) -> Result<usize, QueueError> {
        let mut recovered = 0;
        loop {
            let left = sqlx::query!(
                r#"SELECT id AS "id!: JobId", attempt AS "attempt!: u32", used AS "used!: u32" FROM jobs
                   WHERE state = 'submitting' AND lane_id IN (SELECT id FROM lanes) LIMIT 1000"#
            )
            .fetch_all(&self.readers)
            .await?;
            if left.is_empty() {
                return Ok(recovered);
            }
            recovered += left.len();
            let failure = Failure::new(
                ErrorCode::INTERRUPTED,
                "Snapferry ended between the intent and the response; the attempt is reconciled with Lightsail's records",
            );
            let transitions = left
                .into_iter()
                .map(|row| {
                    let (attempt, used) = (row.attempt, row.used);
                    let version = JobVersion { state: JobState::Submitting, attempt, used, max_attempts: u32::MAX };
                    let event = Event::OutcomeUnknownInOutage(failure.clone());
                    let answer = AttemptAnswer {
                        outcome: AttemptOutcome::Ambiguous,
                        http_status: None,
                        request_id: None,
                        failure: Some(failure.clone()),
                    };
                    Ok(Transition::new(row.id, &version, event, now, "daemon")?
                        .answered(answer, Vec::new())
                        .named(Step::Recovered)
                        .poll_at(now))
                })
                .collect::<Result<Vec<_>, QueueError>>()?;
            for verdict in self.transition_all(transitions).await {
                verdict?;
            }
        }
    }

    /// The run before `run`, if it did not end in order.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn crashed_run(&self, run: RunId) -> Result<Option<RunId>, QueueError> {
        let crashed = sqlx::query_scalar!(
            r#"SELECT id AS "id!: RunId" FROM runs WHERE id < ?1 AND ended_at IS NULL
               AND id = (SELECT max(id) FROM runs WHERE id < ?1)"#,
            run.0
        );
        Ok(crashed.fetch_optional(&self.readers).await?)
    }
}

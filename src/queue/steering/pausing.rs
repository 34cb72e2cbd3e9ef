//! Pauses of whole batches and lanes, and what they hold back. Each pause is a row of its own, which is kept when it has ended.

use crate::domain::{BatchId, JobId, LaneId, Timestamp};
use crate::points::Step;
use crate::queue::Queue;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::json;

/// A pause of a batch or of a lane, ended or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastPause {
    /// Whether it was a batch's; else it was the lane's.
    pub of_batch: bool,
    /// When it began.
    pub paused_at: Timestamp,
    /// Who paused.
    pub paused_by: String,
    /// When it was ended; nothing while it lasts.
    pub resumed_at: Option<Timestamp>,
    /// Who resumed.
    pub resumed_by: Option<String>,
}

impl Queue {
    /// Pauses whole batches and lanes; how many were not paused before. It takes effect with its commit: nothing of them is sent
    /// after that, not even what was claimed before. Triggers mark the batches and lanes, and wake the lanes.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails; then none of them is paused.
    pub async fn pause(
        &self,
        batches: &[BatchId],
        lanes: &[LaneId],
        at: Timestamp,
        actor: &str,
    ) -> Result<u64, QueueError> {
        let (batches, lanes) = (json(batches)?, json(lanes)?);
        let paused = sqlx::query!(
            "INSERT INTO pauses (batch_id, lane_id, paused_at, paused_by)
             SELECT id, NULL, ?3, ?4 FROM batches
             WHERE paused_at IS NULL AND id IN (SELECT value FROM json_each(?1))
             UNION ALL
             SELECT NULL, id, ?3, ?4 FROM lanes
             WHERE paused_at IS NULL AND id IN (SELECT value FROM json_each(?2))",
            batches,
            lanes,
            at.0,
            actor
        );
        self.writer.execute(Step::PlacePaused, [paused]).await
    }

    /// Resumes batches and lanes, whether a person paused them or a circuit breaker is open; how many pauses and breakers that
    /// ended. Jobs that were paused individually stay paused.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails; then none of them is resumed.
    pub async fn resume(
        &self,
        batches: &[BatchId],
        lanes: &[LaneId],
        at: Timestamp,
        actor: &str,
    ) -> Result<u64, QueueError> {
        let (batches, lanes) = (json(batches)?, json(lanes)?);
        let resumed = sqlx::query!(
            "UPDATE pauses SET resumed_at = ?3, resumed_by = ?4
             WHERE resumed_at IS NULL AND (batch_id IN (SELECT value FROM json_each(?1))
                                           OR lane_id IN (SELECT value FROM json_each(?2)))",
            batches,
            lanes,
            at.0,
            actor
        );
        let closed = sqlx::query!(
            "UPDATE breaker_openings SET closed_at = ?3, closed_by = ?4
             WHERE closed_at IS NULL AND (batch_id IN (SELECT value FROM json_each(?1))
                                          OR (batch_id IS NULL AND lane_id IN (SELECT value FROM json_each(?2))))",
            batches,
            lanes,
            at.0,
            actor
        );
        self.writer.execute(Step::PlaceResumed, [resumed, closed]).await
    }

    /// The pauses of its batch and its lane since a job was queued, the oldest first.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn matching_pauses(&self, job: JobId) -> Result<Vec<PastPause>, QueueError> {
        let pauses = sqlx::query_as!(
            PastPause,
            r#"SELECT pauses.batch_id IS NOT NULL AS "of_batch!: bool", pauses.paused_at AS "paused_at!: Timestamp",
                      pauses.paused_by AS "paused_by!", resumed_at AS "resumed_at: Timestamp", resumed_by
               FROM jobs JOIN pauses ON pauses.batch_id = jobs.batch_id OR pauses.lane_id = jobs.lane_id
               WHERE jobs.id = ?1 AND (resumed_at IS NULL OR resumed_at >= jobs.queued_at)
               ORDER BY pauses.paused_at, pauses.id"#,
            job.0
        );
        Ok(pauses.fetch_all(&self.readers).await?)
    }

    /// How many jobs of a batch, or of these lanes, are paused individually.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn paused_jobs(&self, batch: Option<BatchId>, lanes: &[LaneId]) -> Result<u64, QueueError> {
        let (batch, lanes) = (batch.map(|batch| batch.0), json(lanes)?);
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!: u64" FROM lanes CROSS JOIN jobs
                   ON jobs.lane_id = lanes.id AND jobs.paused_at IS NOT NULL
               WHERE jobs.batch_id = ?1 OR (?1 IS NULL AND lanes.id IN (SELECT value FROM json_each(?2)))"#,
            batch,
            lanes
        );
        Ok(count.fetch_one(&self.readers).await?)
    }

    /// Whether a lane has no queued job left that could show whether a denial is the lane's: all were denied themselves, or wait
    /// for a person or behind an open breaker.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn no_probe_left(&self, lane: LaneId) -> Result<bool, QueueError> {
        let none = sqlx::query_scalar!(
            r#"WITH sending AS (
                   SELECT id FROM batches
                   WHERE state = 'sealed' AND paused_at IS NULL
                     AND NOT EXISTS (SELECT 1 FROM breaker_openings WHERE lane_id = ?1 AND closed_at IS NULL
                                     AND (batch_id IS NULL OR batch_id = batches.id)))
               SELECT (SELECT count(*) FROM jobs JOIN sending ON sending.id = jobs.batch_id
                       WHERE jobs.lane_id = ?1 AND jobs.state = 'queued' AND jobs.denials > 0 AND jobs.paused_at IS NULL)
                    + (SELECT count(*) FROM jobs JOIN sending ON sending.id = jobs.batch_id
                       WHERE jobs.lane_id = ?1 AND jobs.paused_at IS NOT NULL)
                   >= (SELECT coalesce(sum(job_counts.jobs), 0) FROM job_counts JOIN sending ON sending.id = job_counts.batch_id
                       WHERE job_counts.lane_id = ?1 AND job_counts.state = 'queued') AS "none!: bool""#,
            lane.0
        );
        Ok(none.fetch_one(&self.readers).await?)
    }
}

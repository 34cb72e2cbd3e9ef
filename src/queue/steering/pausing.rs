//! Pauses of whole batches and lanes, and what they hold back. Each pause is a row of its own that outlives it.

use crate::domain::{BatchId, JobId, LaneId, Timestamp};
use crate::points::Step;
use crate::queue::Queue;
use crate::queue::error::QueueError;
use crate::queue::jobs::wakers::add_wake_ups;
use crate::queue::sqlite::decode::{self, json};

/// A pause of a batch or of a lane, gone or still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastPause {
    /// The batch, where it was one.
    pub batch: Option<BatchId>,
    /// The lane, where it was one.
    pub lane: Option<LaneId>,
    /// When it began.
    pub paused_at: Timestamp,
    /// Who began it.
    pub paused_by: String,
    /// When and by whom it was ended; nothing while it lasts.
    pub resumed: Option<(Timestamp, String)>,
}

impl Queue {
    /// Pauses batches and lanes as a whole; how many were not paused before. It takes effect with its commit: nothing
    /// of them is sent after that, not even what was claimed before.
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
        let (batches, lanes, actor) = (json(batches)?, json(lanes)?, actor.to_owned());
        self.writer
            .write(Step::PlacePaused, move |connection| {
                Box::pin(async move {
                    let noted = sqlx::query!(
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
                    )
                    .execute(&mut *connection)
                    .await?;
                    sqlx::query!(
                        "UPDATE batches SET paused_at = ?2, paused_by = ?3
                         WHERE paused_at IS NULL AND id IN (SELECT value FROM json_each(?1))",
                        batches,
                        at.0,
                        actor
                    )
                    .execute(&mut *connection)
                    .await?;
                    sqlx::query!(
                        "UPDATE lanes SET paused_at = ?2, paused_by = ?3
                         WHERE paused_at IS NULL AND id IN (SELECT value FROM json_each(?1))",
                        lanes,
                        at.0,
                        actor
                    )
                    .execute(&mut *connection)
                    .await?;
                    add_wake_ups(connection, &lanes, &batches).await?;
                    Ok(noted.rows_affected())
                })
            })
            .await
    }

    /// Lets batches and lanes go on, whoever has stopped them; how many stops were lifted. Jobs that were paused one by one
    /// stay so.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails; then none of them goes on.
    pub async fn resume(
        &self,
        batches: &[BatchId],
        lanes: &[LaneId],
        at: Timestamp,
        actor: &str,
    ) -> Result<u64, QueueError> {
        let (batches, lanes, actor) = (json(batches)?, json(lanes)?, actor.to_owned());
        self.writer
            .write(Step::PlaceResumed, move |connection| {
                Box::pin(async move {
                    sqlx::query!(
                        "UPDATE pauses SET resumed_at = ?3, resumed_by = ?4
                         WHERE resumed_at IS NULL AND (batch_id IN (SELECT value FROM json_each(?1))
                                                       OR lane_id IN (SELECT value FROM json_each(?2)))",
                        batches,
                        lanes,
                        at.0,
                        actor
                    )
                    .execute(&mut *connection)
                    .await?;
                    let of_batches = sqlx::query!(
                        "UPDATE batches SET paused_at = NULL, paused_by = NULL
                         WHERE paused_at IS NOT NULL AND id IN (SELECT value FROM json_each(?1))",
                        batches
                    )
                    .execute(&mut *connection)
                    .await?;
                    let of_lanes = sqlx::query!(
                        "UPDATE lanes SET paused_at = NULL, paused_by = NULL
                         WHERE paused_at IS NOT NULL AND id IN (SELECT value FROM json_each(?1))",
                        lanes
                    )
                    .execute(&mut *connection)
                    .await?;
                    let openings = sqlx::query_scalar!(
                        r#"SELECT json_group_array(id) AS "openings!: String" FROM breaker_openings
                           WHERE closed_at IS NULL AND (batch_id IN (SELECT value FROM json_each(?1))
                               OR (batch_id IS NULL AND lane_id IN (SELECT value FROM json_each(?2))))"#,
                        batches,
                        lanes
                    )
                    .fetch_one(&mut *connection)
                    .await?;
                    let closed = crate::queue::lanes::breakers::close(connection, &openings, at, &actor).await?;
                    add_wake_ups(connection, &lanes, &batches).await?;
                    Ok(of_batches.rows_affected() + of_lanes.rows_affected() + closed)
                })
            })
            .await
    }

    /// The pauses that a job has met with its batch and its lane since it was queued, the oldest first.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn matching_pauses(&self, job: JobId) -> Result<Vec<PastPause>, QueueError> {
        let rows = sqlx::query!(
            r#"SELECT pauses.batch_id AS "batch_id: i64", pauses.lane_id AS "lane_id: i64",
                      pauses.paused_at AS "paused_at!: i64", paused_by AS "paused_by!: String",
                      resumed_at AS "resumed_at: i64", resumed_by
               FROM jobs JOIN pauses ON pauses.batch_id = jobs.batch_id OR pauses.lane_id = jobs.lane_id
               WHERE jobs.id = ?1 AND (resumed_at IS NULL OR resumed_at >= jobs.queued_at)
               ORDER BY pauses.paused_at, pauses.id"#,
            job.0
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| PastPause {
                batch: row.batch_id.map(BatchId),
                lane: row.lane_id.map(LaneId),
                paused_at: Timestamp(row.paused_at),
                paused_by: row.paused_by,
                resumed: row.resumed_at.map(Timestamp).zip(row.resumed_by),
            })
            .collect())
    }

    /// The jobs that are paused one by one, of a batch or of lanes.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn paused_jobs(&self, batch: Option<BatchId>, lanes: &[LaneId]) -> Result<u64, QueueError> {
        let (batch, lanes) = (batch.map(|batch| batch.0), json(lanes)?);
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!: i64" FROM lanes CROSS JOIN jobs
                   ON jobs.lane_id = lanes.id AND jobs.paused_at IS NOT NULL
               WHERE jobs.batch_id = ?1 OR (?1 IS NULL AND lanes.id IN (SELECT value FROM json_each(?2)))"#,
            batch,
            lanes
        )
        .fetch_one(&self.readers)
        .await?;
        decode::count("a count of jobs", count)
    }

    /// Whether a lane has no queued job left that could tell whose trouble a denial is: all were denied themselves, or wait for
    /// a person or behind an open breaker.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn no_probe_left(&self, lane: LaneId) -> Result<bool, QueueError> {
        let found = sqlx::query!(
            r#"SELECT (SELECT count(*) FROM jobs JOIN batches ON batches.id = jobs.batch_id
                       WHERE jobs.lane_id = ?1 AND jobs.state = 'queued' AND jobs.denials > 0
                         AND jobs.paused_at IS NULL
                         AND batches.state = 'sealed' AND batches.paused_at IS NULL
                         AND NOT EXISTS (SELECT 1 FROM breaker_openings WHERE lane_id = ?1 AND closed_at IS NULL
                                         AND (batch_id IS NULL OR batch_id = batches.id))) AS "denied!: i64",
                      (SELECT count(*) FROM jobs JOIN batches ON batches.id = jobs.batch_id
                       WHERE jobs.lane_id = ?1 AND jobs.paused_at IS NOT NULL
                         AND batches.state = 'sealed' AND batches.paused_at IS NULL
                         AND NOT EXISTS (SELECT 1 FROM breaker_openings WHERE lane_id = ?1 AND closed_at IS NULL
                                         AND (batch_id IS NULL OR batch_id = batches.id))) AS "paused!: i64",
                      (SELECT coalesce(sum(job_counts.jobs), 0) FROM job_counts JOIN batches ON batches.id = job_counts.batch_id
                       WHERE job_counts.lane_id = ?1 AND job_counts.state = 'queued'
                         AND batches.state = 'sealed' AND batches.paused_at IS NULL
                         AND NOT EXISTS (SELECT 1 FROM breaker_openings WHERE lane_id = ?1 AND closed_at IS NULL
                                         AND (batch_id IS NULL OR batch_id = batches.id))) AS "queued!: i64""#,
            lane.0
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(found.denied.saturating_add(found.paused) >= found.queued)
    }
}

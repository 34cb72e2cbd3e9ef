//! Circuit breakers: what has ended recently, by the counters that a trigger keeps, and which breakers are open. Decisions are made
//! elsewhere; each write here takes effect with its commit, as a pause does.

use crate::domain::{
    BatchId, BatchName, BatchOutcomes, ErrorCode, JobId, LaneId, OpenCause, OpeningId, Outcomes, ProbeState, RunId,
    SnapshotArn, SnapshotName, Timestamp,
};
use crate::points::Step;
use crate::queue::Queue;
use crate::queue::jobs::claims::Claimable;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::{Millis, json};
use std::time::Duration;

/// An open breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerOpening {
    /// Its number.
    pub id: OpeningId,
    /// The lane.
    pub lane: LaneId,
    /// The batch, in that lane; nothing where it is the lane's own breaker.
    pub batch: Option<BatchId>,
    /// That batch's name.
    pub batch_name: Option<BatchName>,
    /// When it opened.
    pub opened_at: Timestamp,
    /// Why it opened.
    pub cause: OpenCause,
    /// The start of its wait for the next probe.
    pub waits_from: Timestamp,
    /// The length of that wait.
    pub wait: Duration,
    /// Its probe: the one job that may be sent.
    pub probe: Option<JobId>,
    /// How that job stands.
    pub probe_state: ProbeState,
    /// Probes that failed.
    pub in_vain: u32,
}

/// A breaker that was open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastOpening {
    /// Whether it was a batch's; else it was the lane's.
    pub of_batch: bool,
    /// When it opened.
    pub opened_at: Timestamp,
    /// Why it opened.
    pub cause: OpenCause,
    /// When it was closed.
    pub closed_at: Timestamp,
    /// By whom: `daemon`, or a person.
    pub closed_by: String,
}

impl BreakerOpening {
    /// Whether it holds back the jobs of a batch in its lane.
    pub fn covers(&self, batch: BatchId) -> bool {
        self.batch.is_none_or(|own| own == batch)
    }
}

impl Queue {
    /// What has ended in a lane since its breaker was last closed, where sealed batches have queued jobs in it, and of each of
    /// its batches with queued jobs there of which some have failed.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn failing(&self, lane: LaneId) -> Result<(Outcomes, Vec<(BatchId, Outcomes)>), QueueError> {
        let rows = sqlx::query!(
            r#"SELECT batch_id AS "batch!: BatchId", json_array(length(recent), failed, code, in_a_row) AS "outcomes!: Outcomes"
               FROM outcomes
               WHERE lane_id = ?1 AND failed > 0
                 AND CASE WHEN batch_id > 0
                     THEN EXISTS (SELECT 1 FROM job_counts
                                  WHERE job_counts.lane_id = ?1 AND job_counts.batch_id = outcomes.batch_id
                                    AND job_counts.state = 'queued' AND job_counts.jobs > 0)
                     ELSE EXISTS (SELECT 1 FROM job_counts
                                  JOIN batches ON batches.id = job_counts.batch_id AND batches.state = 'sealed'
                                  WHERE job_counts.lane_id = ?1 AND job_counts.state = 'queued' AND job_counts.jobs > 0) END
               ORDER BY batch_id"#,
            lane.0
        )
        .fetch_all(&self.readers)
        .await?;
        let (mut of_lane, mut batches) = (Outcomes::default(), Vec::new());
        for row in rows {
            if row.batch == BatchId(0) {
                of_lane = row.outcomes;
            } else {
                batches.push((row.batch, row.outcomes));
            }
        }
        Ok((of_lane, batches))
    }

    /// What has ended of each batch of a lane.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn batch_outcomes(&self, lane: LaneId) -> Result<Vec<BatchOutcomes>, QueueError> {
        let outcomes = sqlx::query_as!(
            BatchOutcomes,
            r#"SELECT json_array(length(recent), failed, code, in_a_row) AS "outcomes!: Outcomes",
                      coalesce((SELECT jobs > 0 FROM job_counts
                                WHERE job_counts.lane_id = ?1 AND job_counts.batch_id = outcomes.batch_id
                                  AND job_counts.state = 'queued'), 0) AS "goes_on!: bool"
               FROM outcomes WHERE lane_id = ?1 AND batch_id > 0"#,
            lane.0
        );
        Ok(outcomes.fetch_all(&self.readers).await?)
    }

    /// The open breakers of a lane, or of all.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn breaker_openings(&self, lane: Option<LaneId>) -> Result<Vec<BreakerOpening>, QueueError> {
        let lane = lane.map(|lane| lane.0);
        let openings = sqlx::query_file_as!(BreakerOpening, "src/queue/sql/breaker_openings.sql", lane);
        Ok(openings.fetch_all(&self.readers).await?)
    }

    /// The breakers of its batch and its lane that were closed since a job was queued, the oldest first.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn matching_openings(&self, job: JobId) -> Result<Vec<PastOpening>, QueueError> {
        let openings = sqlx::query_as!(
            PastOpening,
            r#"SELECT breaker_openings.batch_id IS NOT NULL AS "of_batch!: bool", opened_at AS "opened_at!: Timestamp",
                      json_array(failed, ended, code) AS "cause!: OpenCause", closed_at AS "closed_at!: Timestamp",
                      closed_by AS "closed_by!"
               FROM jobs JOIN breaker_openings ON breaker_openings.lane_id = jobs.lane_id
                   AND (breaker_openings.batch_id IS NULL OR breaker_openings.batch_id = jobs.batch_id)
               WHERE jobs.id = ?1 AND closed_at >= jobs.queued_at ORDER BY breaker_openings.id"#,
            job.0
        );
        Ok(openings.fetch_all(&self.readers).await?)
    }

    /// Jobs that may be probes of open breakers of a lane, given which of these are due. Those that are probes already come first.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn probe_jobs(&self, lane: LaneId, run: RunId, due: &[OpeningId]) -> Result<Vec<Claimable>, QueueError> {
        let due = json(due)?;
        let jobs = sqlx::query_file_as!(Claimable, "src/queue/sql/probe_jobs.sql", lane.0, run.0, due);
        Ok(jobs.fetch_all(&self.readers).await?)
    }

    /// Opens the breaker of a batch in a lane, or of the lane; whether it was closed before.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn open_breaker(
        &self,
        lane: LaneId,
        batch: Option<BatchId>,
        cause: OpenCause,
        at: Timestamp,
        wait: Duration,
    ) -> Result<bool, QueueError> {
        let (batch, wait) = (batch.map(|batch| batch.0), millis(wait));
        let code = cause.code.as_ref().map(ErrorCode::as_str);
        let tripped = sqlx::query!(
            "INSERT INTO breaker_openings (lane_id, batch_id, opened_at, failed, ended, code, waits_from, wait)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?3, ?7)
             ON CONFLICT DO NOTHING",
            lane.0,
            batch,
            at.0,
            cause.failed,
            cause.ended,
            code,
            wait
        );
        self.writer.execute(Step::BreakerOpened, [tripped]).await.map(|rows| rows > 0)
    }

    /// Makes a job the probe of these open breakers.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn choose_probe(&self, openings: &[OpeningId], job: JobId) -> Result<(), QueueError> {
        let openings = json(openings)?;
        let chosen = sqlx::query!(
            "UPDATE breaker_openings SET probe = ?2
             WHERE closed_at IS NULL AND id IN (SELECT value FROM json_each(?1))",
            openings,
            job.0
        );
        self.writer.execute(Step::ProbeChosen, [chosen]).await.map(drop)
    }

    /// The probe failed, in `run`: the breaker stays open, and waits again.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn keep_breaker_open(
        &self,
        opening: OpeningId,
        run: RunId,
        at: Timestamp,
        wait: Duration,
    ) -> Result<(), QueueError> {
        let wait = millis(wait);
        let renewed = sqlx::query!(
            "UPDATE breaker_openings SET probe = NULL, probes = probes + 1, failed_run = ?2, waits_from = ?3, wait = ?4
             WHERE id = ?1 AND closed_at IS NULL",
            opening.0,
            run.0,
            at.0,
            wait
        );
        self.writer.execute(Step::BreakerKeptOpen, [renewed]).await.map(drop)
    }

    /// Closes a breaker automatically; a trigger forgets what has ended there. Whether it was open.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn close_breaker(&self, opening: OpeningId, at: Timestamp) -> Result<bool, QueueError> {
        let closed = sqlx::query!(
            "UPDATE breaker_openings SET closed_at = ?2, closed_by = 'daemon' WHERE id = ?1 AND closed_at IS NULL",
            opening.0,
            at.0
        );
        self.writer.execute(Step::BreakerClosed, [closed]).await.map(|rows| rows > 0)
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

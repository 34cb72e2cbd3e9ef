//! Circuit breakers: what has ended of late, by the counters that a trigger keeps, and which are open. What is done
//! about it is decided elsewhere; each write here takes effect with its commit, as a pause does.

use crate::domain::{
    BatchId, BatchName, BatchOutcomes, ErrorCode, JobId, JobState, LaneId, OpenCause, OpeningId, Outcomes, ProbeState,
    RunId, SnapshotArn, SnapshotName, Timestamp,
};
use crate::points::Step;
use crate::queue::Queue;
use crate::queue::error::QueueError;
use crate::queue::jobs::claims::Claimable;
use crate::queue::sqlite::decode::{self, json};
use sqlx::SqliteConnection;
use std::time::Duration;

/// An open breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerOpening {
    /// Its number.
    pub id: OpeningId,
    /// The lane.
    pub lane: LaneId,
    /// The batch that is stopped in that lane; nothing where it is the lane as a whole.
    pub batch: Option<BatchId>,
    /// That batch's name.
    pub batch_name: Option<BatchName>,
    /// When it opened.
    pub opened_at: Timestamp,
    /// What it opened on.
    pub cause: OpenCause,
    /// From when on it waits before it lets one job go.
    pub waits_from: Timestamp,
    /// How long.
    pub wait: Duration,
    /// The job that it has let go.
    pub probe: Option<JobId>,
    /// How that one stands.
    pub standing: ProbeState,
    /// Jobs that it let go in vain.
    pub in_vain: u32,
}

/// A breaker that was open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastOpening {
    /// Whether it was a batch's; else it was the lane's.
    pub of_batch: bool,
    /// When it opened.
    pub opened_at: Timestamp,
    /// What it opened on.
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
            r#"SELECT batch_id AS "batch!: i64", length(recent) AS "ended!: u32", failed AS "failed!: u32", code,
                      in_a_row AS "in_a_row!: u32"
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
            let outcomes = outcomes(row.ended, row.failed, row.code, row.in_a_row);
            if row.batch == 0 {
                of_lane = outcomes;
            } else {
                batches.push((BatchId(row.batch), outcomes));
            }
        }
        Ok((of_lane, batches))
    }

    /// What has ended of each batch of a lane.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn batch_outcomes(&self, lane: LaneId) -> Result<Vec<BatchOutcomes>, QueueError> {
        let rows = sqlx::query!(
            r#"SELECT length(recent) AS "ended!: u32", failed AS "failed!: u32", code, in_a_row AS "in_a_row!: u32",
                      coalesce((SELECT jobs > 0 FROM job_counts
                                WHERE job_counts.lane_id = ?1 AND job_counts.batch_id = outcomes.batch_id
                                  AND job_counts.state = 'queued'), 0) AS "goes_on!: bool"
               FROM outcomes WHERE lane_id = ?1 AND batch_id > 0"#,
            lane.0
        )
        .fetch_all(&self.readers)
        .await?;
        let of_batch = |outcomes, goes_on| BatchOutcomes { outcomes, goes_on };
        Ok(rows
            .into_iter()
            .map(|row| of_batch(outcomes(row.ended, row.failed, row.code, row.in_a_row), row.goes_on))
            .collect())
    }

    /// The open breakers of a lane, or of all.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn breaker_openings(&self, lane: Option<LaneId>) -> Result<Vec<BreakerOpening>, QueueError> {
        let lane = lane.map(|lane| lane.0);
        let rows = sqlx::query!(
            r#"SELECT breaker_openings.id AS "id!: i64", breaker_openings.lane_id AS "lane!: i64", breaker_openings.batch_id AS "batch: i64",
                      (SELECT name FROM batches WHERE batches.id = breaker_openings.batch_id) AS "batch_name: String",
                      opened_at AS "opened_at!: i64", failed AS "failed!: u32", ended AS "ended!: u32", code,
                      waits_from AS "waits_from!: i64", wait AS "wait!: i64", probe AS "probe: i64",
                      probes AS "probes!: u32", jobs.state AS "state?", jobs.attempt AS "attempt?: i64",
                      jobs.adopted AS "adopted?: bool",
                      jobs.state = 'queued' AND (jobs.paused_at IS NOT NULL OR jobs.denials > 0 OR jobs.hold IS NOT NULL
                          -- It was asked to wait; one of which an attempt failed is tried again soon.
                          OR (jobs.due_at IS NOT NULL AND jobs.used = 0)
                          OR EXISTS (SELECT 1 FROM snapshots
                                     WHERE snapshots.lane_id = jobs.lane_id AND snapshots.name = jobs.snapshot_name
                                       AND (snapshots.state = 'pending' OR snapshots.state = 'error'))
                          OR EXISTS (SELECT 1 FROM batches
                                     WHERE batches.id = jobs.batch_id AND batches.paused_at IS NOT NULL))
                          AS "laid_by?: bool"
               FROM breaker_openings LEFT JOIN jobs ON jobs.id = breaker_openings.probe
               WHERE breaker_openings.closed_at IS NULL AND (?1 IS NULL OR breaker_openings.lane_id = ?1)
               ORDER BY breaker_openings.id"#,
            lane
        )
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter()
            .map(|row| {
                let own = row.attempt.unwrap_or(0) > 0 && row.adopted != Some(true);
                let standing = match row.state.as_deref().map(decode::state).transpose()? {
                    None => ProbeState::None,
                    Some(JobState::Queued) if row.laid_by == Some(true) => ProbeState::Silent,
                    Some(JobState::Queued | JobState::Submitting | JobState::Exporting | JobState::Unknown) => {
                        ProbeState::UnderWay
                    }
                    Some(JobState::Succeeded) if own => ProbeState::Succeeded,
                    Some(JobState::Failed) if own => ProbeState::Failed,
                    Some(JobState::Succeeded | JobState::Failed | JobState::Cancelled | JobState::NeedsReview) => {
                        ProbeState::Silent
                    }
                };
                Ok(BreakerOpening {
                    id: OpeningId(row.id),
                    lane: LaneId(row.lane),
                    batch: row.batch.map(BatchId),
                    batch_name: row.batch_name.map(decode::batch_name).transpose()?,
                    opened_at: Timestamp(row.opened_at),
                    cause: OpenCause { failed: row.failed, ended: row.ended, code: decode::code(row.code) },
                    waits_from: Timestamp(row.waits_from),
                    wait: Duration::from_millis(decode::count("a breaker's wait", row.wait)?),
                    probe: row.probe.map(JobId),
                    standing,
                    in_vain: row.probes,
                })
            })
            .collect()
    }

    /// The breakers of its batch and its lane that were closed since a job was queued, the oldest first.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn matching_openings(&self, job: JobId) -> Result<Vec<PastOpening>, QueueError> {
        let rows = sqlx::query!(
            r#"SELECT breaker_openings.batch_id IS NOT NULL AS "of_batch!: bool", opened_at AS "opened_at!: i64",
                      failed AS "failed!: u32", ended AS "ended!: u32", code, closed_at AS "closed_at!: i64",
                      closed_by AS "closed_by!"
               FROM jobs JOIN breaker_openings ON breaker_openings.lane_id = jobs.lane_id
                   AND (breaker_openings.batch_id IS NULL OR breaker_openings.batch_id = jobs.batch_id)
               WHERE jobs.id = ?1 AND closed_at >= jobs.queued_at ORDER BY breaker_openings.id"#,
            job.0
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| PastOpening {
                of_batch: row.of_batch,
                opened_at: Timestamp(row.opened_at),
                cause: OpenCause { failed: row.failed, ended: row.ended, code: decode::code(row.code) },
                closed_at: Timestamp(row.closed_at),
                closed_by: row.closed_by,
            })
            .collect())
    }

    /// Jobs that open breakers of a lane may let go, given which of them are due; each with its batch. Those that were
    /// let go already come first.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn probe_jobs(&self, lane: LaneId, run: RunId, due: &[OpeningId]) -> Result<Vec<Claimable>, QueueError> {
        let due = json(due)?;
        let jobs = sqlx::query_file_as!(Claimable, "src/queue/sql/probe_jobs.sql", lane.0, run.0, due);
        Ok(jobs.fetch_all(&self.readers).await?)
    }

    /// Stops a batch in a lane, or the lane as a whole, until its breaker is closed; whether it was not stopped before.
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

    /// Lets one job go though these breakers are open.
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

    /// The job that was let go failed, in `run`: the breaker stays open, and waits again.
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

    /// Closes a breaker, in nobody's name; what has ended is counted anew. Whether it was open.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn close_breaker(&self, opening: OpeningId, at: Timestamp) -> Result<bool, QueueError> {
        self.writer
            .write(Step::BreakerClosed, move |connection| {
                Box::pin(async move {
                    let opening = json(&[opening])?;
                    Ok(close(connection, &opening, at, "daemon").await? > 0)
                })
            })
            .await
    }
}

/// Closes open breakers and forgets what has ended there; how many they were.
pub(in crate::queue) async fn close(
    connection: &mut SqliteConnection,
    openings: &str,
    at: Timestamp,
    actor: &str,
) -> Result<u64, QueueError> {
    sqlx::query!(
        "DELETE FROM outcomes
         WHERE (lane_id, batch_id) IN (SELECT lane_id, coalesce(batch_id, 0) FROM breaker_openings
                                       WHERE closed_at IS NULL AND id IN (SELECT value FROM json_each(?1)))",
        openings
    )
    .execute(&mut *connection)
    .await?;
    let closed = sqlx::query!(
        "UPDATE breaker_openings SET closed_at = ?2, closed_by = ?3
         WHERE closed_at IS NULL AND id IN (SELECT value FROM json_each(?1))",
        openings,
        at.0,
        actor
    )
    .execute(&mut *connection)
    .await?;
    Ok(closed.rows_affected())
}

fn outcomes(ended: u32, failed: u32, code: Option<String>, in_a_row: u32) -> Outcomes {
    Outcomes { ended, failed, row: decode::code(code).map(|code| (code, in_a_row)) }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

//! What tracking needs of jobs: which of them wait for the ledger, what is known of them, and their absence checks.

use crate::domain::{
    Failure, JobId, JobState, JobVersion, LaneId, OperationId, RecordArn, RunId, SnapshotArn, SnapshotName, Timestamp,
};
use crate::points::Step;
use crate::queue::AttemptOutcome;
use crate::queue::Queue;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::{FollowedAttempts, json};
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// A job that is tracked.
#[derive(Debug, Clone)]
pub struct Followed {
    /// The job.
    pub job: JobId,
    /// Its snapshot.
    pub snapshot: SnapshotName,
    /// Its state.
    pub state: JobState,
    /// The number of its last attempt.
    pub attempt: u32,
    /// The attempts that count.
    pub used: u32,
    /// Whether it may adopt an export that is not its own.
    pub adopts: bool,
    /// Whether it has adopted an export that is not its own.
    pub adopted: bool,
    /// The high-water mark of ignored entries, set when a person had it sent again: no entry up to it is the job's.
    pub ignored_through: i64,
    /// The last entry of the ledger that the database knew when it was found to be a copy; only of a job that the copy has.
    pub copied_through: Option<i64>,
    /// The snapshot's ARN: as last listed for a queued job, also where the snapshot is gone since; as last sent for any
    /// other.
    pub source_arn: Option<SnapshotArn>,
    /// When the snapshot that the last inventory showed was made, by the service's clock.
    pub snapshot_made_at: Option<Timestamp>,
    /// The operation that is followed.
    pub operation: Option<OperationId>,
    /// The record that is followed.
    pub record: Option<RecordArn>,
    /// The code of its failure.
    pub error_code: Option<String>,
    /// What the export produced.
    pub destination_id: Option<String>,
    /// When its state began, or its last attempt was intended.
    pub since: Timestamp,
    /// Its attempts, in order.
    pub attempts: Vec<FollowedAttempt>,
}

/// An attempt as tracking sees it.
#[derive(Debug, Clone, Deserialize)]
pub struct FollowedAttempt {
    /// Its number.
    pub number: u32,
    /// The last entry of the ledger that was known before it.
    pub baseline: i64,
    /// Its outcome, where that is known.
    pub outcome: Option<AttemptOutcome>,
    /// When it was intended.
    pub intended_at: Timestamp,
    /// Complete readings that did not show it.
    pub absence_checks: u32,
    /// When the first of them began.
    pub first_check_at: Option<Timestamp>,
    /// When the last of them began.
    pub last_check_at: Option<Timestamp>,
    /// The reconciliation window that it keeps, though the lane's was shortened since.
    #[serde(deserialize_with = "from_millis")]
    pub kept_window: Duration,
}

fn from_millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

impl FollowedAttempt {
    /// Whether that is its outcome.
    pub fn is(&self, outcome: AttemptOutcome) -> bool {
        self.outcome == Some(outcome)
    }
}

impl Followed {
    /// The version that an event has to match, given how many attempts it may use.
    pub fn version(&self, max_attempts: u32) -> JobVersion {
        JobVersion { state: self.state, attempt: self.attempt, used: self.used, max_attempts }
    }
}

impl Queue {
    /// The live jobs that these entries of the ledger may concern, and ended jobs that own one of them; where there is neither, ended
    /// jobs with an attempt proven absent, or found by its failure, to which one may belong.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn concerned_jobs(&self, entries: &[i64]) -> Result<Vec<JobId>, QueueError> {
        let entries = json(entries)?;
        let jobs = sqlx::query_scalar!(
            r#"SELECT owner.job_id AS "id!: JobId"
               FROM json_each(?1) AS wanted
               CROSS JOIN ledger ON ledger.id = wanted.value
               CROSS JOIN ledger AS owner ON owner.lane_id = ledger.lane_id
                   AND owner.snapshot_name = ledger.snapshot_name AND owner.job_id IS NOT NULL
               UNION
               SELECT jobs.id
               FROM json_each(?1) AS wanted
               CROSS JOIN ledger ON ledger.id = wanted.value
               CROSS JOIN jobs ON jobs.lane_id = ledger.lane_id AND jobs.snapshot_name = ledger.snapshot_name
                   AND jobs.finished_at IS NULL
               -- A job of a load in progress does not count; the inventory after its batch is sealed finds the entry.
               CROSS JOIN batches ON batches.id = jobs.batch_id AND batches.state = 'sealed'
               UNION
               SELECT jobs.id
               FROM json_each(?1) AS wanted
               CROSS JOIN ledger ON ledger.id = wanted.value AND ledger.job_id IS NULL
               CROSS JOIN jobs ON jobs.lane_id = ledger.lane_id AND jobs.snapshot_name = ledger.snapshot_name
                   AND jobs.state IN ('failed', 'cancelled')
               WHERE EXISTS (SELECT 1 FROM attempts WHERE attempts.job_id = jobs.id
                             AND (attempts.outcome = 'absent' OR attempts.outcome = 'found')
                             AND attempts.baseline < ledger.id)
                 -- A live job of that name may have made it; when that has ended, the entry is processed again.
                 AND NOT EXISTS (SELECT 1 FROM jobs AS live
                                 WHERE live.lane_id = ledger.lane_id AND live.snapshot_name = ledger.snapshot_name
                                   AND live.finished_at IS NULL)"#,
            entries
        );
        Ok(jobs.fetch_all(&self.readers).await?)
    }

    /// Up to `limit` jobs of a lane in `state` that are due to be polled; also those postponed beyond `latest`, which none is unless the
    /// clock was set back.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn due(
        &self,
        lane: LaneId,
        state: JobState,
        now: Timestamp,
        latest: Timestamp,
        limit: u32,
    ) -> Result<Vec<JobId>, QueueError> {
        let state = state.as_str();
        let jobs = sqlx::query_scalar!(
            r#"SELECT id AS "id!: JobId" FROM (
                   SELECT * FROM (
                       SELECT id, next_poll_at FROM jobs
                       WHERE lane_id = ?1 AND state = ?2 AND next_poll_at <= ?3
                         AND (state = 'submitting' OR state = 'exporting' OR state = 'unknown' OR state = 'needs_review')
                       ORDER BY next_poll_at LIMIT ?5)
                   UNION ALL
                   SELECT * FROM (
                       SELECT id, next_poll_at FROM jobs
                       WHERE lane_id = ?1 AND state = ?2 AND next_poll_at > ?4
                         AND (state = 'submitting' OR state = 'exporting' OR state = 'unknown' OR state = 'needs_review')
                       ORDER BY next_poll_at LIMIT ?5))
               ORDER BY next_poll_at LIMIT ?5"#,
            lane.0,
            state,
            now.0,
            latest.0,
            limit
        );
        Ok(jobs.fetch_all(&self.readers).await?)
    }

    /// When the next job of a lane in `state` is due to be polled.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn next_poll(&self, lane: LaneId, state: JobState) -> Result<Option<Timestamp>, QueueError> {
        let state = state.as_str();
        let next = sqlx::query_scalar!(
            r#"SELECT next_poll_at AS "next!: Timestamp" FROM jobs
               WHERE lane_id = ?1 AND state = ?2
                 AND (state = 'submitting' OR state = 'exporting' OR state = 'unknown' OR state = 'needs_review')
                 AND next_poll_at IS NOT NULL
               ORDER BY next_poll_at LIMIT 1"#,
            lane.0,
            state
        );
        Ok(next.fetch_optional(&self.readers).await?)
    }

    /// What is known of these jobs.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn followed_jobs(&self, jobs: &[JobId]) -> Result<Vec<Followed>, QueueError> {
        let ids = json(jobs)?;
        let jobs = sqlx::query_file_as!(Followed, "src/queue/sql/followed_jobs.sql", ids);
        Ok(jobs.fetch_all(&self.readers).await?)
    }

    /// Of the `newest` exports in progress in a lane, and of these `besides`: those that Lightsail accepted in this run and whose record
    /// is not listed yet, with their attempt and the time of the response.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn unseen_exports(
        &self,
        lane: LaneId,
        run: RunId,
        newest: u32,
        besides: &[JobId],
    ) -> Result<Vec<(JobId, u32, Timestamp)>, QueueError> {
        let besides = json(besides)?;
        let rows = sqlx::query!(
            r#"SELECT jobs.id AS "id!: JobId", jobs.attempt AS "attempt!: u32", attempts.answered_at AS "answered_at!: Timestamp"
               FROM (SELECT id FROM (SELECT id FROM jobs WHERE lane_id = ?1 AND state = 'exporting'
                                     ORDER BY submitted_at DESC LIMIT ?3)
                     UNION SELECT value FROM json_each(?4)) AS watched
               CROSS JOIN jobs ON jobs.id = watched.id
               CROSS JOIN attempts ON attempts.job_id = jobs.id AND attempts.number = jobs.attempt
               WHERE jobs.lane_id = ?1 AND jobs.state = 'exporting' AND jobs.adopted = 0
                 AND attempts.run_id = ?2 AND attempts.outcome = 'accepted' AND attempts.answered_at IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM ledger
                                 WHERE ledger.lane_id = jobs.lane_id AND ledger.snapshot_name = jobs.snapshot_name
                                   AND ledger.kind = 'record' AND ledger.id > attempts.baseline)
               ORDER BY jobs.id"#,
            lane.0,
            run.0,
            newest,
            besides
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(|row| (row.id, row.attempt, row.answered_at)).collect())
    }

    /// Postpones the next poll of these jobs.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn poll_later(&self, jobs: &[(JobId, Timestamp)]) -> Result<(), QueueError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let rows = json(jobs)?;
        let put_off = sqlx::query!(
            "UPDATE jobs SET next_poll_at = later.at
             FROM (SELECT value ->> 0 AS job, value ->> 1 AS at FROM json_each(?1)) AS later
             WHERE jobs.id = later.job AND jobs.state IN ('exporting', 'unknown')",
            rows
        );
        self.writer.execute(Step::PollPutOff, [put_off]).await.map(drop)
    }

    /// Counts an absence check, begun at `began`, for the last attempts of these jobs. Where the clock was set back behind an earlier
    /// check, the count restarts.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn record_absence_checks(&self, jobs: &[(JobId, u32)], began: Timestamp) -> Result<(), QueueError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let rows = json(jobs)?;
        let counted = sqlx::query!(
            "UPDATE attempts SET absence_checks = CASE WHEN last_check_at > ?2 THEN 1 ELSE absence_checks + 1 END,
                    first_check_at = CASE WHEN last_check_at > ?2 THEN ?2 ELSE coalesce(first_check_at, ?2) END,
                    last_check_at = ?2
             FROM (SELECT value ->> 0 AS job, value ->> 1 AS number FROM json_each(?1)) AS checked
             WHERE attempts.job_id = checked.job AND attempts.number = checked.number",
            rows,
            began.0
        );
        self.writer.execute(Step::AbsenceChecked, [counted]).await.map(drop)
    }

    /// Records an export that was found too late, for the report. The job's state stays.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn note(&self, job: JobId, found: Failure) -> Result<(), QueueError> {
        let (code, message) = (found.code.as_str(), found.message);
        let noted = sqlx::query!(
            "UPDATE jobs SET error_code = ?2, error_message = ?3
             WHERE id = ?1 AND error_message IS NOT ?3",
            job.0,
            code,
            message
        );
        self.writer.execute(Step::DuplicateNoted, [noted]).await.map(drop)
    }

    /// Gives an entry of the ledger to an attempt; one that has an owner keeps it.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn own_entries(&self, job: JobId, attempt: u32, entry: i64) -> Result<(), QueueError> {
        let owned = sqlx::query!(
            "UPDATE ledger SET job_id = ?1, attempt = ?2 WHERE id = ?3 AND job_id IS NULL",
            job.0,
            attempt,
            entry
        );
        self.writer.execute(Step::EntryOwned, [owned]).await.map(drop)
    }

    /// Whether the lane has a job that has ended since `since` with an attempt proven absent or found, or with an export of its own:
    /// another export may yet be listed that is as likely its own.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn may_show_late_exports(&self, lane: LaneId, since: Timestamp) -> Result<bool, QueueError> {
        let may = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM jobs CROSS JOIN attempts ON attempts.job_id = jobs.id
                              WHERE jobs.lane_id = ?1 AND jobs.finished_at > ?2
                                AND (attempts.outcome = 'absent' OR attempts.outcome = 'found'
                                     OR (jobs.state = 'succeeded' AND jobs.adopted = 0
                                         AND attempts.outcome = 'accepted')))
               AS "may!: bool""#,
            lane.0,
            since.0
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(may)
    }

    /// Whether a job of the lane waits for a decision while the records do not show its export's end: none has a destination, or one of
    /// them has not ended.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn review_is_open(&self, lane: LaneId) -> Result<bool, QueueError> {
        let open = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                   SELECT 1 FROM jobs
                   WHERE jobs.lane_id = ?1 AND jobs.state = 'needs_review'
                     AND (NOT EXISTS (SELECT 1 FROM ledger
                                      WHERE ledger.lane_id = jobs.lane_id AND ledger.snapshot_name = jobs.snapshot_name
                                        AND ledger.kind = 'record' AND ledger.destination_id IS NOT NULL)
                          OR EXISTS (SELECT 1 FROM ledger
                                     WHERE ledger.lane_id = jobs.lane_id AND ledger.snapshot_name = jobs.snapshot_name
                                       AND ledger.kind = 'record' AND ledger.status <> 'failed'
                                       AND ledger.destination_id IS NULL)))
               AS "open!: bool""#,
            lane.0
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(open)
    }
}

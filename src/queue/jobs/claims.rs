//! What a lane may send next, and what holds back the rest.

use crate::domain::{BatchId, JobId, JobState, JobVersion, LaneId, RunId, SnapshotArn, SnapshotName, Timestamp};
use crate::points::Step;
use crate::queue::Queue;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::{Millis, json};
use std::time::Duration;

/// A queued job that may be sent now.
#[derive(Debug, Clone)]
pub struct Claimable {
    /// The job.
    pub job: JobId,
    /// The batch that it came in with.
    pub batch: BatchId,
    /// Its snapshot.
    pub snapshot: SnapshotName,
    /// The number of its last attempt.
    pub attempt: u32,
    /// The attempts that count.
    pub used: u32,
    /// EBS copies that its export takes.
    pub weight: u32,
    /// The ARN of the snapshot as it was last listed.
    pub source_arn: Option<SnapshotArn>,
    /// How often its export was denied.
    pub denials: u32,
}

impl Claimable {
    /// The version that an event has to match, given how many attempts it may use.
    pub fn version(&self, max_attempts: u32) -> JobVersion {
        JobVersion { state: JobState::Queued, attempt: self.attempt, used: self.used, max_attempts }
    }
}

/// An export that Lightsail has shown in progress for longer is ignored: no copy takes as long.
const IN_PROGRESS: Duration = Duration::from_hours(24);

/// What a lane has to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneLoad {
    /// Jobs queued, whatever holds them.
    pub queued: u64,
    /// Jobs whose intent is on disk and whose response is not.
    pub submitting: u64,
    /// Jobs that Lightsail has.
    pub exporting: u64,
    /// Jobs with an unconfirmed attempt.
    pub unknown: u64,
    /// EBS copies of the three together.
    pub in_flight: u64,
}

/// Jobs whose wait is over that one write releases: some ten milliseconds of the writer's time.
const RELEASED: u32 = 1000;

impl Queue {
    /// Up to `limit` jobs that may be sent now, of sealed batches that are not paused and have an inventory of this run: the highest
    /// priority first; at each priority batches take turns, a job at a time, in the order of their rows.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn claimable(&self, lane: LaneId, run: RunId, limit: u32) -> Result<Vec<Claimable>, QueueError> {
        self.claimable_after(lane, run, limit, None, u32::MAX).await
    }

    /// The same, where the batch `last` had the last turn, so that the one after it is next; only jobs that were denied at most
    /// `denials` times.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn claimable_after(
        &self,
        lane: LaneId,
        run: RunId,
        limit: u32,
        last: Option<BatchId>,
        denials: u32,
    ) -> Result<Vec<Claimable>, QueueError> {
        let (run, last) = (run.0, last.map_or(0, |batch| batch.0));
        let jobs = sqlx::query_file_as!(Claimable, "src/queue/sql/claimable.sql", lane.0, run, limit, denials, last);
        Ok(jobs.fetch_all(&self.readers).await?)
    }

    /// What the lane has to do, from the counters.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn load(&self, lane: LaneId) -> Result<LaneLoad, QueueError> {
        let load = sqlx::query_as!(
            LaneLoad,
            r#"SELECT coalesce(sum(job_counts.jobs) FILTER (WHERE job_counts.state = 'queued'), 0) AS "queued!: u64",
                      coalesce(sum(job_counts.jobs) FILTER (WHERE job_counts.state = 'submitting'), 0) AS "submitting!: u64",
                      coalesce(sum(job_counts.jobs) FILTER (WHERE job_counts.state = 'exporting'), 0) AS "exporting!: u64",
                      coalesce(sum(job_counts.jobs) FILTER (WHERE job_counts.state = 'unknown'), 0) AS "unknown!: u64",
                      coalesce(sum(weight) FILTER (WHERE job_counts.state <> 'queued'), 0) AS "in_flight!: u64"
               FROM job_counts JOIN batches ON batches.id = job_counts.batch_id
               WHERE lane_id = ?1 AND batches.state = 'sealed'
                 AND job_counts.state IN ('queued', 'submitting', 'exporting', 'unknown')"#,
            lane.0
        );
        Ok(load.fetch_one(&self.readers).await?)
    }

    /// EBS copies of other clients that Lightsail's records show in progress in the lane; a snapshot of unknown weight counts as one.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn copies_of_others(&self, lane: LaneId, now: Timestamp) -> Result<u64, QueueError> {
        let since = now.before(IN_PROGRESS).0;
        let copies = sqlx::query_scalar!(
            r#"SELECT coalesce(sum(coalesce(snapshots.weight, 1)), 0) AS "copies!: u64"
               FROM ledger INDEXED BY ledger_under_way
               LEFT JOIN snapshots ON snapshots.lane_id = ledger.lane_id AND snapshots.name = ledger.snapshot_name
               WHERE ledger.lane_id = ?1 AND ledger.kind = 'record' AND ledger.status = 'under_way'
                 AND ledger.job_id IS NULL AND coalesce(ledger.created_at, ledger.seen_at) > ?2
                 -- Records of our exports in progress have no owner before their end.
                 AND NOT EXISTS (SELECT 1 FROM jobs
                                 WHERE jobs.lane_id = ledger.lane_id AND jobs.snapshot_name = ledger.snapshot_name
                                   AND jobs.finished_at IS NULL
                                   AND jobs.state IN ('submitting', 'exporting', 'unknown'))"#,
            lane.0,
            since
        );
        Ok(copies.fetch_one(&self.readers).await?)
    }

    /// How often in a row a job was told to try again later, not counting what its own export caused, and how long it has waited
    /// since, where each wait counts for `most` at most.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub(super) async fn refused_for_now(
        &self,
        job: JobId,
        most: Duration,
        now: Timestamp,
    ) -> Result<(u32, Duration), QueueError> {
        let most = i64::try_from(most.as_millis()).unwrap_or(i64::MAX);
        let row = sqlx::query!(
            r#"SELECT count(*) AS "times!: u32", coalesce(sum(max(0, min(wait, ?2))), 0) AS "waited!: Millis"
               FROM (SELECT lead(at, 1, ?3) OVER (ORDER BY step) - at AS wait FROM transitions
                     WHERE job_id = ?1 AND event = 'refused_for_now'
                       AND step > (SELECT coalesce(max(step), -1) FROM transitions
                                   WHERE job_id = ?1 AND (event = 'retry' OR event = 'send_again'
                                          OR (from_state = 'exporting' AND event <> 'refused_for_now'))))"#,
            job.0,
            most,
            now.0
        )
        .fetch_one(&self.readers)
        .await?;
        Ok((row.times, row.waited.into()))
    }

    /// Releases some of the jobs whose wait is over, few enough that no other lane notices; returns when to ask for more, which is
    /// at once if there were any. Also releases jobs that wait for a retry until later than `latest`, which no wait is: the clock was
    /// set back.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn release_due(
        &self,
        lane: LaneId,
        now: Timestamp,
        latest: Timestamp,
    ) -> Result<Option<Timestamp>, QueueError> {
        let next = self.next_due(lane).await?;
        if next.is_none_or(|due| due > now) && !self.waits_too_long(lane, latest).await? {
            return Ok(next);
        }
        let due = sqlx::query!(
            "UPDATE jobs SET due_at = NULL
             WHERE id IN (SELECT id FROM jobs WHERE lane_id = ?1 AND state = 'queued' AND due_at <= ?2
                          ORDER BY due_at LIMIT ?3)",
            lane.0,
            now.0,
            RELEASED
        );
        let beyond = sqlx::query!(
            "UPDATE jobs SET due_at = NULL
             WHERE id IN (SELECT id FROM jobs WHERE lane_id = ?1 AND state = 'queued' AND due_at > ?2 AND attempt > 0
                          LIMIT ?3)",
            lane.0,
            latest.0,
            RELEASED
        );
        self.writer.execute(Step::DueReleased, [due, beyond]).await?;
        Ok(Some(now))
    }

    async fn waits_too_long(&self, lane: LaneId, latest: Timestamp) -> Result<bool, QueueError> {
        let too_long = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM jobs
                              WHERE lane_id = ?1 AND state = 'queued' AND due_at > ?2 AND attempt > 0)
               AS "too_long!: bool""#,
            lane.0,
            latest.0
        );
        Ok(too_long.fetch_one(&self.readers).await?)
    }

    /// When the first of the waiting jobs is due.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn next_due(&self, lane: LaneId) -> Result<Option<Timestamp>, QueueError> {
        let due = sqlx::query_scalar!(
            r#"SELECT min(due_at) AS "due: Timestamp" FROM jobs
               WHERE lane_id = ?1 AND state = 'queued' AND due_at IS NOT NULL"#,
            lane.0
        );
        Ok(due.fetch_one(&self.readers).await?)
    }

    /// Refunds these attempts, which were made in an outage, if their outcome is still unknown or they are to be repeated.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn refund_attempts(&self, attempts: Vec<(JobId, u32)>) -> Result<(), QueueError> {
        if attempts.is_empty() {
            return Ok(());
        }
        let rows = json(&attempts)?;
        let refunded = sqlx::query!(
            "UPDATE jobs SET used = used - 1
             FROM (SELECT value ->> 0 AS job, value ->> 1 AS attempt FROM json_each(?1)) AS open
             WHERE jobs.id = open.job AND jobs.attempt = open.attempt AND jobs.used > 0
               AND jobs.state IN ('unknown', 'queued')",
            rows
        );
        self.writer.execute(Step::AttemptsRefunded, [refunded]).await.map(drop)
    }

    /// The sealed batches with queued jobs in the lane that no inventory of this run has covered.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn without_inventory(&self, lane: LaneId, run: RunId) -> Result<Vec<BatchId>, QueueError> {
        let batches = sqlx::query_scalar!(
            r#"SELECT job_counts.batch_id AS "id!: BatchId" FROM job_counts JOIN batches ON batches.id = job_counts.batch_id
               WHERE job_counts.lane_id = ?1 AND job_counts.state = 'queued' AND job_counts.jobs > 0
                 AND batches.state = 'sealed'
                 AND NOT EXISTS (SELECT 1 FROM inventories
                                 WHERE inventories.lane_id = ?1 AND inventories.batch_id = batches.id
                                   AND inventories.run_id = ?2)"#,
            lane.0,
            run.0
        );
        Ok(batches.fetch_all(&self.readers).await?)
    }

    /// Whether a queued job waits for an inventory: it is held for one, or its snapshot was not ready at the last one.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn awaits_inventory(&self, lane: LaneId) -> Result<bool, QueueError> {
        let held = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM jobs WHERE lane_id = ?1 AND state = 'queued' AND hold = 'inventory')
                   OR EXISTS (SELECT 1 FROM snapshots INDEXED BY snapshots_unready CROSS JOIN jobs
                              ON jobs.lane_id = snapshots.lane_id AND jobs.snapshot_name = snapshots.name
                              AND jobs.finished_at IS NULL
                              AND jobs.state = 'queued' AND jobs.hold IS NULL
                              WHERE snapshots.lane_id = ?1 AND snapshots.state IN ('pending', 'error'))
               AS "held!: bool""#,
            lane.0
        );
        Ok(held.fetch_one(&self.readers).await?)
    }

    /// Allows batches to be sent: an inventory that began after they were sealed is complete and processed.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn record_inventory(&self, lane: LaneId, run: RunId, batches: Vec<BatchId>) -> Result<(), QueueError> {
        let cleared = batches.into_iter().map(move |batch| {
            sqlx::query!(
                "INSERT INTO inventories (lane_id, batch_id, run_id) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET run_id = excluded.run_id",
                lane.0,
                batch.0,
                run.0
            )
        });
        self.writer.execute((Step::InventoryRecorded, lane), cleared).await.map(drop)
    }
}

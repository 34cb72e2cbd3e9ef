//! What was measured of late and what is left, for a forecast. Reads only, each through a window of an index or the
//! kept counters, so that a million jobs cost no more than a thousand.

use crate::domain::{BatchId, ErrorCode, JobId, LaneId, RunId, Timestamp};
use crate::queue::Queue;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::Millis;
use crate::queue::views::job_views::{JobView, jobs_by_id};
use sqlx::SqliteExecutor;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How many of the last ends of a lane count.
const ENDS: i64 = 1000;

/// How many of the last refusals of all lanes count.
const REFUSALS: i64 = 2000;

/// How many individually paused jobs of a lane count.
const PAUSED: i64 = 1000;

/// Among how many jobs in flight of a lane the unconfirmed are sought: those that are polled first.
const OPEN: i64 = 1000;

/// How far back refusals count.
pub const REFUSED_WITHIN: Duration = Duration::from_mins(1);

/// An export that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedExport {
    /// When.
    pub at: Timestamp,
    /// How long it took, from the intent to the end that was seen.
    pub took: Duration,
}

/// Calls that were refused for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCall {
    /// The code.
    pub code: ErrorCode,
    /// The HTTP status, if there was an answer.
    pub http_status: Option<u16>,
    /// How many.
    pub calls: u64,
    /// When the last of them was.
    pub last: Timestamp,
}

/// What was measured of a lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneMeasures {
    /// Its last exports that ended, at most a thousand, the newest first.
    pub ends: Vec<EndedExport>,
    /// The calls that were refused within [`REFUSED_WITHIN`].
    pub refused: Vec<RefusedCall>,
    /// Whether a queued job of it waits for nothing of its own, and its batch is not paused and was listed in the newest run.
    pub any_ready: bool,
    /// Whether such jobs are there, and none of their batches was listed in the newest run.
    pub unlisted: bool,
    /// The EBS copies of the job that is sent next; nothing where none may be sent.
    pub next_weight: Option<u32>,
    /// The first moment before which a queued job of it must not be sent.
    pub first_due: Option<Timestamp>,
    /// The last one.
    pub last_due: Option<Timestamp>,
    /// Its unconfirmed attempts.
    pub unconfirmed: Unconfirmed,
    /// Batches with individually paused jobs.
    pub paused_in: BTreeSet<BatchId>,
    /// EBS copies of other clients in progress.
    pub copies_of_others: u64,
}

/// Attempts of a lane whose response is unknown: the latest of each time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unconfirmed {
    /// When the export of one was found.
    pub found: Option<Timestamp>,
    /// When an unconfirmed one was checked first.
    pub first_check: Option<Timestamp>,
    /// When an unchecked one was intended.
    pub unchecked: Option<Timestamp>,
    /// When an unconfirmed one is checked next.
    pub next_check: Option<Timestamp>,
}

/// What a batch has left in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemainingJobs {
    /// The lane.
    pub lane: LaneId,
    /// The batch.
    pub batch: BatchId,
    /// Whether these jobs are its own; those of another batch are counted there too.
    pub own: bool,
    /// Jobs that are queued.
    pub queued: u64,
    /// Jobs that are under way or unknown.
    pub in_flight: u64,
    /// The EBS copies of the queued ones.
    pub queued_copies: u64,
    /// The EBS copies of those in flight.
    pub copies_in_flight: u64,
    /// The highest priority of the queued ones that wait for nothing of their own.
    pub highest: Option<i64>,
    /// The lowest one.
    pub lowest: Option<i64>,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measures {
    /// By lane.
    pub lanes: BTreeMap<LaneId, LaneMeasures>,
    /// By batch and lane.
    pub left: Vec<RemainingJobs>,
}

impl Queue {
    /// What was measured of these lanes up to `now`, and what is left of every sealed batch.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn measures(&self, lanes: &[LaneId], now: Timestamp) -> Result<Measures, QueueError> {
        let mut measures = Measures::default();
        for lane in lanes {
            measures.lanes.insert(*lane, self.lane_measures(*lane, now).await?);
        }
        for (lane, refused) in self.refused(now.before(REFUSED_WITHIN), now).await? {
            if let Some(lane) = measures.lanes.get_mut(&lane) {
                lane.refused.push(refused);
            }
        }
        measures.left = own_left(&self.readers, None).await?;
        let shared = sqlx::query_file_as!(RemainingJobs, "src/queue/sql/left_of_others.sql");
        measures.left.extend(shared.fetch_all(&self.readers).await?);
        Ok(measures)
    }

    /// The calls that were refused after `since` and up to `now`, with their lanes: the last two thousand.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn refused(&self, since: Timestamp, now: Timestamp) -> Result<Vec<(LaneId, RefusedCall)>, QueueError> {
        let rows = sqlx::query_file!("src/queue/sql/last_refusals.sql", since.0, now.0, REFUSALS);
        let refused = rows.fetch_all(&self.readers).await?.into_iter().map(|row| {
            let call = RefusedCall { code: row.code, http_status: row.http_status, calls: row.calls, last: row.last };
            (row.lane, call)
        });
        Ok(refused.collect())
    }

    async fn lane_measures(&self, lane: LaneId, now: Timestamp) -> Result<LaneMeasures, QueueError> {
        let run = sqlx::query_scalar!(r#"SELECT coalesce(max(id), 0) AS "run!: i64" FROM runs"#)
            .fetch_one(&self.readers)
            .await?;
        let listed = sqlx::query_scalar!(
            r#"SELECT max(inventories.run_id IS ?2) AS "listed: bool"
               FROM job_counts
               JOIN batches ON batches.id = job_counts.batch_id AND batches.state = 'sealed' AND batches.paused_at IS NULL
               LEFT JOIN inventories ON inventories.lane_id = job_counts.lane_id AND inventories.batch_id = job_counts.batch_id
               WHERE job_counts.lane_id = ?1 AND job_counts.state = 'queued' AND job_counts.jobs > 0 AND EXISTS (
                   SELECT 1 FROM jobs
                   WHERE jobs.lane_id = ?1 AND jobs.batch_id = job_counts.batch_id AND jobs.state = 'queued'
                     AND jobs.hold IS NULL AND jobs.paused_at IS NULL AND jobs.due_at IS NULL)"#,
            lane.0,
            run
        );
        let last_due = sqlx::query_scalar!(
            r#"SELECT max(due_at) AS "due: Timestamp" FROM jobs
               WHERE lane_id = ?1 AND state = 'queued' AND due_at IS NOT NULL"#,
            lane.0
        );
        let paused = sqlx::query_scalar!(
            r#"SELECT DISTINCT batch_id AS "batch!: BatchId" FROM (
                   SELECT batch_id FROM jobs WHERE lane_id = ?1 AND paused_at IS NOT NULL LIMIT ?2)"#,
            lane.0,
            PAUSED
        );
        let unconfirmed = sqlx::query_as!(
            Unconfirmed,
            r#"SELECT (SELECT max(coalesce((SELECT max(at) FROM transitions WHERE transitions.job_id = sent.id),
                                           attempts.intended_at))
                       FROM (SELECT id, attempt FROM jobs WHERE lane_id = ?1 AND state = 'exporting'
                             ORDER BY next_poll_at LIMIT ?2) AS sent
                       CROSS JOIN attempts ON attempts.job_id = sent.id AND attempts.number = sent.attempt
                       WHERE attempts.outcome = 'ambiguous' OR attempts.outcome = 'found') AS "found: Timestamp",
                      max(attempts.first_check_at) AS "first_check: Timestamp",
                      max(CASE WHEN attempts.first_check_at IS NULL THEN attempts.intended_at END) AS "unchecked: Timestamp",
                      max(open.next_poll_at) AS "next_check: Timestamp"
               FROM (SELECT id, attempt, next_poll_at FROM jobs WHERE lane_id = ?1 AND state = 'unknown'
                     ORDER BY next_poll_at LIMIT ?2) AS open
               CROSS JOIN attempts ON attempts.job_id = open.id AND attempts.number = open.attempt"#,
            lane.0,
            OPEN
        );
        let first_due = self.next_due(lane).await?;
        let listed = listed.fetch_one(&self.readers).await?;
        let next = self.claimable(lane, RunId(run), 1).await?;
        Ok(LaneMeasures {
            ends: last_ends(&self.readers, lane, now).await?,
            refused: Vec::new(),
            any_ready: listed == Some(true) || first_due.is_some_and(|due| due <= now),
            unlisted: listed == Some(false),
            next_weight: next.first().map(|job| job.weight),
            first_due,
            last_due: last_due.fetch_one(&self.readers).await?,
            unconfirmed: unconfirmed.fetch_one(&self.readers).await?,
            copies_of_others: self.copies_of_others(lane, now).await?,
            paused_in: paused.fetch_all(&self.readers).await?.into_iter().collect(),
        })
    }

    /// Of the `most` failed jobs with the highest numbers those of the batch, or all of them.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn newest_failed(&self, batch: Option<BatchId>, most: u32) -> Result<Vec<JobView>, QueueError> {
        let wanted = batch.map(|id| id.0);
        let mut transaction = self.readers.begin().await?;
        let ids = sqlx::query_file_scalar!("src/queue/sql/newest_failed.sql", wanted, most);
        let ids = ids.fetch_all(&mut *transaction).await?;
        let jobs = jobs_by_id(&mut transaction, &ids).await?;
        transaction.commit().await?;
        Ok(jobs)
    }
}

/// The last ends of a lane, the newest first.
pub(in crate::queue) async fn last_ends<'c, E>(
    reader: E,
    lane: LaneId,
    now: Timestamp,
) -> Result<Vec<EndedExport>, QueueError>
where
    E: SqliteExecutor<'c>,
{
    let ends = sqlx::query_file_as!(EndedExport, "src/queue/sql/last_ends.sql", lane.0, now.0, ENDS);
    Ok(ends.fetch_all(reader).await?)
}

/// What the sealed batches have left of their own, in that lane or in all.
pub(in crate::queue) async fn own_left<'c, E>(reader: E, lane: Option<LaneId>) -> Result<Vec<RemainingJobs>, QueueError>
where
    E: SqliteExecutor<'c>,
{
    let lane = lane.map(|lane| lane.0);
    Ok(sqlx::query_file_as!(RemainingJobs, "src/queue/sql/left.sql", lane).fetch_all(reader).await?)
}

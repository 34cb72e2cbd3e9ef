//! Jobs, and one job with its whole history. Reads only.

use crate::domain::{
    BatchName, ErrorCode, Hold, JobId, JobState, JobVersion, Lane, OperationId, RecordArn, RunId, SnapshotArn,
    SnapshotName, Timestamp,
};
use crate::queue::Queue;
use crate::queue::jobs::transition::AttemptOutcome;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::json;
use serde::{Serialize, Serializer};
use sqlx::SqliteConnection;
use std::collections::{BTreeSet, HashMap};

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobView {
    /// Its number.
    pub id: JobId,
    /// The batch that brought it in.
    pub batch: BatchName,
    /// The line that brought it in.
    pub line: u64,
    /// Its lane.
    #[serde(flatten)]
    pub lane: Lane,
    /// The snapshot to export.
    pub snapshot_name: SnapshotName,
    /// Higher priorities are sent first.
    pub priority: i64,
    /// Whether it is to be exported even where an export of it exists.
    pub export_again: bool,
    /// Its state.
    pub state: JobState,
    /// Why it is not claimed.
    pub hold: Option<Hold>,
    /// When a person paused it.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub paused_at: Option<Timestamp>,
    /// Not to be sent before.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub due_at: Option<Timestamp>,
    /// The calls sent: every intent counts as one. Where the attempts themselves are listed, they stand in its place.
    #[serde(skip)]
    pub attempts: u32,
    /// Those that count against the limit.
    #[serde(rename = "attempts_used")]
    pub used: u32,
    /// The EBS copies that its export takes.
    #[serde(rename = "copies")]
    pub weight: u32,
    /// The snapshot's ARN.
    pub source_arn: Option<SnapshotArn>,
    /// Whether its export was another's.
    pub adopted: bool,
    /// Its operation.
    pub operation_id: Option<OperationId>,
    /// Its export snapshot record.
    pub record_arn: Option<RecordArn>,
    /// The record's name.
    pub record_name: Option<String>,
    /// The service that it went to.
    pub destination_service: Option<String>,
    /// What the export produced: `ami-...` or `snap-...`.
    pub destination_id: Option<String>,
    /// The code of its failure.
    pub error_code: Option<ErrorCode>,
    /// The failure in words.
    pub error_message: Option<String>,
    /// When it came in.
    #[serde(serialize_with = "Timestamp::as_text")]
    pub queued_at: Timestamp,
    /// When the last intent to send it was written.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub submitted_at: Option<Timestamp>,
    /// When it ended.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub finished_at: Option<Timestamp>,
    /// When it is polled next.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub next_poll_at: Option<Timestamp>,
}

impl JobView {
    /// What a person's act expects it to be; no act asks how many attempts there are.
    pub(in crate::queue) fn version(&self) -> JobVersion {
        JobVersion { state: self.state, attempt: self.attempts, used: self.used, max_attempts: u32::MAX }
    }
}

/// One attempt to send a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptView {
    /// Its number, from 1.
    pub number: u32,
    /// The run of the daemon that made it.
    pub run: RunId,
    /// The newest entry of the ledger when the intent was written: what it made has a higher number.
    #[serde(skip)]
    pub baseline: i64,
    /// When the intent was written.
    #[serde(serialize_with = "Timestamp::as_text")]
    pub intended_at: Timestamp,
    /// When there was an answer.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub answered_at: Option<Timestamp>,
    /// Its outcome; nothing while that is pending.
    #[serde(serialize_with = "or_pending")]
    pub outcome: Option<AttemptOutcome>,
    /// The HTTP status.
    pub http_status: Option<u16>,
    /// The request id.
    pub request_id: Option<String>,
    /// The code of its failure.
    pub error_code: Option<ErrorCode>,
    /// The failure in words.
    pub error_message: Option<String>,
    /// The complete readings of the ledger that did not show it.
    pub absence_checks: u32,
    /// When the first of them began.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub first_check_at: Option<Timestamp>,
    /// When the last of them began.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub last_check_at: Option<Timestamp>,
}

/// One change of a job's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransitionView {
    /// Its number in the job's history, from 1.
    pub step: u64,
    /// When it happened.
    #[serde(serialize_with = "Timestamp::as_text")]
    pub at: Timestamp,
    /// The state before.
    pub from: JobState,
    /// The state after.
    pub to: JobState,
    /// What happened.
    pub event: String,
    /// The job's last attempt at that time; 0 before the first.
    pub attempt: u32,
    /// The code of the failure.
    pub error_code: Option<ErrorCode>,
    /// The failure in words.
    pub error_message: Option<String>,
    /// `daemon`, or a person.
    pub actor: String,
}

/// A job with its whole history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDetail {
    /// The job.
    pub job: JobView,
    /// Every attempt, in order.
    pub attempts: Vec<AttemptView>,
    /// Every change of its state, in order.
    pub transitions: Vec<TransitionView>,
}

impl Queue {
    /// A job with its history.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn job(&self, id: JobId) -> Result<Option<JobDetail>, QueueError> {
        let mut transaction = self.readers.begin().await?;
        let Some(job) = jobs_by_id(&mut transaction, &[id]).await?.pop() else { return Ok(None) };
        let attempts = attempts_of(&mut transaction, id).await?;
        let transitions = transitions_of(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(Some(JobDetail { job, attempts, transitions }))
    }

    /// Those of `jobs` that are not there, in their order.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn missing_jobs(&self, jobs: &[JobId]) -> Result<Vec<JobId>, QueueError> {
        let wanted = json(jobs)?;
        let missing = sqlx::query_scalar!(
            r#"SELECT CAST(value AS INTEGER) AS "id!: JobId" FROM json_each(?1)
               WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE id = value) ORDER BY key"#,
            wanted
        );
        Ok(missing.fetch_all(&self.readers).await?)
    }

    /// The first and the last job; nothing where there is none.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn job_range(&self) -> Result<Option<(JobId, JobId)>, QueueError> {
        let row = sqlx::query!(
            r#"SELECT (SELECT min(id) FROM jobs) AS "first: JobId", (SELECT max(id) FROM jobs) AS "last: JobId""#
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(row.first.zip(row.last))
    }
}

/// The jobs with these ids, in the order of the ids, each once for each time that it is named.
pub(in crate::queue) async fn jobs_by_id(
    connection: &mut SqliteConnection,
    ids: &[JobId],
) -> Result<Vec<JobView>, QueueError> {
    let wanted = json(ids)?;
    Ok(sqlx::query_file_as!(JobView, "src/queue/sql/jobs_by_id.sql", wanted).fetch_all(connection).await?)
}

/// The jobs to which rows point, by their ids.
pub(in crate::queue) async fn jobs_of_rows(
    connection: &mut SqliteConnection,
    ids: impl Iterator<Item = JobId>,
) -> Result<HashMap<JobId, JobView>, QueueError> {
    let ids: BTreeSet<JobId> = ids.collect();
    let jobs = jobs_by_id(connection, &ids.into_iter().collect::<Vec<_>>()).await?;
    Ok(jobs.into_iter().map(|job| (job.id, job)).collect())
}

async fn attempts_of(connection: &mut SqliteConnection, id: JobId) -> Result<Vec<AttemptView>, QueueError> {
    let attempts = sqlx::query_as!(
        AttemptView,
        r#"SELECT number AS "number: u32", run_id AS "run: RunId", baseline, intended_at AS "intended_at: Timestamp",
                  answered_at AS "answered_at: Timestamp", nullif(outcome, 'pending') AS "outcome?: AttemptOutcome",
                  http_status AS "http_status: u16", request_id, error_code AS "error_code: ErrorCode", error_message,
                  absence_checks AS "absence_checks: u32", first_check_at AS "first_check_at: Timestamp",
                  last_check_at AS "last_check_at: Timestamp"
           FROM attempts WHERE job_id = ?1 ORDER BY number"#,
        id.0
    );
    Ok(attempts.fetch_all(connection).await?)
}

async fn transitions_of(connection: &mut SqliteConnection, id: JobId) -> Result<Vec<TransitionView>, QueueError> {
    let transitions = sqlx::query_as!(
        TransitionView,
        r#"SELECT step AS "step: u32", at AS "at: Timestamp", from_state AS "from: JobState", to_state AS "to: JobState",
                  event, attempt AS "attempt: u32", error_code AS "error_code: ErrorCode", error_message, actor
           FROM transitions WHERE job_id = ?1 ORDER BY step"#,
        id.0
    );
    Ok(transitions.fetch_all(connection).await?)
}

/// A pending outcome has a name too, as in SQL.
#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn or_pending<S: Serializer>(outcome: &Option<AttemptOutcome>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(outcome.map_or("pending", AttemptOutcome::as_str))
}

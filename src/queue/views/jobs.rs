//! Jobs as they stand, and one job with its whole history. Reads only.

use crate::domain::{
    BatchName, ErrorCode, Hold, JobId, JobState, Lane, OperationId, RecordArn, RunId, SnapshotArn, SnapshotName,
    Timestamp,
};
use crate::queue::Queue;
use crate::queue::error::QueueError;
use crate::queue::jobs::transition::AttemptOutcome;
use crate::queue::sqlite::decode::{self, json};
use serde::{Serialize, Serializer};
use sqlx::SqliteConnection;

/// A job as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// Its number.
    pub id: JobId,
    /// The batch that brought it in.
    pub batch: BatchName,
    /// The line that brought it in.
    pub line: u64,
    /// Its lane.
    pub lane: Lane,
    /// The snapshot to export.
    pub snapshot_name: SnapshotName,
    /// The higher goes first.
    pub priority: i64,
    /// Whether it is to be exported even where an export of it exists.
    pub export_again: bool,
    /// Its state.
    pub state: JobState,
    /// Why it is not to be claimed.
    pub hold: Option<Hold>,
    /// Since when a person has it paused.
    pub paused_at: Option<Timestamp>,
    /// Not to be sent before.
    pub due_at: Option<Timestamp>,
    /// The calls sent: every intent counts as one.
    pub attempts: u32,
    /// Those that count against the limit.
    pub used: u32,
    /// The EBS copies that its export takes.
    pub weight: u32,
    /// The snapshot's ARN.
    pub source_arn: Option<SnapshotArn>,
    /// Whether it stands for an export that was not its own.
    pub adopted: bool,
    /// Its operation.
    pub operation_id: Option<OperationId>,
    /// Its export snapshot record.
    pub record_arn: Option<RecordArn>,
    /// The record's name.
    pub record_name: Option<String>,
    /// The service that it went to.
    pub destination_service: Option<String>,
    /// What it became: `ami-...` or `snap-...`.
    pub destination_id: Option<String>,
    /// The code of its trouble.
    pub error_code: Option<ErrorCode>,
    /// The trouble in words.
    pub error_message: Option<String>,
    /// When it came in.
    pub queued_at: Timestamp,
    /// When the last intent to send it was written.
    pub submitted_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When it is looked at next.
    pub next_poll_at: Option<Timestamp>,
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
    /// How it came out; nothing while that is open.
    #[serde(serialize_with = "or_pending")]
    pub outcome: Option<AttemptOutcome>,
    /// The HTTP status.
    pub http_status: Option<u16>,
    /// The request id.
    pub request_id: Option<String>,
    /// The code of its trouble.
    pub error_code: Option<ErrorCode>,
    /// The trouble in words.
    pub error_message: Option<String>,
    /// The complete readings of the ledger that did not show it.
    pub looks: u32,
    /// When the first of them began.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub first_look_at: Option<Timestamp>,
    /// When the last of them began.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub last_look_at: Option<Timestamp>,
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
    /// The code of the trouble.
    pub error_code: Option<ErrorCode>,
    /// The trouble in words.
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
        let mut reader = self.readers.take().await?;
        let mut transaction = reader.begin().await?;
        let Some(job) = jobs_by_id(&mut transaction, &[id.0]).await?.pop() else { return Ok(None) };
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
            r#"SELECT CAST(value AS INTEGER) AS "id!: i64" FROM json_each(?1)
               WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE id = value) ORDER BY key"#,
            wanted
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(missing.into_iter().map(JobId).collect())
    }

    /// The first and the last job; nothing where there is none.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn job_range(&self) -> Result<Option<(JobId, JobId)>, QueueError> {
        let row = sqlx::query!(
            r#"SELECT (SELECT min(id) FROM jobs) AS "first: i64", (SELECT max(id) FROM jobs) AS "last: i64""#
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(row.first.zip(row.last).map(|(first, last)| (JobId(first), JobId(last))))
    }
}

/// The jobs with these ids, in the order of the ids, each once for each time that it is named.
pub(in crate::queue) async fn jobs_by_id(
    connection: &mut SqliteConnection,
    ids: &[i64],
) -> Result<Vec<JobView>, QueueError> {
    let wanted = json(ids)?;
    let rows = sqlx::query_file!("src/queue/sql/jobs_by_id.sql", wanted).fetch_all(connection).await?;
    let mut jobs = Vec::with_capacity(rows.len());
    for row in rows {
        jobs.push(JobView {
            id: JobId(row.id),
            batch: decode::batch_name(row.batch)?,
            line: decode::count("a job's line", row.line)?,
            lane: decode::lane(&row.account, &row.region)?,
            snapshot_name: decode::snapshot_name(&row.snapshot_name)?,
            priority: row.priority,
            export_again: export_again(&row.existing)?,
            state: decode::state(&row.state)?,
            hold: decode::hold(row.hold)?,
            paused_at: decode::moment(row.paused_at),
            due_at: decode::moment(row.due_at),
            attempts: decode::small("a count of attempts", row.attempt)?,
            used: decode::small("a count of attempts", row.used)?,
            weight: decode::small("a job's weight", row.weight)?,
            source_arn: row.source_arn.map(SnapshotArn::new),
            adopted: row.adopted,
            operation_id: row.operation_id.map(OperationId::new),
            record_arn: row.record_arn.map(RecordArn::new),
            record_name: row.record_name,
            destination_service: row.destination_service,
            destination_id: row.destination_id,
            error_code: decode::code(row.error_code),
            error_message: row.error_message,
            queued_at: Timestamp(row.queued_at),
            submitted_at: decode::moment(row.submitted_at),
            finished_at: decode::moment(row.finished_at),
            next_poll_at: decode::moment(row.next_poll_at),
        });
    }
    Ok(jobs)
}

async fn attempts_of(connection: &mut SqliteConnection, id: JobId) -> Result<Vec<AttemptView>, QueueError> {
    let rows = sqlx::query!(
        r#"SELECT number, run_id, intended_at, answered_at, outcome, http_status, request_id, error_code,
               error_message, looks, first_look_at, last_look_at, baseline
           FROM attempts WHERE job_id = ?1 ORDER BY number"#,
        id.0
    )
    .fetch_all(connection)
    .await?;
    let mut attempts = Vec::with_capacity(rows.len());
    for row in rows {
        let status = |status: i64| {
            u16::try_from(status).map_err(|_| decode::corrupt("an attempt's HTTP status", status.to_string()))
        };
        attempts.push(AttemptView {
            number: decode::small("an attempt's number", row.number)?,
            run: RunId(row.run_id),
            intended_at: Timestamp(row.intended_at),
            answered_at: decode::moment(row.answered_at),
            outcome: outcome(&row.outcome)?,
            http_status: row.http_status.map(status).transpose()?,
            request_id: row.request_id,
            error_code: decode::code(row.error_code),
            error_message: row.error_message,
            looks: decode::small("an attempt's looks", row.looks)?,
            baseline: row.baseline,
            first_look_at: decode::moment(row.first_look_at),
            last_look_at: decode::moment(row.last_look_at),
        });
    }
    Ok(attempts)
}

async fn transitions_of(connection: &mut SqliteConnection, id: JobId) -> Result<Vec<TransitionView>, QueueError> {
    let rows = sqlx::query!(
        r#"SELECT step, at, from_state, to_state, event, attempt, error_code, error_message, actor
           FROM transitions WHERE job_id = ?1 ORDER BY step"#,
        id.0
    )
    .fetch_all(connection)
    .await?;
    let mut transitions = Vec::with_capacity(rows.len());
    for row in rows {
        transitions.push(TransitionView {
            step: decode::count("a step", row.step)?,
            at: Timestamp(row.at),
            from: decode::state(&row.from_state)?,
            to: decode::state(&row.to_state)?,
            event: row.event,
            attempt: decode::small("an attempt's number", row.attempt)?,
            error_code: decode::code(row.error_code),
            error_message: row.error_message,
            actor: row.actor,
        });
    }
    Ok(transitions)
}

/// One that is open has a name too, as in SQL.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "so serde wants it")]
fn or_pending<S: Serializer>(outcome: &Option<AttemptOutcome>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(outcome.map_or("pending", AttemptOutcome::as_str))
}

pub(in crate::queue) fn outcome(text: &str) -> Result<Option<AttemptOutcome>, QueueError> {
    if text == "pending" {
        return Ok(None);
    }
    let known = AttemptOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == text);
    known.map(Some).ok_or_else(|| decode::corrupt("an attempt's outcome", text))
}

fn export_again(text: &str) -> Result<bool, QueueError> {
    match text {
        "adopt" => Ok(false),
        "export-again" => Ok(true),
        other => Err(decode::corrupt("what to do about an existing export", other)),
    }
}

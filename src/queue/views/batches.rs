//! Batches with their counts, to be looked at. Reads only; the counts of jobs are the kept ones.

use crate::domain::{BatchId, BatchName, JobState, Timestamp};
use crate::queue::Queue;
use crate::queue::error::QueueError;
use crate::queue::sqlite::decode;
use crate::queue::views::counts::StateCounts;
use serde::Serialize;
use sqlx::SqliteConnection;
use std::collections::BTreeMap;

/// How far the loading of a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchStage {
    /// Rows are still coming in; nothing of it is sent.
    Loading,
    /// It is whole.
    Sealed,
}

/// What became of a batch's rows; `read` is the sum of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RowCounts {
    /// Rows read.
    pub read: u64,
    /// Those that made a job.
    pub new: u64,
    /// Those whose snapshot had a live job already, of another batch.
    pub live: u64,
    /// Those that repeat an earlier row of the batch.
    pub repeated: u64,
    /// Those that could not be used.
    pub rejected: u64,
}

/// A person's pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// Since when.
    #[serde(serialize_with = "Timestamp::as_text")]
    pub since: Timestamp,
    /// Who paused it, where that is known.
    pub by: Option<String>,
}

/// A batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchView {
    /// Its number.
    pub id: BatchId,
    /// Its name.
    pub name: BatchName,
    /// Where it came from: a file's name, or `-`.
    pub source: String,
    /// How far its loading is.
    pub stage: BatchStage,
    /// When its loading began.
    pub created_at: Timestamp,
    /// When it was whole.
    pub sealed_at: Option<Timestamp>,
    /// Its rows.
    pub rows: RowCounts,
    /// The names of the columns that are carried through to the report.
    pub carried: Vec<String>,
    /// Whether it is paused.
    pub paused: Option<Pause>,
    /// Its own jobs.
    pub jobs: StateCounts,
    /// The jobs of other batches to which its rows point.
    pub shared: StateCounts,
}

/// One entry of the jobs that a batch shares with others.
pub(in crate::queue) struct SharedJobs {
    pub(in crate::queue) batch: i64,
    pub(in crate::queue) lane: i64,
    pub(in crate::queue) state: JobState,
    pub(in crate::queue) jobs: u64,
}

impl Queue {
    /// Every batch, the oldest first.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn batches(&self) -> Result<Vec<BatchView>, QueueError> {
        self.read_batches(None).await
    }

    /// The batch of that name.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn batch(&self, name: &BatchName) -> Result<Option<BatchView>, QueueError> {
        let name = name.as_str();
        let id = sqlx::query_scalar!(
            r#"SELECT id AS "id!: BatchId" FROM batches WHERE name = ?1 AND pruned_at IS NULL"#,
            name
        )
        .fetch_optional(&self.readers)
        .await?;
        match id {
            Some(id) => Ok(self.read_batches(Some(id)).await?.pop()),
            None => Ok(None),
        }
    }

    /// The names of all batches, the newest first.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn batch_names(&self) -> Result<Vec<BatchName>, QueueError> {
        let names = sqlx::query_scalar!(
            r#"SELECT name AS "name: BatchName" FROM batches WHERE pruned_at IS NULL ORDER BY id DESC"#
        );
        Ok(names.fetch_all(&self.readers).await?)
    }

    async fn read_batches(&self, only: Option<BatchId>) -> Result<Vec<BatchView>, QueueError> {
        let wanted = only.map(|id| id.0);
        let mut reader = self.readers.take().await?;
        let mut transaction = reader.begin().await?;
        let rows = sqlx::query!(
            r#"SELECT id AS "id!: i64", name, source, state, created_at, sealed_at, rows_read, rows_new, rows_live,
                   rows_repeated, rows_rejected, carried, paused_at, paused_by
               FROM batches WHERE (?1 IS NULL OR id = ?1) AND pruned_at IS NULL ORDER BY id"#,
            wanted
        )
        .fetch_all(&mut *transaction)
        .await?;
        let job_counts = sqlx::query!(
            r#"SELECT batch_id, state, sum(jobs) AS "jobs!: i64" FROM job_counts
               WHERE ?1 IS NULL OR batch_id = ?1 GROUP BY batch_id, state"#,
            wanted
        )
        .fetch_all(&mut *transaction)
        .await?;
        let shared = shared_jobs(&mut transaction, only).await?;
        transaction.commit().await?;

        let mut own = by_number(job_counts.into_iter().map(|tally| (tally.batch_id, tally.state, tally.jobs)))?;
        let mut others: BTreeMap<i64, StateCounts> = BTreeMap::new();
        for one in shared {
            others.entry(one.batch).or_default().add(one.state, one.jobs);
        }
        let count = |value| decode::count("a count of rows", value);
        let mut batches = Vec::with_capacity(rows.len());
        for row in rows {
            batches.push(BatchView {
                id: BatchId(row.id),
                name: decode::batch_name(row.name)?,
                source: row.source,
                stage: stage(&row.state)?,
                created_at: Timestamp(row.created_at),
                sealed_at: decode::moment(row.sealed_at),
                rows: RowCounts {
                    read: count(row.rows_read)?,
                    new: count(row.rows_new)?,
                    live: count(row.rows_live)?,
                    repeated: count(row.rows_repeated)?,
                    rejected: count(row.rows_rejected)?,
                },
                carried: decode::texts("the names of the copied columns", Some(row.carried))?,
                paused: pause(row.paused_at, row.paused_by),
                jobs: own.remove(&row.id).unwrap_or_default(),
                shared: others.remove(&row.id).unwrap_or_default(),
            });
        }
        Ok(batches)
    }
}

fn stage(text: &str) -> Result<BatchStage, QueueError> {
    match text {
        "loading" => Ok(BatchStage::Loading),
        "sealed" => Ok(BatchStage::Sealed),
        other => Err(decode::corrupt("a batch's state", other)),
    }
}

pub(in crate::queue) fn pause(since: Option<i64>, by: Option<String>) -> Option<Pause> {
    since.map(|since| Pause { since: Timestamp(since), by })
}

/// Counts by state, for each number that they belong to.
pub(in crate::queue) fn by_number(
    entries: impl Iterator<Item = (i64, String, i64)>,
) -> Result<BTreeMap<i64, StateCounts>, QueueError> {
    let mut all: BTreeMap<i64, StateCounts> = BTreeMap::new();
    for (number, state, count) in entries {
        all.entry(number).or_default().add(decode::state(&state)?, decode::count("a tally", count)?);
    }
    Ok(all)
}

/// The jobs that batches, or one of them, share with others.
pub(in crate::queue) async fn shared_jobs(
    connection: &mut SqliteConnection,
    only: Option<BatchId>,
) -> Result<Vec<SharedJobs>, QueueError> {
    let wanted = only.map(|id| id.0);
    Ok(sqlx::query_file_as!(SharedJobs, "src/queue/sql/count_shared_jobs.sql", wanted).fetch_all(connection).await?)
}

//! Batches with their counts. Reads only; the counts of jobs are those that triggers keep.

use crate::domain::{BatchId, BatchName, JobState, LaneId, Timestamp, named};
use crate::queue::Queue;
use crate::queue::lanes::lane_records::Pause;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::Texts;
use crate::queue::views::counts::StateCounts;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

named! {
    /// How far the loading of a batch is.
    pub enum BatchStage {
        /// Rows are still coming in; nothing of it is sent.
        Loading = "loading",
        /// It is complete.
        Sealed = "sealed",
    }
}

/// Counts of a batch's rows; `read` is the sum of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    pub(in crate::queue) batch: BatchId,
    pub(in crate::queue) lane: LaneId,
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
        let mut transaction = self.readers.begin().await?;
        let mut batches =
            sqlx::query_file_as!(BatchView, "src/queue/sql/batches.sql", wanted).fetch_all(&mut *transaction).await?;
        for one in shared_jobs(&mut transaction, only).await? {
            if let Some(batch) = batches.iter_mut().find(|batch| batch.id == one.batch) {
                batch.shared.add(one.state, one.jobs);
            }
        }
        transaction.commit().await?;
        Ok(batches)
    }
}

/// The jobs that batches, or one of them, share with others.
pub(in crate::queue) async fn shared_jobs(
    connection: &mut SqliteConnection,
    only: Option<BatchId>,
) -> Result<Vec<SharedJobs>, QueueError> {
    let wanted = only.map(|id| id.0);
    Ok(sqlx::query_file_as!(SharedJobs, "src/queue/sql/count_shared_jobs.sql", wanted).fetch_all(connection).await?)
}

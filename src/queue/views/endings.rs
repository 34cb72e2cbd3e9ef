//! What a completion report needs: which batches have ended without one, and a batch's rows by the page, each with the
//! history of its job.

use crate::domain::{BatchId, BatchName, JobId, JobState, Timestamp};
use crate::queue::Queue;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::{Texts, json};
use crate::queue::views::job_views::{JobView, jobs_of_rows};

/// A batch of which every row has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The batch.
    pub batch: BatchId,
    /// Its name.
    pub name: BatchName,
    /// How often something of it changed after it had ended: another number is another ending.
    pub amended: i64,
}

/// A row of a batch with its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRow {
    /// Its line in the file.
    pub line: u64,
    /// Whether an earlier row of the batch points to the same job.
    pub repeated: bool,
    /// The values of the copied columns.
    pub carried: Vec<String>,
    /// The job that it points to.
    pub job: JobView,
}

/// One change of a job's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The job.
    pub job: JobId,
    /// When.
    pub at: Timestamp,
    /// The state before.
    pub from: JobState,
    /// The state after.
    pub to: JobState,
}

/// Some rows of a batch, as they stood at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchPage {
    /// The rows, in the file's order.
    pub rows: Vec<BatchRow>,
    /// Every change of their jobs' states, in no order; those of a repeated row stand with the first one.
    pub steps: Vec<Step>,
}

impl Queue {
    /// The first batch after `after` that has ended, and whose completion report has not been noted.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn next_ending(&self, after: Option<BatchId>) -> Result<Option<Ending>, QueueError> {
        let after = after.map_or(0, |id| id.0);
        let next = sqlx::query_file_as!(Ending, "src/queue/sql/next_ending.sql", after);
        Ok(next.fetch_optional(&self.readers).await?)
    }

    /// Whether nothing of the batch has changed since `ending` was read.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn still_ended(&self, ending: &Ending) -> Result<bool, QueueError> {
        let amended =
            sqlx::query_scalar!(r#"SELECT amended AS "amended!: i64" FROM batches WHERE id = ?1"#, ending.batch.0)
                .fetch_optional(&self.readers)
                .await?;
        Ok(amended == Some(ending.amended))
    }

    /// Notes that the completion report of this ending is written. A batch that has been taken up again since has
    /// another ending to come.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn note_bundled(&self, ending: &Ending, now: Timestamp) -> Result<(), QueueError> {
        let (batch, amended) = (ending.batch.0, ending.amended);
        let noted =
            sqlx::query!("UPDATE batches SET bundled = ?2, bundled_at = ?3 WHERE id = ?1", batch, amended, now.0);
        self.writer.execute(crate::points::Step::Bundled, [noted]).await.map(drop)
    }

    /// The next `limit` rows of a batch after the line `after`, at one moment; fewer only where there are no more.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn batch_page(&self, batch: BatchId, after: u64, limit: u32) -> Result<BatchPage, QueueError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let mut transaction = self.readers.begin().await?;
        let keys = sqlx::query!(
            r#"SELECT line AS "line!: u64", job_id AS "job!: JobId", disposition = 'repeated' AS "repeated!: bool",
                      coalesce(carried, '[]') AS "carried!: Texts"
               FROM batch_rows WHERE batch_id = ?1 AND line > ?2 ORDER BY line LIMIT ?3"#,
            batch.0,
            after,
            limit
        )
        .fetch_all(&mut *transaction)
        .await?;
        let jobs = jobs_of_rows(&mut transaction, keys.iter().map(|key| key.job)).await?;
        let firsts: Vec<JobId> = keys.iter().filter(|key| !key.repeated).map(|key| key.job).collect();
        let wanted = json(&firsts)?;
        let steps = sqlx::query_file_as!(Step, "src/queue/sql/steps_of_jobs.sql", wanted);
        let steps = steps.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        let rows = keys.into_iter().filter_map(|key| {
            let job = jobs.get(&key.job)?.clone();
            Some(BatchRow { line: key.line, repeated: key.repeated, carried: key.carried.into(), job })
        });
        Ok(BatchPage { rows: rows.collect(), steps })
    }
}

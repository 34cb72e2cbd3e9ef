//! What is left to do before a drain has ended.

use crate::domain::BatchId;
use crate::queue::Queue;
use crate::queue::queue_error::QueueError;

impl Queue {
    /// Jobs that continue without a person: live, not in review, not paused. Of all sealed batches, or of the jobs to which the rows
    /// of one point.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn unfinished(&self, batch: Option<BatchId>) -> Result<u64, QueueError> {
        Ok(match batch {
            None => sqlx::query_file_scalar!("src/queue/sql/unfinished.sql").fetch_one(&self.readers).await?,
            Some(batch) => {
                sqlx::query_file_scalar!("src/queue/sql/unfinished_of_batch.sql", batch.0)
                    .fetch_one(&self.readers)
                    .await?
            }
        })
    }

    /// Jobs that did not succeed and were not cancelled: failed, or waiting for a person. Of all, or of one batch's rows.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn unsuccessful(&self, batch: Option<BatchId>) -> Result<u64, QueueError> {
        let batch = batch.map(|batch| batch.0);
        Ok(sqlx::query_file_scalar!("src/queue/sql/unsuccessful.sql", batch).fetch_one(&self.readers).await?)
    }
}

//! Pruning: deletes batches whose completion report is written, with their jobs and their history. The ledger stays, so that it is known
//! which snapshots were exported. All of it is done in small steps, so that other writers need not wait; the next run finishes what a
//! kill leaves half done.

use crate::domain::{BatchId, BatchName, Timestamp};
use crate::points::Step;
use crate::queue::Queue;
use crate::queue::loading::leftovers::take_some;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::connection::WriteConnection;
use crate::queue::sqlite::open;

/// Pages that one transaction takes out of the file.
const PAGES: u32 = 256;

/// A connection that prunes.
#[derive(Debug)]
pub struct Pruner {
    writing: WriteConnection,
}

/// A batch that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prunable {
    /// The batch.
    pub batch: BatchId,
    /// Its name.
    pub name: BatchName,
}

impl Queue {
    /// Opens a connection that prunes.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be opened.
    pub async fn pruner(&self) -> Result<Pruner, QueueError> {
        Ok(Pruner { writing: open::connect_for_load(self.path(), &self.files).await? })
    }
}

impl Pruner {
    /// Makes the file give back free pages. A file that cannot is rewritten, once; whether it was.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails, or somebody writes for more than a minute.
    pub async fn make_shrinkable(&mut self) -> Result<bool, QueueError> {
        let mode: i64 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(self.writing.connection()).await?;
        if mode == INCREMENTAL {
            return Ok(false);
        }
        self.writing.in_place()?;
        let mut anew = self.writing.named(Step::Migrated);
        sqlx::query("PRAGMA auto_vacuum = INCREMENTAL").execute(anew.connection()).await?;
        let mut retries = 0;
        while let Err(error) = sqlx::query("VACUUM").execute(anew.connection()).await {
            anew.wait(&mut retries, error).await?;
        }
        anew.done();
        Ok(true)
    }

    /// The first batch after `after` that is over, that no other needs, and whose completion report was written by `by`.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn next(&mut self, by: Timestamp, after: Option<BatchId>) -> Result<Option<Prunable>, QueueError> {
        let after = after.map_or(0, |id| id.0);
        let next = sqlx::query_file_as!(Prunable, "src/queue/sql/prunable.sql", by.0, after);
        Ok(next.fetch_optional(self.writing.connection()).await?)
    }

    /// Hides a batch in one small write, and frees its name; whether it was still over.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn begin(&mut self, batch: BatchId, now: Timestamp) -> Result<bool, QueueError> {
        let mut transaction = self.writing.begin().await?;
        let hidden = sqlx::query!(
            "UPDATE batches SET state = 'loading', pruned_at = ?2, name = name || ' #' || id, paused_at = NULL, paused_by = NULL
             WHERE id = ?1 AND state = 'sealed' AND bundled = amended",
            batch.0,
            now.0
        )
        .execute(&mut *transaction)
        .await?
        .rows_affected()
            > 0;
        transaction.commit(if hidden { &[Step::PruneBegun] } else { &[] }).await?;
        Ok(hidden)
    }

    /// Deletes some of what is hidden; whether there may be more.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn take_away(&mut self) -> Result<bool, QueueError> {
        let begun = sqlx::query_scalar!(
            r#"SELECT id AS "id!: BatchId" FROM batches WHERE state = 'loading' AND pruned_at IS NOT NULL ORDER BY id LIMIT 1"#
        )
        .fetch_optional(self.writing.connection())
        .await?;
        let Some(batch) = begun else { return Ok(false) };
        let mut transaction = self.writing.begin().await?;
        take_some(&mut transaction, batch).await?;
        transaction.commit(&[Step::Pruned]).await?;
        Ok(true)
    }

    /// Gives back some free pages of the file; whether there may be more.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn give_back(&mut self) -> Result<bool, QueueError> {
        let mut transaction = self.writing.begin().await?;
        let free: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(&mut *transaction).await?;
        let mode: i64 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(&mut *transaction).await?;
        if free == 0 || mode != INCREMENTAL {
            transaction.commit(&[]).await?;
            return Ok(false);
        }
        sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA incremental_vacuum({PAGES})")))
            .execute(&mut *transaction)
            .await?;
        transaction.commit(&[Step::SpaceGivenBack]).await?;
        Ok(true)
    }

    /// Ends the connection.
    pub async fn close(self) {
        if let Err(error) = self.writing.close().await {
            tracing::debug!(%error, "the connection for pruning was not closed cleanly; what was done is safe");
        }
    }
}

/// The `PRAGMA auto_vacuum` of a file that gives pages back on request.
const INCREMENTAL: i64 = 2;

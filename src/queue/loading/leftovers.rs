//! What a killed load left behind. Loads hold a lock, so a batch that is `loading` while the lock is free belongs to a load that died.
//! It is deleted in steps, so that a running daemon need not wait.

use crate::domain::BatchId;
use crate::points::Step;
use crate::queue::loading::load::pause;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::connection::WriteConnection;
use sqlx::SqliteConnection;

/// Rows that one transaction removes, with their jobs: some 10 ms of work.
const ROWS: u32 = 500;

/// Deletes every batch that is `loading`, for the holder of the lock; returns how many there were.
pub(in crate::queue) async fn drop_all(writing: &mut WriteConnection) -> Result<usize, QueueError> {
    let left = sqlx::query_scalar!(
        r#"SELECT id AS "id!: BatchId" FROM batches WHERE state = 'loading' AND pruned_at IS NULL"#
    );
    let left = left.fetch_all(writing.connection()).await?;
    for batch in &left {
        drop_batch(writing, *batch).await?;
    }
    Ok(left.len())
}

/// Deletes a batch in steps; after a kill in the middle the rest is still recognized.
pub(in crate::queue) async fn drop_batch(writing: &mut WriteConnection, batch: BatchId) -> Result<(), QueueError> {
    loop {
        let mut transaction = writing.begin().await?;
        let more = take_some(&mut transaction, batch).await?;
        transaction.commit(&[Step::LoadDropped]).await?;
        if !more {
            return Ok(());
        }
        pause().await;
    }
}

/// Deletes some of a batch: rows with their jobs and history, and finally the batch itself; whether there is more. Only its own rows
/// may point to its jobs. The last rows are deleted first: a row that repeats another's snapshot stands below it.
pub(in crate::queue) async fn take_some(connection: &mut SqliteConnection, batch: BatchId) -> Result<bool, QueueError> {
    let last = sqlx::query!(
        r#"SELECT min(line) AS "first: i64", json_group_array(job_id) FILTER (WHERE disposition = 'new') AS "jobs!: String"
           FROM (SELECT line, job_id, disposition FROM batch_rows WHERE batch_id = ?1 ORDER BY line DESC LIMIT ?2)"#,
        batch.0,
        ROWS
    )
    .fetch_one(&mut *connection)
    .await?;
    if let Some(first) = last.first {
        let jobs = last.jobs;
        let statements = [
            sqlx::query!("DELETE FROM batch_rows WHERE batch_id = ?1 AND line >= ?2", batch.0, first),
            // A killed load may have a history too: acts on jobs that were still loading, when those could be selected.
            sqlx::query!("DELETE FROM attempts WHERE job_id IN (SELECT value FROM json_each(?1))", jobs),
            sqlx::query!("DELETE FROM transitions WHERE job_id IN (SELECT value FROM json_each(?1))", jobs),
            // A breaker of the lane remembers its last probe.
            sqlx::query!(
                "UPDATE breaker_openings SET probe = NULL WHERE probe IN (SELECT value FROM json_each(?1))",
                jobs
            ),
            sqlx::query!("DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?1))", jobs),
        ];
        for statement in statements {
            statement.execute(&mut *connection).await?;
        }
        return Ok(true);
    }
    let statements = [
        sqlx::query!("DELETE FROM job_counts WHERE batch_id = ?1", batch.0),
        sqlx::query!("DELETE FROM pauses WHERE batch_id = ?1", batch.0),
        sqlx::query!("DELETE FROM breaker_openings WHERE batch_id = ?1", batch.0),
        sqlx::query!("DELETE FROM outcomes WHERE batch_id = ?1", batch.0),
        sqlx::query!("DELETE FROM inventories WHERE batch_id = ?1", batch.0),
        sqlx::query!("DELETE FROM batches WHERE id = ?1", batch.0),
    ];
    for statement in statements {
        statement.execute(&mut *connection).await?;
    }
    Ok(false)
}

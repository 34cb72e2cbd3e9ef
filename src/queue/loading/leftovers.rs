//! What a killed load left behind. Loads hold a lock, so a batch that is `loading` while nobody has the lock is of a
//! load that has died. It is taken away in steps, so that a running daemon is not kept waiting.

use crate::domain::BatchId;
use crate::points::Step;
use crate::queue::error::QueueError;
use crate::queue::loading::load::pause;
use crate::queue::sqlite::connection::Door;
use sqlx::SqliteConnection;

/// Rows that one transaction takes away: some 10 ms of work.
const STEP: u32 = 2000;

/// Jobs with their history that one takes away: the same.
const JOBS: u32 = 500;

/// Takes away every batch that is `loading`; how many they were. Only for whoever holds the lock.
pub(in crate::queue) async fn drop_all(door: &mut Door) -> Result<usize, QueueError> {
    let left =
        sqlx::query_scalar!(r#"SELECT id AS "id!: i64" FROM batches WHERE state = 'loading' AND pruned_at IS NULL"#)
            .fetch_all(door.connection())
            .await?;
    for batch in &left {
        drop_batch(door, BatchId(*batch)).await?;
    }
    Ok(left.len())
}

/// Takes a batch away in steps, so that a kill in the middle leaves it known.
pub(in crate::queue) async fn drop_batch(door: &mut Door, batch: BatchId) -> Result<(), QueueError> {
    loop {
        let mut transaction = door.begin().await?;
        let more = take_some(&mut transaction, batch).await?;
        transaction.commit(&[Step::LoadDropped]).await?;
        if !more {
            return Ok(());
        }
        pause().await;
    }
}

/// Takes some of a batch away: rows, then jobs with their history, and at last the batch itself; whether there is more.
/// Nothing may point to its jobs but its own rows.
pub(in crate::queue) async fn take_some(connection: &mut SqliteConnection, batch: BatchId) -> Result<bool, QueueError> {
    let rows = sqlx::query!(
        "DELETE FROM batch_rows WHERE batch_id = ?1
         AND line IN (SELECT line FROM batch_rows WHERE batch_id = ?1 ORDER BY line LIMIT ?2)",
        batch.0,
        STEP
    )
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if rows > 0 {
        return Ok(true);
    }
    let jobs = sqlx::query_scalar!(
        r#"SELECT json_group_array(id) AS "ids!: String"
           FROM (SELECT id FROM jobs WHERE batch_id = ?1 ORDER BY line LIMIT ?2)"#,
        batch.0,
        JOBS
    )
    .fetch_one(&mut *connection)
    .await?;
    if jobs != "[]" {
        let statements = [
            // Of a load that was killed there may be a history too: acts on jobs that were still loading, once they could be selected.
            sqlx::query!("DELETE FROM attempts WHERE job_id IN (SELECT value FROM json_each(?1))", jobs),
            sqlx::query!("DELETE FROM transitions WHERE job_id IN (SELECT value FROM json_each(?1))", jobs),
            // A breaker of the lane remembers the job that it tried last.
            sqlx::query!("UPDATE trips SET probe = NULL WHERE probe IN (SELECT value FROM json_each(?1))", jobs),
            sqlx::query!("DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?1))", jobs),
        ];
        for statement in statements {
            statement.execute(&mut *connection).await?;
        }
        return Ok(true);
    }
    sqlx::query!("DELETE FROM tallies WHERE batch_id = ?1", batch.0).execute(&mut *connection).await?;
    sqlx::query!("DELETE FROM pauses WHERE batch_id = ?1", batch.0).execute(&mut *connection).await?;
    sqlx::query!("DELETE FROM trips WHERE batch_id = ?1", batch.0).execute(&mut *connection).await?;
    sqlx::query!("DELETE FROM outcomes WHERE batch_id = ?1", batch.0).execute(&mut *connection).await?;
    sqlx::query!("DELETE FROM clearances WHERE batch_id = ?1", batch.0).execute(&mut *connection).await?;
    sqlx::query!("DELETE FROM batches WHERE id = ?1", batch.0).execute(&mut *connection).await?;
    Ok(false)
}

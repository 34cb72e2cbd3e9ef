//! What a killed load left behind. Loads hold a lock, so a batch that is `loading` while nobody has the lock is of a
//! load that has died. It is taken away in steps, so that a running daemon is not kept waiting.

use super::door::Door;
use super::error::QueueError;
use super::load::pause;
use super::patience::Patience;
use crate::domain::BatchId;
use crate::points::Step;

/// Rows and jobs that one transaction takes away: some 10 ms of work.
const STEP: u32 = 2000;

/// Takes away every batch that is `loading`; how many they were. Only for whoever holds the lock.
pub(super) async fn drop_all(door: &mut Door) -> Result<usize, QueueError> {
    let left = sqlx::query_scalar!(r#"SELECT id AS "id!: i64" FROM batches WHERE state = 'loading'"#)
        .fetch_all(door.connection())
        .await?;
    for batch in &left {
        drop_batch(door, BatchId(*batch)).await?;
    }
    Ok(left.len())
}

/// Takes a batch away: rows, then jobs, and at last the batch itself, so that a kill in the middle leaves it known.
pub(super) async fn drop_batch(door: &mut Door, batch: BatchId) -> Result<(), QueueError> {
    loop {
        let mut patience = Patience::new();
        let mut transaction = loop {
            match door.begin().await {
                Ok(transaction) => break transaction,
                Err(error) => patience.wait(error).await?,
            }
        };
        let rows = sqlx::query!(
            "DELETE FROM batch_rows WHERE batch_id = ?1
             AND line IN (SELECT line FROM batch_rows WHERE batch_id = ?1 ORDER BY line LIMIT ?2)",
            batch.0,
            STEP
        )
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        let mut jobs = 0;
        if rows == 0 {
            // Databases hold acts on jobs that were still loading: once they could be selected.
            sqlx::query!(
                "DELETE FROM transitions WHERE job_id IN (SELECT id FROM jobs WHERE batch_id = ?1 ORDER BY line LIMIT ?2)",
                batch.0,
                STEP
            )
            .execute(&mut *transaction)
            .await?;
            jobs = sqlx::query!(
                "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE batch_id = ?1 ORDER BY line LIMIT ?2)",
                batch.0,
                STEP
            )
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        }
        let last = rows == 0 && jobs == 0;
        if last {
            sqlx::query!("DELETE FROM tallies WHERE batch_id = ?1", batch.0).execute(&mut *transaction).await?;
            sqlx::query!("DELETE FROM pauses WHERE batch_id = ?1", batch.0).execute(&mut *transaction).await?;
            sqlx::query!("DELETE FROM clearances WHERE batch_id = ?1", batch.0).execute(&mut *transaction).await?;
            sqlx::query!("DELETE FROM batches WHERE id = ?1", batch.0).execute(&mut *transaction).await?;
        }
        transaction.commit(&[Step::LoadDropped]).await?;
        if last {
            return Ok(());
        }
        pause().await;
    }
}

//! What an inventory needs of queued jobs: which it concerns, and which wait for it.

use crate::domain::{BatchId, JobId, LaneId, RunId, SnapshotArn, SnapshotName};
use crate::points::Step;
use crate::queue::Queue;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::json;

/// A queued job as an inventory finds it.
#[derive(Debug, Clone)]
pub struct InventoryJob {
    /// The job.
    pub job: JobId,
    /// Its snapshot.
    pub snapshot: SnapshotName,
    /// The number of its last attempt.
    pub attempt: u32,
    /// The attempts that count.
    pub used: u32,
    /// Whether it may adopt an export that is not its own.
    pub adopts: bool,
    /// Whether it waits for this inventory.
    pub held: bool,
    /// The state of the snapshot, where it exists.
    pub snapshot_state: Option<String>,
    /// The ARN of the snapshot, where it exists and has one.
    pub snapshot_arn: Option<SnapshotArn>,
    /// Whether the ledger has entries of that name.
    pub in_ledger: bool,
}

impl Queue {
    /// Up to `limit` queued jobs after `after` that an inventory concerns: those of `batch`; without one, those that wait
    /// for an inventory, and those whose snapshot is gone since an earlier inventory of this run.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn inventory_jobs(
        &self,
        lane: LaneId,
        run: RunId,
        batch: Option<BatchId>,
        after: JobId,
        limit: u32,
    ) -> Result<Vec<InventoryJob>, QueueError> {
        let batch = batch.map(|batch| batch.0);
        let jobs = sqlx::query_file_as!(
            InventoryJob,
            "src/queue/sql/inventory_jobs.sql",
            lane.0,
            batch,
            after.0,
            limit,
            run.0
        );
        Ok(jobs.fetch_all(&self.readers).await?)
    }

    /// Holds queued jobs for the next inventory, or releases them.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn hold_for_inventory(&self, lane: LaneId, hold: &[JobId], release: &[JobId]) -> Result<(), QueueError> {
        if hold.is_empty() && release.is_empty() {
            return Ok(());
        }
        let hold = json(hold)?;
        let release = json(release)?;
        let newly_held = sqlx::query!(
            "UPDATE jobs SET hold = 'inventory'
             WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'queued' AND hold IS NULL",
            hold
        );
        let released = sqlx::query!(
            "UPDATE jobs SET hold = NULL
             WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'queued' AND hold = 'inventory'",
            release
        );
        self.writer.execute((Step::HeldForInventory, lane), [newly_held, released]).await.map(drop)
    }
}

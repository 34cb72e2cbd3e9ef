//! Lightsail's ledger and snapshots as far as they were seen. A change is unprocessed until it has been acted upon, so that a crash
//! between reading and acting loses nothing.

use crate::domain::{
    Destination, EntryStatus, Failure, JobId, LaneId, OperationId, RecordArn, SnapshotArn, SnapshotName, Timestamp,
};
use crate::points::Step;
use crate::queue::Queue;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::{EntryOwner, json};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use std::collections::BTreeSet;

/// Rows in one JSON text.
const PART: usize = 250;

/// What an entry is: its key in Lightsail's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "key", rename_all = "snake_case")]
pub enum EntryKey {
    /// An operation.
    Operation(OperationId),
    /// An export snapshot record.
    Record(RecordArn),
}

/// What a reading shows of one export; `sql/record_observations.sql` reads it as JSON, and `sql/entries.sql` writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Observation {
    /// Which entry.
    #[serde(flatten)]
    pub key: EntryKey,
    /// The snapshot's name.
    pub snapshot: SnapshotName,
    /// The snapshot's ARN, where the entry has it.
    pub snapshot_arn: Option<SnapshotArn>,
    /// How far it is.
    pub status: EntryStatus,
    /// A record's name.
    pub record_name: Option<String>,
    /// What the export produced.
    pub destination: Option<Destination>,
    /// Why it failed, if an operation shows that.
    pub failure: Option<Failure>,
    /// When it began, by the service's clock: it orders candidates and decides nothing.
    pub created_at: Option<Timestamp>,
}

/// An entry of the ledger.
#[derive(Debug, Clone)]
pub struct LedgerEntry {
    /// Its number: what was seen later has a higher one.
    pub id: i64,
    /// What was observed.
    pub sighting: Observation,
    /// The job and the number of the attempt that it belongs to; attempt 0 where the job adopted it.
    pub owner: Option<(JobId, u32)>,
}

/// A snapshot as an inventory shows it; `sql/list_snapshots.sql` reads it as JSON.
#[derive(Debug, Clone, Serialize)]
pub struct ListedSnapshot {
    /// Its name.
    pub name: SnapshotName,
    /// Its ARN.
    pub arn: Option<SnapshotArn>,
    /// `instance` or `disk`.
    pub kind: &'static str,
    /// `available`, `pending`, `error`, or the service's own word.
    pub state: String,
    /// EBS copies that its export takes.
    pub weight: u32,
    /// Gigabytes.
    pub size_gb: Option<i64>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

impl Queue {
    /// Records what a page of the ledger showed; returns how many entries were new or had changed.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn record_observations(
        &self,
        lane: LaneId,
        sightings: &[Observation],
        now: Timestamp,
    ) -> Result<u64, QueueError> {
        if sightings.is_empty() {
            return Ok(0);
        }
        let rows = in_parts(sightings)?;
        self.writer
            .write(Step::ObservationsRecorded, move |connection| {
                Box::pin(async move {
                    let mut written = 0;
                    for rows in rows {
                        written += record_some(connection, lane, rows, now).await?;
                    }
                    Ok(written)
                })
            })
            .await
    }

    /// Every entry of these snapshots' names, in the order in which they were first seen.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn entries(&self, lane: LaneId, names: &[SnapshotName]) -> Result<Vec<LedgerEntry>, QueueError> {
        // Jobs of one name ask for it more than once.
        let names = json(&names.iter().collect::<BTreeSet<_>>())?;
        let entries = sqlx::query_file_as!(LedgerEntry, "src/queue/sql/entries.sql", lane.0, names);
        Ok(entries.fetch_all(&self.readers).await?)
    }

    /// Up to `limit` unprocessed entries. Those of a job that is being sent wait for its response: if it returns to the queue, they
    /// matter.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn unprocessed_changes(&self, lane: LaneId, limit: u32) -> Result<Vec<i64>, QueueError> {
        let unprocessed = sqlx::query_scalar!(
            r#"SELECT id AS "id!: i64" FROM ledger
               WHERE lane_id = ?1 AND unprocessed = 1
                 AND NOT EXISTS (SELECT 1 FROM jobs
                                 WHERE jobs.lane_id = ledger.lane_id AND jobs.snapshot_name = ledger.snapshot_name
                                   AND jobs.finished_at IS NULL AND jobs.state = 'submitting')
               ORDER BY id LIMIT ?2"#,
            lane.0,
            limit
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(unprocessed)
    }

    /// Marks these entries as processed.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn mark_processed(&self, lane: LaneId, entries: &[i64]) -> Result<(), QueueError> {
        let entries = json(entries)?;
        let settled = sqlx::query!(
            "UPDATE ledger SET unprocessed = 0 WHERE id IN (SELECT value FROM json_each(?1)) AND unprocessed = 1",
            entries
        );
        self.writer.execute((Step::ChangesProcessed, lane), [settled]).await.map(drop)
    }

    /// The number of an inventory that is about to begin.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn next_inventory(&self, lane: LaneId) -> Result<i64, QueueError> {
        let last = sqlx::query_scalar!(
            r#"SELECT coalesce(max(inventory), 0) AS "last!: i64" FROM snapshots WHERE lane_id = ?1"#,
            lane.0
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(last.saturating_add(1))
    }

    /// Records a page of snapshots.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn record_snapshots(
        &self,
        lane: LaneId,
        inventory: i64,
        snapshots: &[ListedSnapshot],
    ) -> Result<(), QueueError> {
        let rows = in_parts(snapshots)?;
        let listed = rows
            .into_iter()
            .map(move |rows| sqlx::query_file!("src/queue/sql/list_snapshots.sql", rows, lane.0, inventory));
        self.writer.execute(Step::SnapshotsRecorded, listed).await.map(drop)
    }

    /// Ends an inventory: what it did not show is gone. Queued jobs keep the ARN of what they were for.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn end_inventory(&self, lane: LaneId, inventory: i64, now: Timestamp) -> Result<(), QueueError> {
        let kept = sqlx::query!(
            "UPDATE jobs SET source_arn = (SELECT arn FROM snapshots WHERE snapshots.lane_id = jobs.lane_id
                                           AND snapshots.name = jobs.snapshot_name)
             WHERE id IN (SELECT live.id FROM snapshots CROSS JOIN jobs AS live
                          ON live.lane_id = snapshots.lane_id AND live.snapshot_name = snapshots.name
                          AND live.finished_at IS NULL
                          WHERE live.state = 'queued' AND snapshots.lane_id = ?1 AND snapshots.inventory < ?2
                            AND snapshots.arn IS NOT NULL)",
            lane.0,
            inventory
        );
        let gone = sqlx::query!("DELETE FROM snapshots WHERE lane_id = ?1 AND inventory < ?2", lane.0, inventory);
        let listed = sqlx::query!("UPDATE lanes SET listed_at = ?2 WHERE id = ?1", lane.0, now.0);
        self.writer.execute(Step::InventoryEnded, [kept, gone, listed]).await.map(drop)
    }

    /// The state of a snapshot that the last inventory showed.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn snapshot_state(&self, lane: LaneId, name: &SnapshotName) -> Result<Option<String>, QueueError> {
        let name = name.as_str();
        let state = sqlx::query_scalar!("SELECT state FROM snapshots WHERE lane_id = ?1 AND name = ?2", lane.0, name)
            .fetch_optional(&self.readers)
            .await?;
        Ok(state)
    }

    /// Up to `limit` names of snapshots that the last inventory showed, from `from` on, in their order.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn snapshot_names(&self, lane: LaneId, from: &str, limit: u32) -> Result<Vec<String>, QueueError> {
        let names = sqlx::query_scalar!(
            "SELECT name FROM snapshots WHERE lane_id = ?1 AND name >= ?2 ORDER BY name LIMIT ?3",
            lane.0,
            from,
            limit
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(names)
    }
}

/// Rows as JSON, in parts: one text of all of them, and what becomes of it in the store, would be most of the daemon's memory.
fn in_parts<T: Serialize>(rows: &[T]) -> Result<Vec<String>, QueueError> {
    rows.chunks(PART).map(json).collect()
}

async fn record_some(
    connection: &mut SqliteConnection,
    lane: LaneId,
    rows: String,
    now: Timestamp,
) -> Result<u64, QueueError> {
    let named = sqlx::query_file!("src/queue/sql/name_records.sql", rows, lane.0).fetch_all(&mut *connection).await?;
    for one in named {
        sqlx::query!(
            "UPDATE jobs SET record_arn = ?1
                             WHERE record_arn = ?2 AND id IN (
                                 SELECT ?3 UNION ALL SELECT id FROM jobs AS live
                                 WHERE live.lane_id = ?4 AND live.snapshot_name = ?5
                                   AND live.finished_at IS NULL)",
            one.arn,
            one.name,
            one.job_id,
            lane.0,
            one.snapshot
        )
        .execute(&mut *connection)
        .await?;
    }
    let written = sqlx::query_file!("src/queue/sql/record_observations.sql", rows, lane.0, now.0)
        .execute(&mut *connection)
        .await?;
    Ok(written.rows_affected())
}

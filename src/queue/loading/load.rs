//! Loading a batch: many small transactions, and one at the end that makes all of it visible. Until then its jobs are not claimed;
//! what a killed load leaves, the next one deletes.
//!
//! A load has a connection of its own. Its transactions are not synced one by one: the one that seals the batch syncs them all, and a
//! power cut before that loses a batch that did not exist yet.

use crate::domain::{BatchId, BatchName, Lane, Timestamp};
use crate::points::{Between, Point, Step, reached};
use crate::queue::Queue;
use crate::queue::files::lock::{DatabaseLock, Held, LockError};
use crate::queue::loading::chunk::{Chunk, NewRow, out_of_order};
use crate::queue::loading::leftovers;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::connection::WriteConnection;
use crate::queue::sqlite::decode::json;
use crate::queue::sqlite::open;
use sqlx::SqliteConnection;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// A pause between transactions of a load, for a daemon that waits to write (it tries each millisecond).
pub(in crate::queue) const PAUSE: Duration = Duration::from_millis(3);

/// Transactions between two pauses: some 50 ms of work, so that the load itself waits little.
const PAUSE_AFTER: u32 = 12;

/// Pages from which on a load restarts the log: 32 MiB.
const LONG_LOG: i64 = 8000;

/// What a new batch is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadName {
    /// This name, or the load fails.
    Given(BatchName),
    /// This name, or with a number appended where it is taken.
    Derived(BatchName),
}

/// The counts of a loaded batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSummary {
    /// The batch.
    pub id: BatchId,
    /// Its name.
    pub name: BatchName,
    /// The rows of the file: the sum of the four below.
    pub read: u64,
    /// Rows that made a job.
    pub new: u64,
    /// Rows whose snapshot had a live job of an earlier batch.
    pub live: u64,
    /// Rows whose snapshot an earlier row of the file has.
    pub repeated: u64,
    /// Rows that were rejected.
    pub rejected: u64,
}

/// A batch that is being loaded. It exists only once it is sealed; if this is dropped before, the next load deletes it.
#[derive(Debug)]
pub struct BatchLoad {
    writing: WriteConnection,
    batch: BatchId,
    name: BatchName,
    now: Timestamp,
    lanes: HashMap<Lane, i64>,
    last_line: u64,
    chunks: u32,
    _lock: DatabaseLock,
}

impl Queue {
    /// Begins to load a batch from `source` with these copied columns, after deleting what killed loads have left. Waits while another
    /// process loads; `who` names this one to a third.
    ///
    /// # Errors
    /// [`QueueError::Taken`] where there is a batch of the given name.
    pub async fn begin_load(
        &self,
        name: LoadName,
        source: &str,
        carried: &[String],
        who: &str,
        now: Timestamp,
    ) -> Result<BatchLoad, QueueError> {
        let lock = DatabaseLock::wait(self.path(), Held::Load, who).await.map_err(Arc::new)?;
        let mut writing = open::connect_for_load(self.path(), &self.files).await?;
        reached(Point::Between(Between::LoadLocked));
        let left = leftovers::drop_all(&mut writing).await?;
        if left > 0 {
            tracing::info!(batches = left, "deleted what a killed load had left");
        }
        let (batch, name) = begin_batch(&mut writing, name, source, &json(carried)?, now).await?;
        Ok(BatchLoad { writing, batch, name, now, lanes: HashMap::new(), last_line: 0, chunks: 0, _lock: lock })
    }

    /// Deletes what killed loads have left, unless a load is in progress; returns how many batches there were.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn drop_killed_loads(&self, who: &str) -> Result<usize, QueueError> {
        let _lock = match DatabaseLock::take(self.path(), Held::Load, who) {
            Ok(lock) => lock,
            Err(LockError::Taken { .. }) => return Ok(0),
            Err(error) => return Err(Arc::new(error).into()),
        };
        let mut writing = open::connect_for_load(self.path(), &self.files).await?;
        let left = leftovers::drop_all(&mut writing).await?;
        writing.close().await?;
        Ok(left)
    }
}

impl BatchLoad {
    /// What the batch is called.
    pub fn name(&self) -> &BatchName {
        &self.name
    }

    /// Loads rows in one transaction: a thousand or two, so that no other writer waits long.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails; then the load cannot be continued.
    pub async fn add(&mut self, rows: Vec<NewRow>) -> Result<(), QueueError> {
        self.add_chunk(&Chunk::of(&rows)?).await
    }

    /// Loads serialized rows, as [`BatchLoad::add`] does.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails; then the load cannot be continued.
    pub async fn add_chunk(&mut self, chunk: &Chunk) -> Result<(), QueueError> {
        if chunk.count == 0 {
            return Ok(());
        }
        if chunk.first_line <= self.last_line {
            return Err(out_of_order(chunk.first_line));
        }
        self.last_line = chunk.last_line;
        let batch = self.batch.0;
        let mut transaction = self.writing.begin().await?;
        let mut written = 0;
        for (lane, count, rows) in &chunk.lanes {
            let lane = lane_id(&mut transaction, &mut self.lanes, lane).await?;
            let jobs = sqlx::query_file!("src/queue/sql/add_jobs.sql", rows, lane, batch, self.now.0);
            let jobs = jobs.execute(&mut *transaction).await?;
            let new = number(jobs.rows_affected())?;
            sqlx::query!(
                "INSERT INTO job_counts (lane_id, batch_id, state, jobs, weight) SELECT ?1, ?2, 'queued', ?3, ?3 WHERE ?3 > 0
                 ON CONFLICT DO UPDATE SET jobs = jobs + excluded.jobs, weight = weight + excluded.weight",
                lane,
                batch,
                new
            )
            .execute(&mut *transaction)
            .await?;
            let added = if jobs.rows_affected() == *count {
                let first = jobs.last_insert_rowid() - new + 1;
                sqlx::query_file!("src/queue/sql/add_new_rows.sql", rows, batch, first)
                    .execute(&mut *transaction)
                    .await?
            } else {
                sqlx::query_file!("src/queue/sql/add_rows.sql", rows, lane, batch).execute(&mut *transaction).await?
            };
            written += added.rows_affected();
        }
        if written != chunk.count {
            let value = format!("{written} of {}", chunk.count);
            return Err(QueueError::Corrupt("rows just loaded", value));
        }
        transaction.commit(&[Step::LoadAdded]).await?;
        self.chunks += 1;
        if self.chunks.is_multiple_of(PAUSE_AFTER) {
            begin_log_anew(&mut self.writing).await?;
            pause().await;
        }
        Ok(())
    }

    /// Makes the whole batch visible and durable. `rejected` rows of the file are not in it.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails; then there is no batch.
    pub async fn seal(mut self, rejected: u64, now: Timestamp) -> Result<BatchSummary, QueueError> {
        // Before the write that seals it, to keep that small: nothing else writes rows of this batch.
        let rows = sqlx::query_file!("src/queue/sql/count_rows.sql", self.batch.0)
            .fetch_one(self.writing.connection())
            .await?;
        let passed_over = number(rejected)?;
        let read = rows.read + passed_over;
        reached(Point::Between(Between::LoadComplete));
        // Syncs what came before it too.
        sqlx::query("PRAGMA synchronous = FULL").execute(self.writing.connection()).await?;
        let mut transaction = self.writing.begin().await?;
        let sealed = sqlx::query!(
            "UPDATE batches SET state = 'sealed', sealed_at = ?2, rows_read = ?3, rows_new = ?4, rows_live = ?5,
                    rows_repeated = ?6, rows_rejected = ?7
             WHERE id = ?1 AND state = 'loading'",
            self.batch.0,
            now.0,
            read,
            rows.new,
            rows.live,
            rows.repeated,
            passed_over
        )
        .execute(&mut *transaction)
        .await?;
        if sealed.rows_affected() != 1 {
            return Err(QueueError::Corrupt("the batch just loaded", self.name.to_string()));
        }
        let lanes: Vec<i64> = self.lanes.into_values().collect();
        crate::queue::jobs::wakers::add_wake_ups(&mut transaction, &json(&lanes)?, "[]").await?;
        transaction.commit(&[Step::LoadSealed]).await?;
        if let Err(error) = self.writing.close().await {
            tracing::debug!(%error, "the load's connection was not closed cleanly; the batch is safe");
        }
        let [read, new, live, repeated] = [read, rows.new, rows.live, rows.repeated].map(i64::unsigned_abs);
        Ok(BatchSummary { id: self.batch, name: self.name, read, new, live, repeated, rejected })
    }

    /// Deletes what was loaded. If a load is dropped instead, the next one does that.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails; the next load will try again.
    pub async fn abandon(mut self) -> Result<(), QueueError> {
        leftovers::drop_batch(&mut self.writing, self.batch).await?;
        self.writing.close().await?;
        Ok(())
    }
}

/// `SQLite` restarts the log at the next write if all of it was copied. It grows if other processes write between each copy and the next
/// commit; little is left to copy by then.
async fn begin_log_anew(writing: &mut WriteConnection) -> Result<(), QueueError> {
    let (_, pages, _): (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(NOOP)").fetch_one(writing.connection()).await?;
    if pages >= LONG_LOG {
        sqlx::query("PRAGMA wal_checkpoint(RESTART)").execute(writing.connection()).await?;
    }
    Ok(())
}

/// Gives other processes time to write.
pub(in crate::queue) async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

async fn begin_batch(
    writing: &mut WriteConnection,
    name: LoadName,
    source: &str,
    carried: &str,
    now: Timestamp,
) -> Result<(BatchId, BatchName), QueueError> {
    let (given, derived) = match name {
        LoadName::Given(name) => (name, false),
        LoadName::Derived(name) => (name, true),
    };
    let (mut name, mut number) = (given.clone(), 1);
    // In a transaction of its own: a row comes back before it is committed, and an error of that commit would go unheard.
    let mut transaction = writing.begin().await?;
    loop {
        let text = name.as_str();
        let made = sqlx::query_scalar!(
            r#"INSERT INTO batches (name, source, state, created_at, carried) VALUES (?1, ?2, 'loading', ?3, ?4)
               ON CONFLICT (name) DO NOTHING RETURNING id AS "id!: BatchId""#,
            text,
            source,
            now.0,
            carried
        )
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(id) = made {
            transaction.commit(&[Step::LoadBegun]).await?;
            return Ok((id, name));
        }
        if !derived {
            return Err(QueueError::taken(&name));
        }
        number += 1;
        name = numbered(&given, number);
    }
}

/// The name with a number appended, cut if it would be too long.
fn numbered(name: &BatchName, number: u32) -> BatchName {
    let ending = format!("-{number}");
    let stem: String = name.as_str().chars().take(200 - ending.len()).collect();
    BatchName::parse(&format!("{stem}{ending}")).unwrap_or_else(|_| name.clone())
}

async fn lane_id(
    connection: &mut SqliteConnection,
    known: &mut HashMap<Lane, i64>,
    lane: &Lane,
) -> Result<i64, QueueError> {
    if let Some(id) = known.get(lane) {
        return Ok(*id);
    }
    let (account, region) = (lane.account.as_str(), lane.region.as_str());
    let id = sqlx::query_scalar!(
        r#"INSERT INTO lanes (account, region) VALUES (?1, ?2)
           ON CONFLICT DO UPDATE SET region = region RETURNING id AS "id!: i64""#,
        account,
        region
    )
    .fetch_one(&mut *connection)
    .await?;
    known.insert(lane.clone(), id);
    Ok(id)
}

fn number(count: u64) -> Result<i64, QueueError> {
    i64::try_from(count).map_err(|_| QueueError::Corrupt("a number too big", count.to_string()))
}

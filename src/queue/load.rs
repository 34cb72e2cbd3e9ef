//! Loading a batch: many small transactions, and one at the end that makes all of it visible. Until then its jobs are
//! not claimed, and a load that dies leaves nothing that the next one would not take away.
//!
//! A load has a connection of its own. Its transactions are not flushed one by one: the one that seals the batch
//! flushes them all, and a power cut before that loses a batch that was not there yet.

use super::Queue;
use super::checkpoints;
use super::chunk::{Chunk, Range, in_order};
use super::database;
use super::door::Door;
use super::error::QueueError;
use super::leftovers;
use super::lock::{DatabaseLock, Held, LockError};
use super::patience::Patience;
use super::reading::json;
use crate::domain::{BatchId, BatchName, Existing, Lane, SnapshotName, Timestamp};
use crate::points::{Between, Point, Step, reached};
use sqlx::SqliteConnection;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Between some transactions of a load: time for a daemon that waits to write (it looks each millisecond).
pub(super) const PAUSE: Duration = Duration::from_millis(3);

/// Transactions between two pauses: some 50 ms of work, so that little of the load's own time is spent on waiting.
const PAUSE_AFTER: u32 = 12;

/// How often a load that waits for another looks whether that has ended.
const LOCK_LOOK: Duration = Duration::from_millis(50);

/// A row to be loaded.
#[derive(Debug, Clone)]
pub struct NewRow {
    /// Its line in the file; each is above the one before.
    pub line: u64,
    /// The lane of the snapshot.
    pub lane: Lane,
    /// The snapshot.
    pub snapshot: SnapshotName,
    /// The higher goes first.
    pub priority: i64,
    /// Not to be sent earlier.
    pub not_before: Option<Timestamp>,
    /// What to do about an export that is there already.
    pub existing: Existing,
    /// The cells of the carried columns, in their order.
    pub carried: Vec<String>,
}

/// What a new batch is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadName {
    /// So, or not at all.
    Given(BatchName),
    /// So, or with a number behind it where there is such a batch.
    Derived(BatchName),
}

/// What became of the rows of a batch.
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
    /// Rows that were passed over.
    pub rejected: u64,
}

/// A batch that is being loaded. It is there only once it is sealed; dropped before, the next load takes it away.
#[derive(Debug)]
pub struct BatchLoad {
    door: Door,
    batch: BatchId,
    name: BatchName,
    now: Timestamp,
    lanes: HashMap<Lane, i64>,
    last_line: u64,
    new: u64,
    live: u64,
    repeated: u64,
    chunks: u32,
    /// Whether the last rows made no job, as those of a file that is brought in again: then jobs are looked for first.
    known: bool,
    _lock: DatabaseLock,
}

impl Queue {
    /// Begins to load a batch from `source` with these carried columns; what killed loads have left is taken away
    /// first. Waits while another process loads; `who` is what a third one is told.
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
        let lock = self.lock_loads(who).await?;
        let mut door = database::connect_for_load(self.path(), &self.place).await?;
        reached(Point::Between(Between::LoadLocked));
        let left = leftovers::drop_all(&mut door).await?;
        if left > 0 {
            tracing::info!(batches = left, "took away what a killed load had left");
        }
        let carried = json(carried)?;
        let (batch, name) = begin_batch(&mut door, name, source, &carried, now).await?;
        Ok(BatchLoad {
            door,
            batch,
            name,
            now,
            lanes: HashMap::new(),
            last_line: 0,
            new: 0,
            live: 0,
            repeated: 0,
            chunks: 0,
            known: false,
            _lock: lock,
        })
    }

    /// Takes away what killed loads have left, unless a load is under way; how many batches they were.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn drop_killed_loads(&self, who: &str) -> Result<usize, QueueError> {
        let _lock = match DatabaseLock::take(self.path(), Held::Load, who) {
            Ok(lock) => lock,
            Err(LockError::Taken { .. }) => return Ok(0),
            Err(error) => return Err(Arc::new(error).into()),
        };
        let mut door = database::connect_for_load(self.path(), &self.place).await?;
        let left = leftovers::drop_all(&mut door).await?;
        door.close().await?;
        Ok(left)
    }

    /// Looks again and again instead of blocking a thread, so that whoever waits can give up.
    async fn lock_loads(&self, who: &str) -> Result<DatabaseLock, QueueError> {
        let mut told = false;
        loop {
            match DatabaseLock::take(self.path(), Held::Load, who) {
                Ok(lock) => return Ok(lock),
                Err(LockError::Taken { holder, .. }) if !told => {
                    tracing::info!(holder, "waiting for another load to end");
                    told = true;
                }
                Err(LockError::Taken { .. }) => {}
                Err(error) => return Err(Arc::new(error).into()),
            }
            tokio::time::sleep(LOCK_LOOK).await;
        }
    }
}

impl BatchLoad {
    /// What the batch is called.
    #[must_use]
    pub fn name(&self) -> &BatchName {
        &self.name
    }

    /// Loads rows, all in one transaction: a thousand or two, so that nobody waits long for it.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails; the load is good for nothing then.
    pub async fn add(&mut self, rows: Vec<NewRow>) -> Result<(), QueueError> {
        self.add_chunk(Chunk::of(rows, self.now)?.without_rows()).await
    }

    /// Loads rows that were written down before, as [`BatchLoad::add`] does.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails; the load is good for nothing then.
    pub async fn add_chunk(&mut self, chunk: Chunk) -> Result<(), QueueError> {
        let Some(Range { first, last }) = chunk.lines else { return Ok(()) };
        in_order(self.last_line, first)?;
        self.last_line = last;
        let mut patience = Patience::new();
        let mut transaction = loop {
            match self.door.begin().await {
                Ok(transaction) => break transaction,
                Err(error) => patience.wait(error).await?,
            }
        };
        let count = chunk.count;
        let (mut new, mut live, mut repeated) = (0, 0, 0);
        let mut lanes = Vec::with_capacity(chunk.groups.len());
        for (lane, existing, given) in &chunk.groups {
            lanes.push((lane_id(&mut transaction, &mut self.lanes, lane).await?, *existing, given.as_str()));
        }
        let mut found = 0;
        if self.known {
            found = add_rows(&mut transaction, self.batch, &lanes).await?;
        }
        if found < count {
            for (lane, existing, given) in &lanes {
                new += add_jobs(&mut transaction, self.batch, (*lane, *existing, chunk.usual), given, self.now).await?;
            }
        }
        let (first, last) = (number(first)?, number(last)?);
        let batch = self.batch.0;
        let written = if found == count && self.new == 0 {
            // The batch has made no job yet, so each of these is an earlier batch's.
            live = found;
            found
        } else if new == count && !chunk.carries {
            sqlx::query_file!("src/queue/sql/add_rows_of_new_jobs.sql", batch, first, last)
                .execute(&mut *transaction)
                .await?
                .rows_affected()
        } else {
            if found < count {
                add_rows(&mut transaction, self.batch, &lanes).await?;
            }
            let counted = sqlx::query_file!("src/queue/sql/count_rows.sql", batch, first, last)
                .fetch_one(&mut *transaction)
                .await?;
            (live, repeated) = (counted.live.unsigned_abs(), counted.repeated.unsigned_abs());
            counted.rows.unsigned_abs()
        };
        if written != count || new + live + repeated != count {
            let value = format!("{written} of {count}, {new} new, {live} live, {repeated} repeated");
            return Err(QueueError::Corrupt { what: "rows just loaded", value });
        }
        transaction.commit(&[Step::LoadAdded]).await?;
        self.known = new == 0;
        self.new += new;
        self.live += live;
        self.repeated += repeated;
        checkpoints::begin_anew(&mut self.door).await?;
        self.chunks += 1;
        if self.chunks.is_multiple_of(PAUSE_AFTER) {
            pause().await;
        }
        Ok(())
    }

    /// Makes the batch visible, all of it, and durable. `rejected` rows of the file were passed over.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails; then there is no batch.
    pub async fn seal(mut self, rejected: u64, now: Timestamp) -> Result<BatchSummary, QueueError> {
        let (new, live, repeated) = (self.new, self.live, self.repeated);
        let read = new + live + repeated + rejected;
        let numbers = [read, new, live, repeated, rejected].map(number);
        let [read_rows, new_rows, live_rows, repeated_rows, rejected_rows] = numbers;
        let (read_rows, new_rows, live_rows) = (read_rows?, new_rows?, live_rows?);
        let (repeated_rows, rejected_rows) = (repeated_rows?, rejected_rows?);
        reached(Point::Between(Between::LoadComplete));
        // Flushes what came before it too.
        sqlx::query("PRAGMA synchronous = FULL").execute(self.door.connection()).await?;
        let mut patience = Patience::new();
        let mut transaction = loop {
            match self.door.begin().await {
                Ok(transaction) => break transaction,
                Err(error) => patience.wait(error).await?,
            }
        };
        let sealed = sqlx::query!(
            "UPDATE batches SET state = 'sealed', sealed_at = ?2, rows_read = ?3, rows_new = ?4, rows_live = ?5,
                    rows_repeated = ?6, rows_rejected = ?7
             WHERE id = ?1 AND state = 'loading'",
            self.batch.0,
            now.0,
            read_rows,
            new_rows,
            live_rows,
            repeated_rows,
            rejected_rows
        )
        .execute(&mut *transaction)
        .await?;
        if sealed.rows_affected() != 1 {
            return Err(QueueError::Corrupt { what: "the batch just loaded", value: self.name.to_string() });
        }
        let lanes: Vec<i64> = self.lanes.into_values().collect();
        super::wakers::leave_word(&mut transaction, &json(&lanes)?, "[]").await?;
        transaction.commit(&[Step::LoadSealed]).await?;
        let summary = BatchSummary { id: self.batch, name: self.name, read, new, live, repeated, rejected };
        if let Err(error) = self.door.close().await {
            tracing::debug!(%error, "the load's connection was not closed cleanly; the batch is safe");
        }
        Ok(summary)
    }

    /// Takes away what was loaded. A load that is dropped instead is taken away by the next one.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails; the next load will try again.
    pub async fn abandon(mut self) -> Result<(), QueueError> {
        leftovers::drop_batch(&mut self.door, self.batch).await?;
        self.door.close().await?;
        Ok(())
    }
}

/// Lets others write.
pub(super) async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

async fn begin_batch(
    door: &mut Door,
    name: LoadName,
    source: &str,
    carried: &str,
    now: Timestamp,
) -> Result<(BatchId, BatchName), QueueError> {
    let (given, derived) = match name {
        LoadName::Given(name) => (name, false),
        LoadName::Derived(name) => (name, true),
    };
    let mut number = 1;
    // In a transaction of its own: a row comes back before it is committed, and an error of that commit would go unheard.
    let mut patience = Patience::new();
    let mut transaction = loop {
        match door.begin().await {
            Ok(transaction) => break transaction,
            Err(error) => patience.wait(error).await?,
        }
    };
    loop {
        let name = if number == 1 { given.clone() } else { numbered(&given, number) };
        let text = name.as_str();
        let made = sqlx::query_scalar!(
            r#"INSERT INTO batches (name, source, state, created_at, carried) VALUES (?1, ?2, 'loading', ?3, ?4)
               ON CONFLICT (name) DO NOTHING RETURNING id AS "id!: i64""#,
            text,
            source,
            now.0,
            carried
        )
        .fetch_optional(&mut *transaction)
        .await?;
        match made {
            Some(id) => {
                transaction.commit(&[Step::LoadBegun]).await?;
                return Ok((BatchId(id), name));
            }
            None if derived => number += 1,
            None => {
                return Err(QueueError::taken(&name));
            }
        }
    }
}

/// The name with a number behind it, cut where it would be too long.
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
    sqlx::query!("INSERT INTO lanes (account, region) VALUES (?1, ?2) ON CONFLICT DO NOTHING", account, region)
        .execute(&mut *connection)
        .await?;
    let id = sqlx::query_scalar!(
        r#"SELECT id AS "id!: i64" FROM lanes WHERE account = ?1 AND region = ?2"#,
        account,
        region
    )
    .fetch_one(&mut *connection)
    .await?;
    known.insert(lane.clone(), id);
    Ok(id)
}

/// Writes the rows that have no line yet and whose snapshot has a live job; how many.
async fn add_rows(
    connection: &mut SqliteConnection,
    batch: BatchId,
    groups: &[(i64, Existing, &str)],
) -> Result<u64, QueueError> {
    let mut written = 0;
    for (lane, _, given) in groups {
        let added = sqlx::query_file!("src/queue/sql/add_rows.sql", given, lane, batch.0).execute(&mut *connection);
        written += added.await?.rows_affected();
    }
    Ok(written)
}

/// Makes the jobs that are missing, and counts them.
async fn add_jobs(
    connection: &mut SqliteConnection,
    batch: BatchId,
    (lane, existing, usual): (i64, Existing, i64),
    given: &str,
    now: Timestamp,
) -> Result<u64, QueueError> {
    let existing = existing.as_str();
    let made = sqlx::query_file!("src/queue/sql/add_jobs.sql", given, lane, batch.0, existing, now.0, usual)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    let jobs = number(made)?;
    if jobs > 0 {
        sqlx::query!(
            "INSERT INTO tallies (lane_id, batch_id, state, jobs, weight) VALUES (?1, ?2, 'queued', ?3, ?3)
             ON CONFLICT DO UPDATE SET jobs = jobs + excluded.jobs, weight = weight + excluded.weight",
            lane,
            batch.0,
            jobs
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(made)
}

fn number(count: u64) -> Result<i64, QueueError> {
    i64::try_from(count).map_err(|_| QueueError::Corrupt { what: "a number too big", value: count.to_string() })
}

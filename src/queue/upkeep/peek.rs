//! Reading a database without changing anything: it is neither created nor migrated, and there is no writer. The first schema has all
//! that is read here, so that an older database can be read as it is.

use crate::domain::{AccountNumber, JobId, JobState, Lane, LaneId, SnapshotArn, Timestamp};
use crate::queue::queue_error::{OpenError, QueueError};
use crate::queue::sqlite::decode::json;
use crate::queue::sqlite::look::read_again;
use crate::queue::sqlite::open;
use crate::queue::views::measures::{EndedExport, RemainingJobs, last_ends, own_left};
use sqlx::SqlitePool;
use std::path::{Path, PathBuf};

/// A database that is only read.
#[derive(Debug, Clone)]
pub struct Peek {
    path: PathBuf,
}

/// What the database knows of a name in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownJob {
    /// There is a live job.
    Live {
        /// The job.
        job: JobId,
        /// Its state.
        state: JobState,
    },
    /// An export of the snapshot with this ARN is done.
    Done {
        /// The job that it belongs to, if it is one's.
        job: Option<JobId>,
        /// The snapshot.
        arn: SnapshotArn,
        /// What the export produced.
        destination: String,
    },
}

/// What the database knows of a lane.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KnownLane {
    /// The calls of `ExportSnapshot` a second that a throttle has taught it.
    pub learned_rate: Option<f64>,
    /// Whose it is, as its first inventory showed.
    pub account_number: Option<AccountNumber>,
    /// What its batches have left, without what waits for a person's decision.
    pub left: Vec<RemainingJobs>,
    /// Its last exports that ended, the newest first.
    pub ends: Vec<EndedExport>,
}

impl Peek {
    /// Opens the database at `path` to read it; nothing where there is none yet.
    ///
    /// # Errors
    /// [`OpenError`] for a file that cannot be read, that is no database of ours, or that a newer Snapferry wrote.
    pub async fn open(path: &Path) -> Result<Option<Self>, OpenError> {
        let found = read_again(async || open::peek(path).await, OpenError::may_pass).await?;
        Ok(found.map(|_| Self { path: path.to_owned() }))
    }

    /// Reads with connections of its own: only so are they known to be sound for this one reading.
    async fn read<T>(&self, read: impl AsyncFn(&SqlitePool) -> Result<T, QueueError>) -> Result<T, QueueError> {
        let once = async || {
            let readers = open::readers_of(&self.path);
            let found = read(&readers.pool).await;
            readers.close().await.and(found)
        };
        read_again(once, QueueError::may_pass).await
    }

    /// What is known of each of `names` in a lane: the place in `names`, and what; several for one name, or none. Rows of
    /// a load under way are not there yet.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn known(&self, lane: &Lane, names: &[&str]) -> Result<Vec<(usize, KnownJob)>, QueueError> {
        self.read(async |readers| known(readers, lane, names).await).await
    }

    /// What is known of a lane, up to `now`.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn memory(&self, lane: &Lane, now: Timestamp) -> Result<KnownLane, QueueError> {
        self.read(async |readers| memory(readers, lane, now).await).await
    }
}

async fn known(readers: &SqlitePool, lane: &Lane, names: &[&str]) -> Result<Vec<(usize, KnownJob)>, QueueError> {
    let (account, region, given) = (lane.account.as_str(), lane.region.as_str(), json(names)?);
    let live = sqlx::query_file!("src/queue/sql/known_live.sql", given, account, region);
    let done = sqlx::query_file!("src/queue/sql/known_done.sql", given, account, region);
    let mut known = Vec::new();
    for row in live.fetch_all(readers).await? {
        known.push((row.place as usize, KnownJob::Live { job: row.job, state: row.state }));
    }
    for row in done.fetch_all(readers).await? {
        let done = KnownJob::Done { job: row.job, arn: row.arn, destination: row.destination };
        known.push((row.place as usize, done));
    }
    Ok(known)
}

async fn memory(readers: &SqlitePool, lane: &Lane, now: Timestamp) -> Result<KnownLane, QueueError> {
    let (account, region) = (lane.account.as_str(), lane.region.as_str());
    let found = sqlx::query!(
        r#"SELECT id AS "id!: LaneId", learned_rate, account_number AS "account_number: AccountNumber" FROM lanes
           WHERE account = ?1 AND region = ?2"#,
        account,
        region
    );
    let Some(found) = found.fetch_optional(readers).await? else { return Ok(KnownLane::default()) };
    Ok(KnownLane {
        learned_rate: found.learned_rate,
        account_number: found.account_number,
        left: own_left(readers, Some(found.id)).await?,
        ends: last_ends(readers, found.id, now).await?,
    })
}

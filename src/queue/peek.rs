//! A look at a database that changes nothing: neither made nor migrated, and with no writer. What it asks for stands in
//! the first schema already, so that an older database can be looked at as it is.

use super::database;
use super::error::{OpenError, QueueError};
use super::readers::Readers;
use super::reading::{self, json};
use crate::domain::{AccountNumber, JobId, JobState, Lane, SnapshotArn};
use std::path::Path;
use std::time::Duration;

/// Exports whose durations are looked at: the last ones of a lane.
const EXPORTS: i64 = 1000;

/// A database that is only looked at.
#[derive(Debug, Clone)]
pub struct Peek {
    readers: Readers,
}

/// What the database knows of a name in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
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
        /// What came of it in EC2.
        destination: String,
    },
}

/// What the database knows of a lane.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LaneMemory {
    /// The calls of `ExportSnapshot` a second that a throttle has taught it.
    pub learned_rate: Option<f64>,
    /// Whose it is, as its first listing showed.
    pub account_number: Option<AccountNumber>,
    /// Its jobs that are to be sent or under way; what waits for a person's decision holds nobody up.
    pub live_jobs: u64,
    /// The EBS copies that these take.
    pub live_copies: u64,
    /// How long its last exports took, from the call to the end that was seen; in no order.
    pub took: Vec<Duration>,
}

impl Peek {
    /// Opens the database at `path` to be looked at; nothing where there is none yet.
    ///
    /// # Errors
    /// [`OpenError`] for a file that cannot be read, that is no database of ours, or that a newer Snapferry wrote.
    pub async fn open(path: &Path) -> Result<Option<Self>, OpenError> {
        let readers = database::peek(path).await?;
        Ok(readers.map(|(readers, _)| Self { readers }))
    }

    /// What is known of each of `names` in a lane: the place in `names`, and what; several for one name, or none. Rows of
    /// a load under way are not there yet.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn known(&self, lane: &Lane, names: &[&str]) -> Result<Vec<(usize, Known)>, QueueError> {
        let (account, region, given) = (lane.account.as_str(), lane.region.as_str(), json(names)?);
        let live = sqlx::query_file!("src/queue/sql/known_live.sql", given, account, region);
        let done = sqlx::query_file!("src/queue/sql/known_done.sql", given, account, region);
        let mut known = Vec::new();
        for row in live.fetch_all(&self.readers).await? {
            let live = Known::Live { job: JobId(row.id), state: reading::state(&row.state)? };
            known.push((place(row.place)?, live));
        }
        for row in done.fetch_all(&self.readers).await? {
            let (job, arn) = (row.job_id.map(JobId), SnapshotArn::new(row.snapshot_arn));
            known.push((place(row.place)?, Known::Done { job, arn, destination: row.destination_id }));
        }
        Ok(known)
    }

    /// What is known of a lane's pace.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn memory(&self, lane: &Lane) -> Result<LaneMemory, QueueError> {
        let (account, region) = (lane.account.as_str(), lane.region.as_str());
        let found = sqlx::query!(
            r#"SELECT id AS "id!: i64", learned_rate AS "learned_rate: f64", account_number FROM lanes
               WHERE account = ?1 AND region = ?2"#,
            account,
            region
        );
        let Some(found) = found.fetch_optional(&self.readers).await? else { return Ok(LaneMemory::default()) };
        let live = sqlx::query!(
            r#"SELECT coalesce(sum(tallies.jobs), 0) AS "jobs!: i64", coalesce(sum(tallies.weight), 0) AS "copies!: i64"
               FROM tallies JOIN batches ON batches.id = tallies.batch_id AND batches.state = 'sealed'
               WHERE tallies.lane_id = ?1
                 AND tallies.state IN ('queued', 'submitting', 'exporting', 'unknown')"#,
            found.id
        );
        let live = live.fetch_one(&self.readers).await?;
        let took = sqlx::query_scalar!(
            r#"SELECT finished_at - submitted_at AS "took!: i64"
               FROM (SELECT state, adopted, submitted_at, finished_at FROM jobs
                     WHERE lane_id = ?1 AND finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 10 * ?2)
               WHERE state = 'succeeded' AND adopted = 0 AND submitted_at < finished_at
               LIMIT ?2"#,
            found.id,
            EXPORTS
        );
        let took = took.fetch_all(&self.readers).await?;
        Ok(LaneMemory {
            learned_rate: found.learned_rate,
            account_number: reading::account_number(found.account_number)?,
            live_jobs: reading::count("a tally", live.jobs)?,
            live_copies: reading::count("a tally", live.copies)?,
            took: took.into_iter().filter_map(|ms| u64::try_from(ms).ok()).map(Duration::from_millis).collect(),
        })
    }

    /// Ends the connections.
    pub async fn close(self) {
        self.readers.close().await;
    }
}

fn place(key: i64) -> Result<usize, QueueError> {
    usize::try_from(key).map_err(|_| reading::corrupt("a place", key.to_string()))
}

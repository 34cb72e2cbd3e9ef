//! Which jobs are selected, and pages of them. The one file whose SQL is built at run time: it finds the keys of a page; the rows are
//! read by a statement that was checked at compile time.
//!
//! A page is a read of its own, so that a report of a million rows holds no old state of the file and does not keep the write-ahead
//! log from being restarted. Each row is consistent in itself; two pages may be moments apart.

use crate::domain::{AccountLabel, BatchId, ErrorCode, JobId, JobState, Region};
use crate::queue::Queue;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::{Texts, json};
use crate::queue::views::job_views::{JobView, jobs_by_id, jobs_of_rows};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

/// Which jobs are selected: those that match every kind of condition, and any one of several of a kind. Empty selects all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    /// These.
    pub jobs: Vec<JobId>,
    /// Those to which the batch's rows point, its own and those that it shares with another batch.
    pub batch: Option<BatchId>,
    /// Those of the account.
    pub account: Option<AccountLabel>,
    /// Those in the Region.
    pub region: Option<Region>,
    /// Those in one of the states.
    pub states: Vec<JobState>,
    /// Those with one of the codes.
    pub error_codes: Vec<ErrorCode>,
    /// Those whose snapshot's name fits one of the patterns: `*` any text, `?` one character, `[a-f]` one of a set.
    pub name_globs: Vec<String>,
    /// Whether only those that are paused individually.
    pub only_paused: bool,
}

impl Selector {
    /// The individually paused jobs.
    pub fn paused() -> Self {
        Self { states: vec![JobState::Queued], only_paused: true, ..Self::default() }
    }

    /// Whether it leaves no job out.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// A place in a report: what comes next begins after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(i64);

/// A line of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// Its place.
    pub cursor: Cursor,
    /// The values of the batch's copied columns; none without a batch.
    pub carried: Vec<String>,
    /// The job that it points to.
    pub job: JobView,
}

/// The states that the index `jobs_trouble` holds.
const TROUBLE: [JobState; 4] = [JobState::Unknown, JobState::NeedsReview, JobState::Failed, JobState::Cancelled];

impl Queue {
    /// The next `limit` jobs after `after`, in the order of their numbers; fewer only where there are no more.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn jobs_page(
        &self,
        selector: &Selector,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobView>, QueueError> {
        let mut transaction = self.readers.begin().await?;
        let ids = job_keys(&mut transaction, selector, after.map(|id| id.0), limit).await?;
        let jobs = jobs_by_id(&mut transaction, &ids).await?;
        transaction.commit().await?;
        Ok(jobs)
    }

    /// How many jobs are selected. Reads each.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn count_jobs(&self, selector: &Selector) -> Result<u64, QueueError> {
        let mut query = QueryBuilder::new("SELECT count(*) FROM jobs WHERE 1");
        narrow_to_batch(&mut query, selector, None);
        narrow(&mut query, selector)?;
        Ok(query.build_query_scalar().fetch_one(&self.readers).await?)
    }

    /// The next `limit` lines of a report after `after`: with a batch one for each of its rows in the file's order,
    /// otherwise one for each job.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn report_page(
        &self,
        selector: &Selector,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<ReportRow>, QueueError> {
        let after = after.map(|cursor| cursor.0);
        let mut transaction = self.readers.begin().await?;
        let rows = if let Some(batch) = selector.batch {
            batch_rows(&mut transaction, selector, batch, after, limit).await?
        } else {
            let ids = job_keys(&mut transaction, selector, after, limit).await?;
            let jobs = jobs_by_id(&mut transaction, &ids).await?;
            let row = |job: JobView| ReportRow { cursor: Cursor(job.id.0), carried: Vec::new(), job };
            jobs.into_iter().map(row).collect()
        };
        transaction.commit().await?;
        Ok(rows)
    }
}

async fn job_keys(
    connection: &mut SqliteConnection,
    selector: &Selector,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<JobId>, QueueError> {
    let mut query = QueryBuilder::new("SELECT jobs.id FROM jobs WHERE jobs.id > ");
    query.push_bind(after.unwrap_or(0));
    narrow_to_batch(&mut query, selector, after);
    narrow(&mut query, selector)?;
    query.push(" ORDER BY jobs.id LIMIT ").push_bind(limit);
    Ok(query.build_query_scalar().fetch_all(connection).await?)
}

async fn batch_rows(
    connection: &mut SqliteConnection,
    selector: &Selector,
    batch: BatchId,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<ReportRow>, QueueError> {
    // The cross join keeps the file's order: rows first, each with its job.
    let mut query = QueryBuilder::new(
        "SELECT batch_rows.line, batch_rows.job_id, coalesce(batch_rows.carried, '[]')
         FROM batch_rows CROSS JOIN jobs ON jobs.id = batch_rows.job_id
         WHERE batch_rows.batch_id = ",
    );
    query.push_bind(batch.0).push(" AND batch_rows.line > ").push_bind(after.unwrap_or(0));
    narrow(&mut query, selector)?;
    query.push(" ORDER BY batch_rows.line LIMIT ").push_bind(limit);
    let keys: Vec<(i64, JobId, Texts)> = query.build_query_as().fetch_all(&mut *connection).await?;

    let jobs = jobs_of_rows(connection, keys.iter().map(|(_, id, _)| *id)).await?;
    let rows = keys.into_iter().filter_map(|(line, id, carried)| {
        Some(ReportRow { cursor: Cursor(line), carried: carried.into(), job: jobs.get(&id)?.clone() })
    });
    Ok(rows.collect())
}

/// The jobs of a batch. The page is read in the order of ids, not by the index of batches (the plus forbids it), or
/// each page would sort the batch anew; the first page skips what is older than the batch.
fn narrow_to_batch(query: &mut QueryBuilder<Sqlite>, selector: &Selector, after: Option<i64>) {
    let Some(batch) = selector.batch else { return };
    let shared = "SELECT job_id FROM batch_rows WHERE disposition = 'live' AND batch_id = ";
    if after.is_none() {
        query.push(" AND jobs.id >= min(coalesce((SELECT min(id) FROM jobs WHERE batch_id = ");
        query.push_bind(batch.0).push("), 9223372036854775807), coalesce((SELECT min(job_id) FROM (");
        query.push(shared).push_bind(batch.0).push(")), 9223372036854775807))");
    }
    query.push(" AND (+jobs.batch_id = ").push_bind(batch.0);
    query.push(" OR jobs.id IN (").push(shared).push_bind(batch.0).push("))");
}

/// Every other condition.
fn narrow(query: &mut QueryBuilder<Sqlite>, selector: &Selector) -> Result<(), QueueError> {
    // A batch exists once it is sealed: no act selects a job that its load may still delete.
    query.push(" AND +jobs.batch_id NOT IN (SELECT id FROM batches WHERE state = 'loading')");
    if !selector.jobs.is_empty() {
        query.push(" AND jobs.id IN (SELECT value FROM json_each(").push_bind(json(&selector.jobs)?).push("))");
    }
    if selector.account.is_some() || selector.region.is_some() {
        query.push(" AND +jobs.lane_id IN (SELECT id FROM lanes WHERE 1");
        if let Some(account) = &selector.account {
            query.push(" AND account = ").push_bind(account.as_str().to_owned());
        }
        if let Some(region) = selector.region {
            query.push(" AND region = ").push_bind(region.as_str());
        }
        query.push(")");
    }
    if !selector.states.is_empty() {
        any_of(query, "jobs.state IN (", selector.states.iter().map(|state| state.as_str()));
        if selector.states.iter().all(|state| TROUBLE.contains(state)) {
            // Word for word the condition of the index, so that SQLite may use it.
            query.push(
                " AND (jobs.state = 'unknown' OR jobs.state = 'needs_review' OR jobs.state = 'failed'
                       OR jobs.state = 'cancelled')",
            );
        }
    }
    if selector.only_paused {
        query.push(" AND jobs.paused_at IS NOT NULL");
    }
    if !selector.error_codes.is_empty() {
        any_of(query, "jobs.error_code IN (", selector.error_codes.iter().map(|code| code.as_str().to_owned()));
    }
    if !selector.name_globs.is_empty() {
        query.push(" AND (");
        let mut patterns = query.separated(" OR ");
        for glob in &selector.name_globs {
            // SQLite's word for "none of these" is another one than the shells'.
            patterns.push("jobs.snapshot_name GLOB ").push_bind_unseparated(glob.replace("[!", "[^"));
        }
        query.push(")");
    }
    Ok(())
}

fn any_of<'t, T>(query: &mut QueryBuilder<Sqlite>, opening: &str, values: impl Iterator<Item = T>)
where
    T: sqlx::Encode<'t, Sqlite> + sqlx::Type<Sqlite>,
{
    query.push(" AND ").push(opening);
    let mut list = query.separated(", ");
    for value in values {
        list.push_bind(value);
    }
    query.push(")");
}

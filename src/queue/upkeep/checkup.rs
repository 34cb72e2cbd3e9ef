//! A check-up of a database: what its file and its content are like. It changes nothing, not even where the content is
//! broken, the file may not be written, or a daemon is at work on it.

use crate::domain::{AccountNumber, Lane};
use crate::queue::lanes::lane_records::Block;
use crate::queue::queue_error::{OpenError, QueueError};
use crate::queue::sqlite::look::read_again;
use crate::queue::sqlite::open;
use crate::queue::upkeep::vitals::Vitals;
use sqlx::SqlitePool;
use std::collections::BTreeMap;
use std::path::Path;

/// Pages and rows, with the first few faults: one is enough to know that the file is broken.
const QUICK_CHECK: &str = "PRAGMA quick_check(5)";

/// What a database was found to be.
#[derive(Debug)]
pub struct Checkup {
    /// Its files and their disk; nothing where there is no file.
    pub vitals: Option<Vitals>,
    /// What is in it.
    pub content: Result<Option<Content>, OpenError>,
}

/// What is in a database of ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// Its schema: the last migration that it had.
    pub schema: i64,
    /// The one that this program knows last.
    pub newest_schema: i64,
    /// A migration that was begun and not ended.
    pub half_migrated: Option<i64>,
    /// What `SQLite` says of its pages and rows, the first few; nothing where all is well.
    pub faults: Vec<String>,
    /// References that lead nowhere, by table.
    pub dangling: Vec<(String, u64)>,
    /// Tables, indexes and triggers that should be there, and are not or are others.
    pub misfits: Vec<String>,
    /// Its lanes.
    pub lanes: Vec<LaneFound>,
}

/// A lane as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneFound {
    /// The lane.
    pub lane: Lane,
    /// The account's number, once it was read from an ARN.
    pub account: Option<AccountNumber>,
    /// Its jobs that have not ended.
    pub live_jobs: u64,
    /// What a daemon found to be wrong with it.
    pub blocked: Option<Block>,
}

impl Checkup {
    /// Checks the database at `path`.
    pub async fn of(path: &Path) -> Self {
        let content = read_again(async || look(path).await, OpenError::may_pass).await;
        Self { vitals: Vitals::of(path), content }
    }
}

async fn look(path: &Path) -> Result<Option<Content>, OpenError> {
    if !open::is_there(path)? {
        return Ok(None);
    }
    let other = |source| OpenError::Other(path.to_owned(), source);
    let readers = open::readers_of(path);
    let found = match open::recognise(&readers.pool, path).await {
        Ok(None) => Ok(None),
        Ok(Some(schema)) => content(&readers.pool, schema).await.map(Some).map_err(other),
        Err(error @ OpenError::Other(..)) => match faults(&readers.pool).await {
            Ok(faults) if !faults.is_empty() => Ok(Some(Content { faults, ..Content::default() })),
            Ok(_) | Err(_) => Err(error),
        },
        Err(error) => Err(error),
    };
    readers.close().await.map_err(other)?;
    found
}

async fn content(readers: &SqlitePool, schema: i64) -> Result<Content, QueueError> {
    let newest_schema = open::newest_schema();
    let mut content = Content { schema, newest_schema, faults: faults(readers).await?, ..Content::default() };
    if !content.faults.is_empty() {
        // Whatever else it says is not to be trusted.
        return Ok(content);
    }
    content.half_migrated =
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE NOT success").fetch_optional(readers).await?;
    content.dangling = sqlx::query_as("SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1")
        .fetch_all(readers)
        .await?;
    if schema == newest_schema {
        content.misfits = misfits(readers).await?;
    }
    content.lanes = lanes(readers).await?;
    Ok(content)
}

/// What `quick_check` says. A file so broken that it cannot be checked says it as an error.
async fn faults(readers: &SqlitePool) -> Result<Vec<String>, QueueError> {
    let checked: Result<Vec<String>, _> = sqlx::query_scalar(QUICK_CHECK).fetch_all(readers).await;
    match checked {
        Ok(said) => Ok(said.into_iter().filter(|line| line != "ok").collect()),
        // 11 is SQLITE_CORRUPT.
        Err(error) if crate::queue::queue_error::primary_code(&error) == Some(11) => {
            Ok(vec!["its pages cannot be read".to_owned()])
        }
        Err(error) => Err(error.into()),
    }
}

/// What a new database has, and this one has not, or otherwise.
async fn misfits(readers: &SqlitePool) -> Result<Vec<String>, QueueError> {
    let model = open::empty().await?;
    let (ours, found) = (objects(&model).await?, objects(readers).await?);
    model.close().await;
    let differs = |(name, (kind, sql)): (&String, &(String, Option<String>))| {
        let there = found.get(name);
        let trouble = match there {
            None => "is missing",
            Some((_, other)) if other != sql => "is another",
            Some(_) => return None,
        };
        Some(format!("{kind} {name} {trouble}"))
    };
    Ok(ours.iter().filter_map(differs).collect())
}

/// Tables, indexes and triggers by name: of what kind, and as what they were made.
async fn objects(readers: &SqlitePool) -> Result<BTreeMap<String, (String, Option<String>)>, QueueError> {
    let rows: Vec<(String, String, Option<String>)> =
        sqlx::query_as("SELECT name, type, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
            .fetch_all(readers)
            .await?;
    Ok(rows.into_iter().map(|(name, kind, sql)| (name, (kind, sql))).collect())
}

async fn lanes(readers: &SqlitePool) -> Result<Vec<LaneFound>, QueueError> {
    let lanes = sqlx::query_as!(
        LaneFound,
        r#"SELECT account || ' ' || region AS "lane!: Lane", account_number AS "account: AccountNumber",
               (SELECT coalesce(sum(job_counts.jobs), 0) FROM job_counts
                JOIN batches ON batches.id = job_counts.batch_id AND batches.state = 'sealed'
                WHERE job_counts.lane_id = lanes.id
                  AND job_counts.state IN ('queued', 'submitting', 'exporting', 'unknown', 'needs_review'))
                   AS "live_jobs!: u64",
               iif(blocked_at IS NULL, NULL, json_array(blocked_at, blocked_code, coalesce(blocked_message, blocked_code)))
                   AS "blocked: Block"
           FROM lanes ORDER BY account, region"#
    );
    Ok(lanes.fetch_all(readers).await?)
}

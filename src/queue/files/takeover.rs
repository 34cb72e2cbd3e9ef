//! Takeovers: a database that is behind what was sent from it (restored from a backup or a replica, copied, an older state) does not
//! know of every export. Its counter file shows that; from then on nothing is sent before the reconciliation window is over (see
//! `tracking/inventory.rs`), which is counted here.

use crate::domain::{Timestamp, named};
use crate::points::{Between, Point, Step, reached};
use crate::queue::Queue;
use crate::queue::files::counter::{Counter, Intents};
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::Millis;
use sqlx::SqliteConnection;
use std::sync::PoisonError;
use std::time::Duration;

named! {
    /// Why a database is taken for a copy; the cause's name stands in SQL and in JSON.
    pub enum TakeoverCause {
        /// Its counter file counts more intents.
        Behind = "behind",
        /// Its counter file belongs to another database.
        Another = "another",
        /// It has no valid counter file.
        NoFile = "no_file",
        /// Its counter file counts fewer intents than a kill can leave.
        OldFile = "old_file",
        /// A person declared a restore.
        Declared = "declared",
    }
}

impl TakeoverCause {
    /// The cause in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Behind => "its counter file counts more exports sent than it knows of",
            Self::Another => "the counter file beside it belongs to another database",
            Self::NoFile => "there is no valid counter file beside it",
            Self::OldFile => "the counter file beside it is older than it",
            Self::Declared => "it was declared with --restored",
        }
    }
}

/// One time that the database was found to be a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Takeover {
    /// When that was found.
    pub found_at: Timestamp,
    /// How long daemons have waited since, as last stored: while none runs, nothing is waited.
    pub waited: Duration,
    /// When the copy was last written to before it was made, if ever.
    pub written_at: Option<Timestamp>,
    /// Why it was taken for a copy.
    pub cause: TakeoverCause,
    /// Whether a person skipped the wait.
    pub waived: bool,
}

/// Whether a daemon waits after a takeover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TakeoverWait {
    /// It does.
    #[default]
    Kept,
    /// A person knows that nothing was in flight.
    Waived,
}

/// What a person says of takeovers when a daemon starts.
#[derive(Debug, Clone, Default)]
pub struct TakeoverOptions {
    /// Whether it is waited.
    pub wait: TakeoverWait,
    /// A restore that nothing else can tell. A name is declared once; without one (empty), each start declares it.
    pub restored: Option<String>,
}

/// The wait after a takeover is stored at most so often.
const STORED_EVERY: Duration = Duration::from_secs(1);

/// No wait is longer, whatever the reconciliation window.
const LONGEST_WAIT: Duration = Duration::from_hours(30 * 24);

/// How long the newest takeover has been waited for, which a run counts on by its monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(in crate::queue) struct TakeoverWaited {
    /// What it was at the start of the run.
    before: Duration,
    began: Duration,
    stored: Duration,
}

impl TakeoverWaited {
    fn at(&self, elapsed: Duration) -> Duration {
        self.before.saturating_add(elapsed.saturating_sub(self.began))
    }
}

impl Takeover {
    /// How much of the wait is left in a lane with that reconciliation window; nothing where it sends.
    pub fn left(&self, window: Duration) -> Option<Duration> {
        let left = window.saturating_sub(self.waited);
        (!self.waived && !left.is_zero()).then_some(left)
    }
}

impl Queue {
    /// Compares the database with its counter file, writes down a takeover, and brings the file level. For the start of a
    /// daemon that holds the lock, before anything is sent. The newest takeover, and whether it was found just now.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails, or the file cannot be read or written.
    pub async fn check_takeover(
        &self,
        options: TakeoverOptions,
        at: Timestamp,
        elapsed: Duration,
    ) -> Result<Option<(Takeover, bool)>, QueueError> {
        let mut counter = Counter::of(&self.path);
        let written = counter.read()?;
        let waive = options.wait == TakeoverWait::Waived;
        let (level, found) = self
            .writer
            .write(Step::TakenOver, move |connection| {
                Box::pin(async move {
                    let mut cause = cause(&Counted::read(&mut *connection).await?, written.as_ref());
                    if let Some(name) = &options.restored
                        && (name.is_empty() || !is_declared(&mut *connection, name).await?)
                    {
                        cause = cause.or(Some(TakeoverCause::Declared));
                    }
                    if let Some(cause) = cause {
                        add(&mut *connection, cause, options.restored.filter(|name| !name.is_empty()), at).await?;
                    }
                    if waive {
                        sqlx::query!("UPDATE takeovers SET waived_at = ?1 WHERE waived_at IS NULL", at.0)
                            .execute(&mut *connection)
                            .await?;
                    }
                    // The id may be another one by now.
                    Ok((Counted::read(connection).await?.intents, cause.is_some()))
                })
            })
            .await?;
        // Only once the takeover is durable: a process that is killed between the two finds it once more.
        counter.make(&level).await?;
        reached(Point::Between(Between::CounterLevel));
        let newest = self.takeover().await?;
        let waits = newest.as_ref().filter(|takeover| !takeover.waived);
        let waited =
            waits.map(|takeover| TakeoverWaited { before: takeover.waited, began: elapsed, stored: takeover.waited });
        *self.takeover_waited.lock().unwrap_or_else(PoisonError::into_inner) = waited;
        Ok(newest.map(|takeover| (takeover, found)))
    }

    /// How long daemons have waited since the newest takeover; nothing where there is nothing to wait for.
    pub fn takeover_waited(&self, elapsed: Duration) -> Option<Duration> {
        let known = *self.takeover_waited.lock().unwrap_or_else(PoisonError::into_inner);
        known.map(|known| known.at(elapsed))
    }

    /// Stores how long daemons have waited, ever more rarely: a restart loses a second, or a fiftieth.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn store_takeover_wait(&self, elapsed: Duration) -> Result<(), QueueError> {
        let known = *self.takeover_waited.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut known) = known.filter(|known| known.stored < LONGEST_WAIT) else { return Ok(()) };
        let waited = known.at(elapsed);
        if waited.saturating_sub(known.stored) < STORED_EVERY.max(known.stored / 50) {
            return Ok(());
        }
        let millis = i64::try_from(waited.as_millis()).unwrap_or(i64::MAX);
        let newest =
            sqlx::query!("UPDATE takeovers SET waited = ?1 WHERE id = (SELECT max(id) FROM takeovers)", millis);
        self.writer.execute(Step::TakeoverWaited, [newest]).await?;
        known.stored = waited;
        *self.takeover_waited.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(())
    }

    /// The newest takeover.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn takeover(&self) -> Result<Option<Takeover>, QueueError> {
        let newest = sqlx::query_as!(
            Takeover,
            r#"SELECT found_at AS "found_at: Timestamp", waited AS "waited: Millis", written_at AS "written_at: Timestamp",
                      cause AS "cause: TakeoverCause", waived_at IS NOT NULL AS "waived!: bool"
               FROM takeovers ORDER BY id DESC LIMIT 1"#
        );
        Ok(newest.fetch_optional(&self.readers).await?)
    }
}

/// What a database says of its own intents.
#[derive(Debug)]
struct Counted {
    intents: Intents,
    last_group: i64,
}

impl Counted {
    async fn read(connection: &mut SqliteConnection) -> Result<Self, QueueError> {
        let row = sqlx::query!("SELECT id, intents, last_group FROM origin").fetch_one(connection).await?;
        Ok(Self { intents: Intents { origin: row.id, intents: row.intents }, last_group: row.last_group })
    }
}

/// What a counter file says of its database; nothing where the two are level. The file is behind by the last group where a kill
/// came between the commit and the file; one that is further behind is a copy, and so may the database be.
fn cause(database: &Counted, file: Option<&Intents>) -> Option<TakeoverCause> {
    let Counted { intents: Intents { origin, intents }, last_group } = database;
    match file {
        None => Some(TakeoverCause::NoFile),
        Some(file) if file.origin != *origin => Some(TakeoverCause::Another),
        Some(file) if file.intents > *intents => Some(TakeoverCause::Behind),
        Some(file) if file.intents != *intents && file.intents != intents - last_group => Some(TakeoverCause::OldFile),
        Some(_) => None,
    }
}

/// Counts a group of intents, in the transaction that makes them durable; the count after it.
pub(in crate::queue) async fn count_intents(
    connection: &mut SqliteConnection,
    group: usize,
    at: Timestamp,
) -> Result<Intents, QueueError> {
    let group = i64::try_from(group).unwrap_or(i64::MAX);
    let row = sqlx::query!(
        r#"UPDATE origin SET intents = intents + ?1, last_group = ?1, intended_at = ?2
           RETURNING id, intents AS "intents!: i64""#,
        group,
        at.0
    )
    .fetch_one(connection)
    .await?;
    Ok(Intents { origin: row.id, intents: row.intents })
}

async fn is_declared(connection: &mut SqliteConnection, name: &str) -> Result<bool, QueueError> {
    let known =
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT 1 FROM takeovers WHERE name = ?1) AS "known!: bool""#, name);
    Ok(known.fetch_one(connection).await?)
}

/// Records a takeover. Only what a daemon writes shows the age of the copy: people may have enqueued batches since it was made. From
/// here on the database has another id: the original is used further, and would be level with what this one has sent.
async fn add(
    connection: &mut SqliteConnection,
    cause: TakeoverCause,
    name: Option<String>,
    at: Timestamp,
) -> Result<(), QueueError> {
    let cause = cause.as_str();
    sqlx::query!(
        "INSERT INTO takeovers (found_at, cause, name, written_at, last_job, last_entry)
         VALUES (?1, ?2, (SELECT ?3 WHERE NOT EXISTS (SELECT 1 FROM takeovers WHERE name = ?3)),
             (SELECT max(written) FROM (
                 SELECT intended_at AS written FROM origin
                 UNION ALL SELECT coalesce(ended_at, began_at) FROM runs WHERE id = (SELECT max(id) FROM runs)
                 UNION ALL SELECT seen_at FROM ledger WHERE id = (SELECT max(id) FROM ledger))),
             (SELECT coalesce(max(id), 0) FROM jobs), (SELECT coalesce(max(id), 0) FROM ledger))",
        at.0,
        cause,
        name
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("UPDATE origin SET id = lower(hex(randomblob(16)))").execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(origin: &str, intents: i64) -> Intents {
        Intents { origin: origin.to_owned(), intents }
    }

    #[test]
    fn a_database_is_level_with_its_file_or_a_copy() {
        let database = Counted { intents: count("a", 7), last_group: 2 };
        assert_eq!(cause(&database, None), Some(TakeoverCause::NoFile));
        assert_eq!(cause(&database, Some(&count("a", 8))), Some(TakeoverCause::Behind));
        for (other, intents) in [("b", 7), ("b", 0)] {
            assert_eq!(cause(&database, Some(&count(other, intents))), Some(TakeoverCause::Another));
        }
        // Killed after the commit of the last group and before the file was written.
        for level in [5, 7] {
            assert_eq!(cause(&database, Some(&count("a", level))), None);
        }
        for older in [0, 4, 6] {
            assert_eq!(cause(&database, Some(&count("a", older))), Some(TakeoverCause::OldFile));
        }
        let empty = Counted { intents: count("a", 0), last_group: 0 };
        assert_eq!(cause(&empty, Some(&count("a", 0))), None);
        assert_eq!(cause(&empty, Some(&count("b", 0))), Some(TakeoverCause::Another));
        assert_eq!(cause(&empty, None), Some(TakeoverCause::NoFile));
    }
}

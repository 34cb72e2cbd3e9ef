//! The one way to the disk: what is committed on a connection that writes has a name, a [`Step`]. The database refuses to
//! commit what has none, so that no write can be added past the crash points.

use crate::points::{Point, Step, reached};
use crate::queue::files::paths::DatabaseFiles;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::busy_retry::BusyRetry;
use sqlx::sqlite::SqliteTransactionManager;
use sqlx::{Connection, SqlSafeStr as _, SqliteConnection};
use sqlx_core::transaction::TransactionManager as _;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A connection that writes.
#[derive(Debug)]
pub(in crate::queue) struct WriteConnection {
    connection: SqliteConnection,
    steps: Steps,
    files: Option<Arc<DatabaseFiles>>,
    busy: Arc<BusyRetry>,
}

/// A transaction that is open. Dropped, it is undone. It is what [`sqlx::Transaction`] is, which lends the connection out while
/// it begins, so that beginning could not be tried again.
#[derive(Debug)]
pub(in crate::queue) struct WriteTransaction<'c> {
    connection: &'c mut SqliteConnection,
    open: bool,
    steps: &'c Steps,
    files: Option<&'c DatabaseFiles>,
}

impl WriteConnection {
    /// Guards a connection.
    pub(in crate::queue) async fn new(mut connection: SqliteConnection) -> Result<Self, sqlx::Error> {
        let steps = Steps::guarding(&mut connection).await?;
        Ok(Self { connection, steps, files: None, busy: Arc::default() })
    }

    /// Waits for other processes as `busy` says.
    pub(in crate::queue) fn retrying(self, busy: Arc<BusyRetry>) -> Self {
        Self { busy, ..self }
    }

    /// Commits nothing once these files are gone: no write is confirmed that nobody can read, and no intent is sent that is only there.
    pub(in crate::queue) fn staying_at(self, files: &Arc<DatabaseFiles>) -> Self {
        Self { files: Some(Arc::clone(files)), ..self }
    }

    /// Whether the files are still there.
    pub(in crate::queue) fn in_place(&self) -> Result<(), QueueError> {
        self.files.as_deref().map_or(Ok(()), DatabaseFiles::check)
    }

    /// Begins a transaction, once no other process has one.
    pub(in crate::queue) async fn begin(&mut self) -> Result<WriteTransaction<'_>, QueueError> {
        let mut retries = 0;
        let begin = || Some("BEGIN IMMEDIATE".into_sql_str());
        while let Err(error) = SqliteTransactionManager::begin(&mut self.connection, begin()).await {
            self.busy.wait(&mut retries, error).await?;
        }
        BusyRetry::over(retries);
        let (connection, files) = (&mut self.connection, self.files.as_deref());
        Ok(WriteTransaction { connection, open: true, steps: &self.steps, files })
    }

    /// For statements that commit by themselves: whatever is committed meanwhile is `step`.
    pub(in crate::queue) fn named(&mut self, step: Step) -> NamedWrite<'_> {
        self.steps.open(&[step]);
        NamedWrite { writing: self, step }
    }

    /// For reading.
    pub(in crate::queue) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub(in crate::queue) async fn close(self) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }
}

impl WriteTransaction<'_> {
    /// Makes it durable, as these steps. Without any there is nothing to be made durable.
    pub(in crate::queue) async fn commit(mut self, steps: &[Step]) -> Result<(), QueueError> {
        if steps.is_empty() {
            SqliteTransactionManager::rollback(self.connection).await?;
            self.open = false;
            return Ok(());
        }
        self.files.map_or(Ok(()), DatabaseFiles::check)?;
        self.steps.open(steps);
        let committed = SqliteTransactionManager::commit(self.connection).await;
        self.steps.close();
        committed?;
        self.open = false;
        for step in steps {
            reached(Point::After(*step));
        }
        Ok(())
    }
}

impl Drop for WriteTransaction<'_> {
    fn drop(&mut self) {
        if self.open {
            SqliteTransactionManager::start_rollback(self.connection);
        }
    }
}

impl Deref for WriteTransaction<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.connection
    }
}

impl DerefMut for WriteTransaction<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection
    }
}

/// A connection while everything that it commits is one step.
#[derive(Debug)]
pub(in crate::queue) struct NamedWrite<'d> {
    writing: &'d mut WriteConnection,
    step: Step,
}

impl NamedWrite<'_> {
    pub(in crate::queue) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.writing.connection
    }

    /// Waits a little where `error` says that another process writes; see [`BusyRetry::wait`].
    pub(in crate::queue) async fn wait(&self, retries: &mut u32, error: sqlx::Error) -> Result<(), QueueError> {
        self.writing.busy.wait(retries, error).await
    }

    /// It is done, and durable.
    pub(in crate::queue) fn done(self) {
        reached(Point::After(self.step));
    }
}

impl Drop for NamedWrite<'_> {
    fn drop(&mut self) {
        self.writing.steps.close();
    }
}

/// The steps that may be committed now.
#[derive(Debug, Clone, Default)]
struct Steps(Arc<Mutex<Vec<Step>>>);

impl Steps {
    /// Has the database ask at each commit, after the last statement and before the first byte.
    async fn guarding(connection: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let steps = Self::default();
        let asked = steps.clone();
        connection.lock_handle().await?.set_commit_hook(move || asked.may_commit());
        Ok(steps)
    }

    fn may_commit(&self) -> bool {
        let steps = self.lock().clone();
        for step in &steps {
            reached(Point::Within(*step));
        }
        if steps.is_empty() {
            tracing::error!("a write without a step: see src/points/step.rs");
        }
        !steps.is_empty()
    }

    fn open(&self, steps: &[Step]) {
        *self.lock() = steps.to_vec();
    }

    fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Step>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn writing() -> WriteConnection {
        let connection = SqliteConnection::connect("sqlite::memory:").await.expect("a connection");
        WriteConnection::new(connection).await.expect("a writing")
    }

    async fn tables(writing: &mut WriteConnection) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(writing.connection()).await.expect("a count")
    }

    #[tokio::test]
    async fn what_has_no_name_is_not_committed() {
        let mut writing = writing().await;
        sqlx::query("CREATE TABLE t (n)").execute(writing.connection()).await.expect_err("no name");
        assert_eq!(tables(&mut writing).await, 0);
    }

    #[tokio::test]
    async fn a_name_is_good_for_one_commit() {
        let mut writing = writing().await;
        let mut write = writing.begin().await.expect("begun");
        sqlx::query("CREATE TABLE t (n)").execute(&mut *write).await.expect("a table");
        write.commit(&[Step::Migrated]).await.expect("committed");
        let mut named = writing.named(Step::Migrated);
        sqlx::query("CREATE TABLE u (n)").execute(named.connection()).await.expect("a table");
        named.done();
        sqlx::query("CREATE TABLE v (n)").execute(writing.connection()).await.expect_err("no name any more");
        assert_eq!(tables(&mut writing).await, 2);
    }

    #[tokio::test]
    async fn a_transaction_that_is_of_no_step_is_undone() {
        let mut writing = writing().await;
        let mut write = writing.begin().await.expect("begun");
        sqlx::query("CREATE TABLE t (n)").execute(&mut *write).await.expect("a table");
        write.commit(&[]).await.expect("undone");
        assert_eq!(tables(&mut writing).await, 0);
    }
}

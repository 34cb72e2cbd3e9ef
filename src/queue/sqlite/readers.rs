//! Connections that read: beside the writer, or of a file that this process only reads.

use crate::queue::files::paths::{FileMark, at_rest, file_mark};
use crate::queue::queue_error::QueueError;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Readers beside the one writer: enough for a report, a status and a lane's turn at once. Each is a thread with caches of its own,
/// and the pool uses them in turn.
const READERS: u32 = 3;

/// A reader's turn comes long before that.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// A file that was at rest when it was opened. It is read without locks, which this user may not be able to take, so what was
/// read counts only if nobody has written to the file since.
#[derive(Debug, Clone)]
pub(in crate::queue) struct AtRest {
    path: PathBuf,
    mark: FileMark,
}

/// Connections to a file that this process only reads.
#[derive(Debug)]
pub(in crate::queue) struct FileReaders {
    pub(in crate::queue) pool: SqlitePool,
    pub(in crate::queue) at_rest: Option<AtRest>,
}

/// Connections that read, opened when they are needed. One to a local file does not break, so none is tested or replaced.
pub(in crate::queue) fn readers(options: SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(LONGEST_WAIT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(options)
}

impl AtRest {
    /// Whether what was read is what was in the file at one time.
    pub(in crate::queue) fn check(&self) -> Result<(), QueueError> {
        if file_mark(&self.path) == Some(self.mark) { Ok(()) } else { Err(QueueError::WrittenMeanwhile) }
    }
}

impl FileReaders {
    pub(in crate::queue) fn of(path: &Path, options: SqliteConnectOptions) -> Self {
        let at_rest = at_rest(path).map(|mark| AtRest { path: path.to_owned(), mark });
        Self { pool: readers(options.immutable(at_rest.is_some())), at_rest }
    }

    /// Whether what was read so far is what was in the file at one time.
    pub(in crate::queue) fn check(&self) -> Result<(), QueueError> {
        self.at_rest.as_ref().map_or(Ok(()), AtRest::check)
    }

    /// Closes the connections; the answer is that of [`Self::check`].
    pub(in crate::queue) async fn close(self) -> Result<(), QueueError> {
        let unchanged = self.check();
        self.pool.close().await;
        unchanged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn one_whose_reader_has_gone_in_the_middle_is_as_good_as_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("test.db");
        std::fs::write(&file, "").expect("a file");
        let readers = readers(SqliteConnectOptions::new().filename(file));
        let long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT i FROM n";
        for _ in 0..50 {
            drop(readers.begin().now_or_never());
            drop(sqlx::query(long).fetch_all(&readers).now_or_never());
            let mut transaction = readers.begin().await.expect("one");
            let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(&mut *transaction).await.expect("a number");
            assert!(one == 1 && readers.size() <= READERS);
        }
        readers.close().await;
        let error = sqlx::query("SELECT 1").fetch_all(&readers).await.expect_err("closed");
        assert!(matches!(error, sqlx::Error::PoolClosed));
    }
}

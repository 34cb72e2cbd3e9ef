//! Connections that read. `sqlx`'s own pool asks a connection whether it is there each time that it is taken and each time
//! that it comes back, and each of these is a turn of another thread: three for one small reading. A connection to a file
//! does not go away.

use crate::queue::files::paths::{FileMark, at_rest, file_mark};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sqlx::sqlite::{SqliteConnectOptions, SqliteQueryResult, SqliteRow, SqliteStatement, SqliteTypeInfo};
use sqlx::{
    ConnectOptions, Connection, Describe, Either, Error, Execute, Executor, SqlStr, Sqlite, SqliteConnection,
    Transaction,
};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// Readers beside the one writer; a report, a status and the loops of a few lanes at once.
const READERS: u32 = 8;

/// A few connections, made when they are needed. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::queue) struct Readers {
    options: Arc<SqliteConnectOptions>,
    idle: Idle,
    turns: Arc<Semaphore>,
    look: Option<Arc<FileReader>>,
}

/// Those that nobody has taken, each with what the file was like where that was at rest when it was made.
type Idle = Arc<Mutex<Vec<(Option<FileMark>, ReaderPool)>>>;

/// A look at a file that this process has no part in. Where it is at rest, it is read without locks, which need not be possible:
/// so it counts only if nobody has written to it until then.
#[derive(Debug)]
struct FileReader {
    path: PathBuf,
    spoiled: AtomicBool,
}

type ReaderPool = Arc<tokio::sync::Mutex<SqliteConnection>>;

/// A connection that is taken; dropped, it goes back.
#[derive(Debug)]
pub(in crate::queue) struct Reader {
    connection: OwnedMutexGuard<SqliteConnection>,
    idle: Idle,
    at_rest: Option<FileMark>,
    look: Option<Arc<FileReader>>,
    _turn: OwnedSemaphorePermit,
}

impl Readers {
    pub(in crate::queue) fn new(options: SqliteConnectOptions) -> Self {
        let turns = Arc::new(Semaphore::new(READERS as usize));
        let options = Arc::new(options.read_only(true).create_if_missing(false));
        Self { options, idle: Arc::default(), turns, look: None }
    }

    /// For one that is only looked at.
    pub(in crate::queue) fn looking(options: SqliteConnectOptions, path: &Path) -> Self {
        let look = FileReader { path: path.to_owned(), spoiled: AtomicBool::new(false) };
        Self { look: Some(Arc::new(look)), ..Self::new(options) }
    }

    /// Beside a connection that is there, and is kept.
    pub(in crate::queue) fn beside(options: SqliteConnectOptions, connection: SqliteConnection) -> Self {
        let readers = Self::new(options);
        let shared = Arc::new(tokio::sync::Mutex::new(connection));
        readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push((None, shared));
        readers
    }

    /// Whether what was read since the last time that this was asked is what was in the file at one time.
    pub(in crate::queue) fn sound(&self) -> Result<(), Error> {
        match &self.look {
            Some(look) if look.spoiled.swap(false, Ordering::Relaxed) => {
                Err(Error::Io(std::io::ErrorKind::Interrupted.into()))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Takes a connection, the one that was used last.
    pub(in crate::queue) async fn take(&self) -> Result<Reader, Error> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Error::PoolClosed)?;
        self.sound()?;
        let at_rest = self.look.as_ref().and_then(|look| at_rest(&look.path));
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|(mark, _)| *mark == at_rest);
            idle.pop()
        };
        let connection = if let Some((_, connection)) = idle {
            connection
        } else {
            let options = SqliteConnectOptions::clone(&self.options).immutable(at_rest.is_some());
            Arc::new(tokio::sync::Mutex::new(options.connect().await?))
        };
        let (connection, idle) = (connection.lock_owned().await, Arc::clone(&self.idle));
        Ok(Reader { connection, idle, at_rest, look: self.look.clone(), _turn: turn })
    }

    /// Waits for those that are taken, and ends them all.
    pub(in crate::queue) async fn close(&self) {
        let all = self.turns.acquire_many(READERS).await;
        self.turns.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in idle.into_iter().filter_map(|(_, shared)| Arc::into_inner(shared)) {
            // It has read: there is nothing to lose.
            let _ = connection.into_inner().close().await;
        }
    }
}

impl Reader {
    /// Begins to read as of one moment.
    pub(in crate::queue) async fn begin(&mut self) -> Result<Transaction<'_, Sqlite>, Error> {
        self.connection.begin().await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let connection = Arc::clone(OwnedMutexGuard::mutex(&self.connection));
        if let (Some(look), Some(mark)) = (&self.look, self.at_rest)
            && file_mark(&look.path) != Some(mark)
        {
            look.spoiled.store(true, Ordering::Relaxed);
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((self.at_rest, connection));
    }
}

impl Deref for Reader {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

impl<'p> Executor<'p> for &'_ Readers {
    type Database = Sqlite;

    /// Reads all of it before the first row is handed on; what is long is read in pages.
    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<SqliteQueryResult, SqliteRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Sqlite>,
    {
        let readers = self.clone();
        let rows = async move {
            let mut reader = readers.take().await?;
            let rows: Vec<_> = reader.fetch_many(query).collect().await;
            Ok::<_, Error>(stream::iter(rows))
        };
        stream::once(rows).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<SqliteRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Sqlite>,
    {
        let readers = self.clone();
        Box::pin(async move { readers.take().await?.fetch_optional(query).await })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [SqliteTypeInfo],
    ) -> BoxFuture<'e, Result<SqliteStatement, Error>>
    where
        'p: 'e,
    {
        let readers = self.clone();
        Box::pin(async move { readers.take().await?.prepare_with(sql, parameters).await })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Sqlite>, Error>>
    where
        'p: 'e,
    {
        let readers = self.clone();
        Box::pin(async move { readers.take().await?.describe(sql).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn readers() -> (tempfile::TempDir, Readers) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("test.db");
        std::fs::write(&file, "").expect("a file");
        (folder, Readers::new(SqliteConnectOptions::new().filename(file)))
    }

    fn made(readers: &Readers) -> usize {
        readers.idle.lock().expect("not poisoned").len()
    }

    #[tokio::test]
    async fn one_that_came_back_is_taken_again_and_there_are_never_more_than_a_few() {
        let (_folder, readers) = readers();
        for _ in 0..3 {
            let two: i64 = sqlx::query_scalar("SELECT 2").fetch_one(&readers).await.expect("a number");
            let rows = sqlx::query("SELECT 1 UNION SELECT 2").fetch_all(&readers).await.expect("rows");
            assert_eq!((two, rows.len(), made(&readers)), (2, 2, 1));
        }
        let mut taken = Vec::new();
        for _ in 0..READERS {
            taken.push(readers.take().await.expect("one"));
        }
        assert!(readers.take().now_or_never().is_none(), "all are taken");
        drop(taken.pop());
        readers.take().await.expect("the one that came back");
    }

    #[tokio::test]
    async fn one_whose_reader_has_gone_in_the_middle_is_as_good_as_before() {
        let (_folder, readers) = readers();
        let long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT i FROM n";
        for _ in 0..50 {
            let mut reader = readers.take().await.expect("one");
            drop(reader.begin().now_or_never());
            drop(reader);
            drop(sqlx::query(long).fetch_all(&readers).now_or_never());
            let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(&readers).await.expect("a number");
            assert_eq!((one, made(&readers)), (1, 1));
        }
    }

    #[tokio::test]
    async fn closing_waits_for_those_that_are_taken_and_lets_nobody_read_any_more() {
        let (_folder, readers) = readers();
        let reader = readers.take().await.expect("one");
        let mut closing = Box::pin(readers.close());
        assert!(closing.as_mut().now_or_never().is_none());
        drop(reader);
        closing.await;
        assert_eq!(made(&readers), 0);
        let error = sqlx::query("SELECT 1").fetch_all(&readers).await.expect_err("closed");
        assert!(matches!(error, Error::PoolClosed));
    }
}

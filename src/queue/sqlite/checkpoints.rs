//! Keeping the write-ahead log in bounds: what is in it is copied into the file beside the writer, on a connection of its own,
//! so that no commit is told later for it.

use crate::queue::error::QueueError;
use crate::queue::sqlite::connection::Door;
use crate::queue::sqlite::open;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinHandle;

/// Pages in the log that are worth copying: 4 MiB.
const WORTH: i64 = 1000;

/// Pages from which on the log is to begin anew: 32 MiB. Until then it does so by itself when nobody reads from it. Its file
/// is written over and keeps its size, up to `journal_size_limit`: to cut off some MiB takes a hundred milliseconds, and
/// whoever writes waits.
const LONG: i64 = 8000;

/// How long that waits for those who read from it; whoever writes waits as long.
const WAIT: Duration = Duration::from_millis(50);

/// The rest between two looks: a long reader is not asked again at once.
const REST: Duration = Duration::from_millis(200);

/// What keeps the log in bounds.
#[derive(Debug, Clone)]
pub(in crate::queue) struct Checkpoints {
    due: Arc<Notify>,
    close: watch::Sender<bool>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Checkpoints {
    pub(in crate::queue) fn start(path: &Path) -> Self {
        let due = Arc::new(Notify::new());
        let (close, closed) = watch::channel(false);
        let task = tokio::spawn(keep(path.to_owned(), Arc::clone(&due), closed));
        Self { due, close, task: Arc::new(Mutex::new(Some(task))) }
    }

    /// For a store that is only read.
    pub(in crate::queue) fn none() -> Self {
        Self { due: Arc::default(), close: watch::Sender::new(true), task: Arc::default() }
    }

    /// Told when enough was written for a look.
    pub(in crate::queue) fn due(&self) -> Arc<Notify> {
        Arc::clone(&self.due)
    }

    pub(in crate::queue) async fn close(&self) {
        let _ = self.close.send(true);
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await;
        }
    }
}

/// Ends when it is told to, or nobody is left who could.
async fn keep(path: PathBuf, due: Arc<Notify>, mut closed: watch::Receiver<bool>) {
    let mut connection = None;
    let mut again = false;
    loop {
        tokio::select! {
            () = due.notified() => {}
            () = tokio::time::sleep(REST), if again => {}
            _ = closed.wait_for(|closed| *closed) => break,
        }
        match look(&path, &mut connection).await {
            Ok(long) => again = long,
            Err(error) => {
                tracing::debug!(%error, "the write-ahead log was not copied; it is tried again");
                (connection, again) = (None, false);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(REST) => {}
            _ = closed.wait_for(|closed| *closed) => break,
        }
    }
    if let Some(connection) = connection {
        let _ = connection.close().await;
    }
}

/// Copies what is worth it; whether the log is still too long.
async fn look(path: &Path, connection: &mut Option<Door>) -> Result<bool, QueueError> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(open::connect_for_checkpoints(path, WAIT).await?),
    };
    let log = Log::after(connection, "NOOP").await?;
    if log.pages - log.copied < WORTH && log.pages < LONG {
        return Ok(false);
    }
    let log = Log::after(connection, "PASSIVE").await?;
    if log.pages < LONG {
        return Ok(false);
    }
    let log = Log::after(connection, "RESTART").await?;
    Ok(log.pages >= LONG)
}

/// For whoever writes much and copies the log with each commit: begins it anew where it is long all the same, because somebody
/// else has written between the copy and the next commit each time. What is left to copy by then is little.
pub(in crate::queue) async fn begin_anew(connection: &mut Door) -> Result<(), QueueError> {
    let log = Log::after(connection, "NOOP").await?;
    if log.pages >= LONG {
        Log::after(connection, "RESTART").await?;
    }
    Ok(())
}

struct Log {
    pages: i64,
    copied: i64,
}

impl Log {
    async fn after(door: &mut Door, mode: &str) -> Result<Self, QueueError> {
        let sql = sqlx::AssertSqlSafe(format!("PRAGMA wal_checkpoint({mode})"));
        let (_busy, pages, copied): (i64, i64, i64) = sqlx::query_as(sql).fetch_one(door.connection()).await?;
        Ok(Self { pages, copied })
    }
}

//! Waiting for another process that writes. The database's own wait sleeps longer each time, up to a tenth of a second, and is
//! outrun by a process that writes again and again; this one tries often enough to find the gap between two writes.

use crate::queue::queue_error::QueueError;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Well below [`crate::queue::loading::load::PAUSE`], so that a load's pause is never missed.
const WAIT: Duration = Duration::from_millis(1);

/// A minute of retries (each takes at least as long as [`WAIT`]).
const MOST: u32 = 60_000;

/// This many retries have no end.
const FOR_EVER: u32 = u32::MAX;

/// After this many, some seconds, the wait is logged.
const LOGGED: u32 = 4000;

/// How long a write waits while another process writes.
#[derive(Debug)]
pub(in crate::queue) struct BusyRetry(AtomicU32);

impl Default for BusyRetry {
    fn default() -> Self {
        Self(AtomicU32::new(MOST))
    }
}

impl BusyRetry {
    /// From now on, also for what is already waiting.
    pub(in crate::queue) fn limit(&self, most: Option<Duration>) {
        let most = most.map_or(FOR_EVER, |most| u32::try_from(most.as_millis()).unwrap_or(FOR_EVER));
        self.0.store(most, Ordering::Relaxed);
    }

    /// Waits a little before the next retry where `error` says that another process writes. Any other error, or the last of them,
    /// comes back.
    pub(in crate::queue) async fn wait(&self, retries: &mut u32, error: sqlx::Error) -> Result<(), QueueError> {
        let error = QueueError::from(error);
        let most = self.0.load(Ordering::Relaxed);
        if !matches!(error, QueueError::Busy) || (most != FOR_EVER && *retries >= most) {
            return Err(error);
        }
        *retries = retries.saturating_add(1);
        if *retries == LOGGED {
            tracing::warn!(
                "another program holds the database's write lock; until it releases it, nothing is written, and nothing is sent \
                 (fuser shows which program it is)"
            );
        }
        tokio::time::sleep(WAIT).await;
        Ok(())
    }

    /// The wait has ended after so many retries.
    pub(in crate::queue) fn over(retries: u32) {
        if retries >= LOGGED {
            tracing::info!("the database's write lock is free again; writing resumes");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::{Connection, SqliteConnection};

    /// What a second one hears that wants to write.
    async fn busy() -> sqlx::Error {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("busy.db").display());
        let mut first = SqliteConnection::connect(&url).await.expect("a connection");
        let mut second = SqliteConnection::connect(&url).await.expect("a connection");
        sqlx::raw_sql("PRAGMA busy_timeout = 0").execute(&mut second).await.expect("set");
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut first).await.expect("begun");
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut second).await.expect_err("it is busy")
    }

    #[tokio::test]
    async fn it_has_an_end_and_is_for_what_is_busy_alone() {
        let busy_retry = BusyRetry::default();
        let (mut first, mut long) = (MOST - 1, FOR_EVER - 1);
        assert!(busy_retry.wait(&mut first, busy().await).await.is_ok());
        assert!(matches!(busy_retry.wait(&mut first, busy().await).await, Err(QueueError::Busy)), "after a minute");
        busy_retry.limit(None);
        for _ in 0..3 {
            assert!(busy_retry.wait(&mut long, busy().await).await.is_ok());
        }
        busy_retry.limit(Some(Duration::from_secs(2)));
        assert!(matches!(busy_retry.wait(&mut long, busy().await).await, Err(QueueError::Busy)));
        let other = busy_retry.wait(&mut 0, sqlx::Error::RowNotFound).await;
        assert!(matches!(other, Err(QueueError::Database(_))), "{other:?}");
    }
}

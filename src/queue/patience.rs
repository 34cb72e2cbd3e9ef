//! Waiting for another process that writes. The database's own wait sleeps longer each time, up to a tenth of a second, and is
//! outrun by a process that writes again and again; this one looks often enough to find the gap between two writes.

use super::error::QueueError;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Well below [`super::load::PAUSE`], so that a load's pause is never missed.
const LOOK: Duration = Duration::from_millis(1);

/// A minute of looks (each lasts at least as long as [`LOOK`]).
const LOOKS: u32 = 60_000;

/// What a [`Turns`] says where there is no end to waiting.
const FOR_EVER: u32 = u32::MAX;

/// How long the writer waits while another process writes, and whether it does.
#[derive(Debug)]
pub(super) struct Turns {
    looks: AtomicU32,
    waiting: watch::Sender<bool>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { looks: AtomicU32::new(LOOKS), waiting: watch::Sender::new(false) }
    }
}

impl Turns {
    /// From now on, also for what waits already.
    pub(super) fn wait(&self, most: Option<Duration>) {
        let looks = most.map_or(FOR_EVER, |most| u32::try_from(most.as_millis()).unwrap_or(FOR_EVER));
        self.looks.store(looks, Ordering::Relaxed);
    }

    pub(super) fn waiting(&self) -> watch::Receiver<bool> {
        self.waiting.subscribe()
    }

    /// One more look, after so many in vain, where `error` says that another process is at it.
    pub(super) async fn look_again(&self, looked: &mut u32, error: sqlx::Error) -> Result<(), QueueError> {
        let error = QueueError::from(error);
        let most = self.looks.load(Ordering::Relaxed);
        if !matches!(error, QueueError::Busy) || (most != FOR_EVER && *looked >= most) {
            return Err(error);
        }
        *looked = looked.saturating_add(1);
        self.tell(true);
        tokio::time::sleep(LOOK).await;
        Ok(())
    }

    /// It is the writer's turn.
    pub(super) fn come(&self) {
        self.tell(false);
    }

    fn tell(&self, waiting: bool) {
        if *self.waiting.borrow() != waiting {
            self.waiting.send_replace(waiting);
        }
    }
}

/// How long a write beside the writer waits for its turn.
#[derive(Debug)]
pub(super) struct Patience {
    left: u32,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { left: LOOKS }
    }

    /// Waits a little where `error` says that another process is at it, and gives any other error back.
    pub(super) async fn wait(&mut self, error: sqlx::Error) -> Result<(), QueueError> {
        let error = QueueError::from(error);
        if self.left == 0 || !matches!(error, QueueError::Busy) {
            return Err(error);
        }
        self.left -= 1;
        tokio::time::sleep(LOOK).await;
        Ok(())
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
        let mut patience = Patience { left: 2 };
        assert!(patience.wait(busy().await).await.is_ok() && patience.wait(busy().await).await.is_ok());
        assert!(matches!(patience.wait(busy().await).await, Err(QueueError::Busy)));
        let turns = Turns::default();
        turns.wait(None);
        let mut looked = FOR_EVER - 1;
        for _ in 0..3 {
            assert!(turns.look_again(&mut looked, busy().await).await.is_ok() && *turns.waiting().borrow());
        }
        turns.wait(Some(Duration::from_secs(2)));
        assert!(matches!(turns.look_again(&mut looked, busy().await).await, Err(QueueError::Busy)));
        turns.come();
        assert!(!*turns.waiting().borrow());
        let other = Patience::new().wait(sqlx::Error::RowNotFound).await;
        assert!(matches!(other, Err(QueueError::Database(_))), "{other:?}");
    }
}

//! Waiting for another process that writes. The database's own wait sleeps longer each time, up to a tenth of a second, and is
//! outrun by a process that writes again and again; this one looks often enough to find the gap between two writes.

use super::error::QueueError;
use std::time::Duration;

/// Well below [`super::load::PAUSE`], so that a load's pause is never missed.
const LOOK: Duration = Duration::from_millis(1);

/// A minute of looks (each lasts at least as long as [`LOOK`]).
const LOOKS: u32 = 60_000;

/// How long a write waits for its turn.
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

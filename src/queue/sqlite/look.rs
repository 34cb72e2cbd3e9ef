//! Reading beside the owner's commands: each that opens and closes the database makes its log and takes it away again, and a look
//! that falls into that moment fails, or sees half of it.

use std::time::Duration;

/// A look that falls into such a moment each time has another cause.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(25);

/// Counts how often something was read again.
#[derive(Debug, Default)]
pub struct ReadAgain(u32);

impl ReadAgain {
    /// Waits a little before the next try; false once there were enough.
    pub async fn wait(&mut self) -> bool {
        self.0 += 1;
        if self.0 >= TRIES {
            return false;
        }
        tokio::time::sleep(PAUSE).await;
        true
    }
}

//! Reading beside the owner's commands: each of them that opens and closes the database creates its log and removes it again, and
//! a reading at that moment fails, or sees half of it.

use std::time::Duration;

/// A reading that fails so often has another cause.
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

/// Reads, and again where the error may pass.
pub(in crate::queue) async fn read_again<T, E>(
    read: impl AsyncFn() -> Result<T, E>,
    may_pass: fn(&E) -> bool,
) -> Result<T, E> {
    let mut again = ReadAgain::default();
    loop {
        match read().await {
            Err(error) if may_pass(&error) && again.wait().await => {}
            read => return read,
        }
    }
}

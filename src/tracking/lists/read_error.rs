//! Why a read did not complete, and what that means for the lane.

use crate::domain::LaneTrouble;
use crate::lightsail::{CallError, READ_ACTIONS};
use crate::queue::QueueError;
use crate::tracking::lane_context::LaneContext;

/// Why a read did not complete.
#[derive(Debug)]
pub(in crate::tracking) enum ReadError {
    /// The lane is blocked now, and its block says why.
    LaneBlocked,
    /// The next try may succeed.
    Transient(FailedRead),
    /// The store failed.
    Store(QueueError),
}

/// A read that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tracking) struct FailedRead {
    /// The call, the error's code and its message.
    pub(in crate::tracking) text: String,
    /// Whether it will fail until somebody changes something, such as a policy that denies it.
    pub(in crate::tracking) lasts: bool,
}

impl From<QueueError> for ReadError {
    fn from(error: QueueError) -> Self {
        Self::Store(error)
    }
}

impl LaneContext {
    /// Turns a failed call into a read error; blocks the lane where the error is the lane's.
    pub(in crate::tracking) async fn read_error(&self, call: &'static str, error: &CallError) -> ReadError {
        let trouble = match error.trouble() {
            Some(LaneTrouble::Denied) => {
                let text = format!("{}. {call}: {error}", error.advice(READ_ACTIONS));
                return ReadError::Transient(FailedRead { text, lasts: true });
            }
            Some(trouble) if trouble.ends_with_a_reading() => trouble,
            Some(_) | None => {
                return ReadError::Transient(FailedRead { text: format!("{call}: {error}"), lasts: false });
            }
        };
        match self.block(trouble, error.with_advice(READ_ACTIONS)).await {
            Ok(()) => ReadError::LaneBlocked,
            Err(error) => ReadError::Store(error),
        }
    }
}

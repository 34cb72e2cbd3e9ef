//! Why a read did not complete.

use crate::queue::QueueError;

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

impl FailedRead {
    /// One that may pass.
    pub(in crate::tracking) fn passing(text: String) -> Self {
        Self { text, lasts: false }
    }
}

impl From<QueueError> for ReadError {
    fn from(error: QueueError) -> Self {
        Self::Store(error)
    }
}

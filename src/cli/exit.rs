//! How a command ends.

use std::process::ExitCode;

/// How a command that did not fail has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All that was asked is done.
    Done,
    /// Somebody interrupted it; nothing is lost.
    Interrupted,
}

impl Exit {
    /// The process's exit status.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What was asked for is not there, or makes no sense: exit status 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

impl UsageError {
    /// Whether `error` is one.
    #[must_use]
    pub fn is(error: &anyhow::Error) -> bool {
        error.chain().any(<dyn std::error::Error + 'static>::is::<Self>)
    }
}

//! How a command ends.

use std::process::ExitCode;

/// Exit status; scripts depend on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: all that was asked is done.
    Done,
    /// 1: could not be done.
    Failed,
    /// 2: wrong usage or bad input.
    Usage,
    /// 3: finished, but some jobs failed or wait for a person.
    Incomplete,
    /// 130: interrupted, nothing lost.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Incomplete => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// Wrong usage or bad input, in one message that names the thing and the way out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The exit status of an error that nobody handled.
#[must_use]
pub(super) fn exit_of(error: &anyhow::Error) -> Exit {
    let usage = error.chain().any(|cause| {
        cause.is::<UsageError>()
            || cause.is::<crate::settings::SettingsError>()
            || cause.downcast_ref::<crate::intake::IntakeError>().is_some_and(|error| {
                // The file is fine; the machine could not read it.
                !matches!(error, crate::intake::IntakeError::Read(_))
            })
    });
    if usage { Exit::Usage } else { Exit::Failed }
}

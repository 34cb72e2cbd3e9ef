//! The exit status: scripts depend on it.

use crate::domain::{BadAccount, BadName, BadRegion};
use crate::intake::IntakeError;
use crate::queue::{OpenError, QueueError};
use crate::report::OutputError;
use crate::settings::SettingsError;
use anyhow::Context as _;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// It could not be done.
    Failed = 1,
    /// Wrong usage or bad input.
    Usage = 2,
    /// Finished, but some jobs failed or wait for a person.
    Incomplete = 3,
    /// Interrupted; nothing is lost.
    Interrupted = 130,
}

impl Exit {
    /// The status for an error that ended a command: wrong usage, or a failure.
    pub fn of_error(error: &anyhow::Error) -> Self {
        if error.chain().any(is_usage) { Self::Usage } else { Self::Failed }
    }
}

/// Whether a cause lies in what was given, not in what happened.
fn is_usage(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.is::<UsageError>()
        || cause.is::<SettingsError>()
        || (cause.is::<BadName>() || cause.is::<BadRegion>() || cause.is::<BadAccount>())
        || cause.downcast_ref().is_some_and(|input| !matches!(input, IntakeError::Read(_)))
        || cause.downcast_ref().is_some_and(|output| !matches!(output, OutputError::Failed { .. }))
        || matches!(cause.downcast_ref(), Some(QueueError::Taken(_)))
        || matches!(
            cause.downcast_ref(),
            Some(OpenError::NoFolder { .. } | OpenError::IsFolder { .. } | OpenError::NotADatabase { .. })
        )
}

/// Runs to the end, or until Ctrl-C: then what is half-written has no name yet, and is removed.
pub(crate) async fn or_interrupted(work: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    tokio::select! {
        ended = work => ended,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("Ctrl-C cannot be caught")?;
            Ok(Exit::Interrupted)
        }
    }
}

/// An argument or input that cannot be used, if no other type says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_told_from_what_happened() {
        let given = Err::<(), _>(IntakeError::Empty).context("fleet.csv").expect_err("an error");
        assert_eq!(Exit::of_error(&given), Exit::Usage);
        let taken = anyhow::Error::from(QueueError::Taken("there is one".into()));
        assert_eq!(Exit::of_error(&taken), Exit::Usage);
        let folder = anyhow::Error::from(OpenError::NoFolder("/none".into()));
        assert_eq!(Exit::of_error(&folder), Exit::Usage);
        assert_eq!(Exit::of_error(&OutputError::NoFolder("none".into()).into()), Exit::Usage);
        let newer = OpenError::Newer("x.db".into(), 9);
        assert_eq!(Exit::of_error(&newer.into()), Exit::Failed);
        let happened = IntakeError::Read(std::io::ErrorKind::BrokenPipe.into());
        assert_eq!(Exit::of_error(&happened.into()), Exit::Failed);
        assert_eq!(Exit::of_error(&QueueError::DiskFull.into()), Exit::Failed);
    }
}

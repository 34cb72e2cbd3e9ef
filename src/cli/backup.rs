//! `snapferry backup`: a copy of the database.

use super::exit::{Exit, UsageError};
use super::session::Session;
use crate::queue::{BackupError, Overwrite};
use crate::report::backup_text;
use std::path::PathBuf;

/// Copy the database, as it is at one moment; a daemon may go on meanwhile
///
/// The copy is there whole or not at all. To go back to it, stop the daemon, put it in the database's place, and take
/// away the -wal and -shm files beside it. It has forgotten every attempt made since; those are found again in
/// Lightsail's ledger.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  snapferry backup /backups/snapferry-2026-11-23.db     a new file
  snapferry backup --force /backups/latest.db           in place of the last one
  snapferry --database sqlite:///backups/latest.db status")]
pub struct BackupArgs {
    /// The copy
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

impl BackupArgs {
    /// Makes the copy.
    ///
    /// # Errors
    /// A file that is there, a folder that is not, a disk that is full.
    pub async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        let Session { queue, mut screen, .. } = session;
        if self.file.as_os_str() == "-" {
            return Err(UsageError("a backup does not go to standard output: name a file".to_owned()).into());
        }
        let overwrite = if self.force { Overwrite::Replace } else { Overwrite::Refuse };
        let made = tokio::select! {
            made = queue.backup(&self.file, overwrite) => made,
            // What is left half-written has no name yet, and goes.
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                return Ok(Exit::Interrupted);
            }
        };
        let made = made.map_err(|error: BackupError| {
            if error.is_usage() { anyhow::Error::new(UsageError(error.to_string())) } else { error.into() }
        })?;
        screen.say(&backup_text(queue.path(), &self.file, made))?;
        Ok(Exit::Done)
    }
}

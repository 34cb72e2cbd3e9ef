//! `snapferry backup`: a copy of the database.

use crate::cli::exit::{Exit, UsageError, or_interrupted};
use crate::cli::session::Session;
use crate::queue::{BackupError, Overwrite};
use crate::report::backup_text;
use std::path::PathBuf;

/// Copy the database as of one moment; a daemon may keep running
///
/// The copy is complete or not there at all. To go back to it, stop the daemon, put the copy in the database's place,
/// and remove the -wal and -shm files beside it. Attempts made after the copy are not in it; Snapferry finds them again
/// in Lightsail's records.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  snapferry backup /backups/snapferry-2026-11-23.db     a new file
  snapferry backup --force /backups/latest.db           replace the previous one
  snapferry --database sqlite:///backups/latest.db status")]
pub struct BackupArgs {
    /// Path of the copy
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

impl BackupArgs {
    /// Makes the copy.
    pub async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        let Session { queue, mut screen, .. } = session;
        if self.file.as_os_str() == "-" {
            return Err(UsageError("a backup cannot go to standard output: name a file".to_owned()).into());
        }
        let overwrite = if self.force { Overwrite::Replace } else { Overwrite::Refuse };
        or_interrupted(async {
            let made = queue.backup(&self.file, overwrite).await.map_err(|error: BackupError| {
                if error.is_usage() { anyhow::Error::new(UsageError(error.to_string())) } else { error.into() }
            })?;
            screen.say(&backup_text(queue.path(), &self.file, made))?;
            Ok(Exit::Done)
        })
        .await
    }
}

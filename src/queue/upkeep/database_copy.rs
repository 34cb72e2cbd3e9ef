//! A copy of the database, whole and of one moment, while others read and write it.

use crate::queue::Queue;
use crate::queue::files::own_files::{beside, folder_of, is_own_file, sync_folder_of};
use crate::queue::queue_error::QueueError;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What to do about an existing file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and there is no copy.
    Refuse,
    /// The copy takes its place, once it is whole.
    Replace,
}

/// A copy that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackedUp {
    /// Its size in bytes.
    pub bytes: u64,
    /// The jobs in it.
    pub jobs: u64,
}

/// Why there is no copy. What was there before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The folder is not there.
    #[error("the folder {0:?} does not exist; create it, or name another file")]
    NoFolder(PathBuf),
    /// A file is there already.
    #[error("{0:?} exists; name another file, or add --force to replace it")]
    Exists(PathBuf),
    /// No file can be put there.
    #[error("{0:?} is no plain file; name a file")]
    NotAFile(PathBuf),
    /// It is the database itself, or of it.
    #[error("{0:?} is the database itself, or belongs to it; name another file")]
    Itself(PathBuf),
    /// It is a database that somebody may be using.
    #[error("{0:?} may be in use as a database (there is a log beside it, {1:?}); name another file")]
    InUse(PathBuf, PathBuf),
    /// The file could not be written.
    #[error("{path:?} cannot be written; what was there before is untouched")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database could not be copied.
    #[error("the database could not be copied; nothing is left of the copy")]
    Database(#[from] QueueError),
}

impl BackupError {
    /// Whether another argument would help.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::File { .. } | Self::Database(_))
    }
}

impl Queue {
    /// Copies the database, as it is at one moment, to `file`, which is there whole or not at all.
    ///
    /// # Errors
    /// [`BackupError`]; then what was there before is untouched.
    pub async fn backup(&self, file: &Path, overwrite: Overwrite) -> Result<BackedUp, BackupError> {
        // What a link names is replaced, not the link.
        let file = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        check(&file, self.path(), overwrite)?;
        let failed = |source| BackupError::File { path: file.clone(), source };
        let folder = folder_of(&file);
        // SQLite takes an empty file for none.
        let part =
            tempfile::Builder::new().prefix(".snapferry-").suffix(".part").tempfile_in(folder).map_err(failed)?;
        let path = part.path().to_str().ok_or_else(|| failed(std::io::ErrorKind::InvalidFilename.into()))?.to_owned();
        sqlx::query("VACUUM INTO ?1").bind(path).execute(&self.readers).await.map_err(QueueError::from)?;
        let jobs = make_usable(part.path()).await?;
        let bytes = keep(part, &file, self.path(), overwrite).map_err(|error| {
            let taken = error.kind() == std::io::ErrorKind::AlreadyExists;
            if taken { BackupError::Exists(file.clone()) } else { failed(error) }
        })?;
        Ok(BackedUp { bytes, jobs })
    }
}

fn check(file: &Path, database: &Path, overwrite: Overwrite) -> Result<(), BackupError> {
    let folder = folder_of(file);
    if !folder.is_dir() {
        return Err(BackupError::NoFolder(folder.to_owned()));
    }
    if is_own_file(database, file) {
        return Err(BackupError::Itself(file.to_owned()));
    }
    let Ok(there) = std::fs::metadata(file) else { return Ok(()) };
    if !there.is_file() {
        return Err(BackupError::NotAFile(file.to_owned()));
    }
    if overwrite == Overwrite::Refuse {
        return Err(BackupError::Exists(file.to_owned()));
    }
    // The log of another database beside our copy would be played into it.
    let log = beside(file, "-wal");
    if log.exists() { Err(BackupError::InUse(file.to_owned(), log)) } else { Ok(()) }
}

/// Gives the copy the database's kind of log; returns how many jobs it holds.
async fn make_usable(part: &Path) -> Result<u64, QueueError> {
    let options = SqliteConnectOptions::new().filename(part).create_if_missing(false);
    let mut copy = SqliteConnection::connect_with(&options).await?;
    sqlx::query("PRAGMA journal_mode = WAL").execute(&mut copy).await?;
    let jobs: u64 = sqlx::query_scalar("SELECT count(*) FROM jobs").fetch_one(&mut copy).await?;
    // The last connection to close removes the log.
    copy.close().await?;
    Ok(jobs)
}

fn keep(part: NamedTempFile, file: &Path, database: &Path, overwrite: Overwrite) -> std::io::Result<u64> {
    // The copy may be read by those who may read the database.
    part.as_file().set_permissions(std::fs::metadata(database)?.permissions())?;
    part.as_file().sync_all()?;
    let bytes = part.as_file().metadata()?.len();
    match overwrite {
        Overwrite::Refuse => part.persist_noclobber(file).map_err(|error| error.error)?,
        Overwrite::Replace => part.persist(file).map_err(|error| error.error)?,
    };
    sync_folder_of(file);
    Ok(bytes)
}

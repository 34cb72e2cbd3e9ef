//! What can go wrong with the store; each message says what to do. No type of sqlx leaves the room.

use crate::domain::{BatchName, IllegalTransition, JobId};
use crate::queue::upkeep::vitals::Foreign;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder does not exist.
    #[error("the folder {0:?} for the database does not exist; create it, or name another file with --database")]
    NoFolder(PathBuf),
    /// A folder on the way to it may not be entered.
    #[error(
        "the database {0:?} cannot be reached: this user may not enter the folder {1:?}; run as a user who may, or correct owner and \
         mode of that folder"
    )]
    NoEntry(PathBuf, PathBuf),
    /// It is a link to a file that does not exist: its disk may not be mounted, so nothing is created.
    #[error(
        "the database {0:?} is a link to {1:?}, which does not exist; create that, or name another file with --database"
    )]
    DeadLink(PathBuf, PathBuf),
    /// The path is a folder.
    #[error("{0:?} is a folder; name a file in it with --database sqlite://PATH")]
    IsFolder(PathBuf),
    /// It cannot be read or written (the second), for the system's reason.
    #[error(
        "the database {0:?} cannot be {1}: {2}; run as its owner, or correct owner and mode of the file and its folder"
    )]
    Denied(PathBuf, &'static str, String),
    /// Its disk takes no writes.
    #[error(
        "the database {0:?} cannot be written: its disk is mounted read-only; mount it for writing, or name another file"
    )]
    ReadOnlyDisk(PathBuf),
    /// Its log holds changes, and the log's index can be neither found nor created.
    #[error(
        "the database {0:?} cannot be read where it is: its log holds changes, and reading them creates a file beside it; copy \
         both to a folder of your own, and name that copy with --database: `cp {path} {path}-wal FOLDER`",
        path = .0.display()
    )]
    LogUnread(PathBuf),
    /// It is something else.
    #[error("{0:?} is not a Snapferry database; name another file with --database")]
    NotADatabase(PathBuf),
    /// A newer Snapferry wrote it: it has a migration that this program does not know.
    #[error("the database {0:?} was written by a newer Snapferry (schema {1}); use that version or a newer one")]
    Newer(PathBuf, i64),
    /// A build from before the first release wrote it: it has a migration that this program no longer has.
    #[error(
        "the database {0:?} was made by a pre-release build of Snapferry (schema {1}); finish it with that build, or name another \
         file with --database"
    )]
    PreRelease(PathBuf, i64),
    /// An older version wrote it, and it is only to be read.
    #[error(
        "the database {0:?} was written by an older Snapferry (schema {1}); start the daemon of this version, which migrates it"
    )]
    Older(PathBuf, i64),
    /// Some of its files, or its folder, belong to another user; the last field is what was to be done with it.
    #[error("the database {0:?} cannot be {2}: {1}; {way}", way = .1.way())]
    OutOfReach(PathBuf, Foreign, &'static str),
    /// Anything else.
    #[error("the database {0:?} cannot be opened")]
    Other(PathBuf, #[source] QueueError),
}

impl OpenError {
    /// As [`QueueError::may_pass`].
    pub fn may_pass(&self) -> bool {
        let cause = if let Self::Other(_, source) = self { source.may_pass() } else { false };
        cause || matches!(self, Self::Denied(..) | Self::OutOfReach(..) | Self::LogUnread(_))
    }
}

/// Why a read or a write did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// The job has moved on: not in the state or attempt that was expected. Nothing was written.
    #[error("job {0} is no longer in the state that this change expected; nothing was written")]
    Stale(JobId),
    /// The change is not in the state machine.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// This user may not write the database.
    #[error("the database or a file beside it may not be written; `snapferry doctor` names the file and the way out")]
    ReadOnly,
    /// The disk is full.
    #[error("the disk that holds the database is full; nothing of this change was written. Make room and start again")]
    DiskFull,
    /// The counter file cannot be read or written. Nothing that was committed is lost; nothing more is sent.
    #[error(
        "the counter file {file:?} beside the database cannot be used, and without it nothing is sent; fix that and start again, \
         no work is lost"
    )]
    Counter {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Arc<std::io::Error>,
    },
    /// The file is no longer the one that was opened: nobody will ever read what is written now.
    #[error(
        "the database file {0:?} was deleted, moved or replaced while it was in use; put it back, or start again on \
         what is there now (what was exported meanwhile is found at Lightsail, and not exported again)"
    )]
    Replaced(PathBuf),
    /// Another process held the database for too long.
    #[error(
        "another program keeps the database locked; end that program, or wait for it and try again (fuser shows which it is)"
    )]
    Busy,
    /// What was read was written at the same time.
    #[error("the database was written while it was read; run the command again")]
    WrittenMeanwhile,
    /// The name is taken.
    #[error("{0}")]
    Taken(String),
    /// Another job of that snapshot and lane is live. Nothing was written.
    #[error("another job of that snapshot is live; nothing was written")]
    Rival,
    /// A rule of the schema forbids it. Nothing was written.
    #[error("a rule of the database forbids this change; nothing was written")]
    Forbidden(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A lock could not be taken.
    #[error(transparent)]
    Lock(#[from] Arc<crate::queue::files::lock::LockError>),
    /// The store was closed.
    #[error("the database was closed")]
    Closed,
    /// The database holds something that this program cannot have written.
    #[error("the database holds {0} that cannot be read: {1:?}")]
    Corrupt(&'static str, String),
    /// The file is broken.
    #[error(
        "the database file is broken; stop the daemon, see snapferry doctor, and go back to a backup or begin a new file \
         (what was exported is found at Lightsail, and not exported again)"
    )]
    Broken(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// Any other error of the database.
    #[error("the database failed")]
    Database(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl From<sqlx::Error> for QueueError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::ColumnDecode { source, .. } = &error
            && let Some(corrupt) = source.downcast_ref::<Self>()
        {
            return corrupt.clone();
        }
        // Primary result codes of SQLite: 8 is SQLITE_READONLY, 13 SQLITE_FULL, 5 SQLITE_BUSY, 6 SQLITE_LOCKED, 11 SQLITE_CORRUPT,
        // 19 SQLITE_CONSTRAINT.
        match primary_code(&error) {
            Some(8) => Self::ReadOnly,
            Some(13) => Self::DiskFull,
            // SQLITE_IOERR_SHMSIZE: the WAL's index cannot grow, and only a disk keeps it from that.
            Some(10) if code(&error) == Some(4874) => Self::DiskFull,
            Some(5 | 6) => Self::Busy,
            Some(11) => Self::Broken(Arc::new(error)),
            // SQLite names the columns of an index, not the index; these are those of `jobs_live` alone.
            Some(19) if error.to_string().contains("jobs.lane_id, jobs.snapshot_name") => Self::Rival,
            Some(19) => Self::Forbidden(Arc::new(error)),
            _ if matches!(error, sqlx::Error::PoolClosed) => Self::Closed,
            _ => Self::Database(Arc::new(error)),
        }
    }
}

/// The primary result code of the database: the low byte of the extended one.
pub(in crate::queue) fn primary_code(error: &sqlx::Error) -> Option<u32> {
    code(error).map(|code| code & 0xff)
}

fn code(error: &sqlx::Error) -> Option<u32> {
    let sqlx::Error::Database(error) = error else { return None };
    error.code()?.parse().ok()
}

impl QueueError {
    /// Whether another process may have opened or closed the database at that moment, so that reading again may help.
    pub fn may_pass(&self) -> bool {
        // SQLITE_CANTOPEN and SQLITE_PROTOCOL: the log was there, and was gone, or the other way round.
        let passing = |error: &sqlx::Error| matches!(primary_code(error), Some(14 | 15));
        let cause = if let Self::Database(error) = self { error.downcast_ref().is_some_and(passing) } else { false };
        cause || matches!(self, Self::WrittenMeanwhile | Self::ReadOnly)
    }

    /// A batch has that name.
    pub(crate) fn taken(name: &BatchName) -> Self {
        Self::Taken(format!("a batch {name} already exists; give this one another name with --batch NAME"))
    }
}

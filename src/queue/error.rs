//! What can go wrong with the store, in words that say what to do. No type of sqlx leaves the room.

use crate::domain::{BatchName, IllegalTransition, JobId};
use crate::queue::upkeep::vitals::Foreign;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder is not there.
    #[error("the folder {folder:?} for the database does not exist; create it, or name another file with --database")]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder on the way to it may not be entered.
    #[error(
        "the database {path:?} cannot be reached: this user may not enter the folder {folder:?}; run as a user who may, or put \
         owner and mode of that folder right"
    )]
    NoEntry {
        /// The database.
        path: PathBuf,
        /// The first such folder.
        folder: PathBuf,
    },
    /// It is a link to what is not there: its disk may not be mounted, so that nothing is created.
    #[error(
        "the database {path:?} is a link to {target:?}, which does not exist; create that, or name another file with --database"
    )]
    DeadLink {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The path is a folder.
    #[error("{path:?} is a folder; name a file in it with --database sqlite://PATH")]
    IsFolder {
        /// The path.
        path: PathBuf,
    },
    /// It may not be written.
    #[error(
        "the database {path:?} cannot be written: {reason}; run as its owner, or put owner and mode of the file and its folder right"
    )]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: String,
    },
    /// It may not be read.
    #[error(
        "the database {path:?} cannot be read: {reason}; run as its owner, or put owner and mode of the file and its folder right"
    )]
    NotReadable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: String,
    },
    /// Its disk takes no writes.
    #[error(
        "the database {path:?} cannot be written: its disk is mounted read-only; mount it for writing, or name another file"
    )]
    ReadOnlyDisk {
        /// The file.
        path: PathBuf,
    },
    /// Its log holds something, and the log's index can be neither found nor made.
    #[error(
        "the database {path:?} cannot be read where it is: its log holds changes, and reading them creates a file beside it; copy \
         both to a folder of your own, and name that copy with --database: `cp {0} {0}-wal FOLDER`",
        path.display()
    )]
    LogUnread {
        /// The file.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{path:?} is not a Snapferry database; name another file with --database")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A newer Snapferry wrote it.
    #[error(
        "the database {path:?} was written by a newer Snapferry (schema {schema}); use that version or a newer one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The migration that this program does not know.
        schema: i64,
    },
    /// A build from before the first release wrote it.
    #[error(
        "the database {path:?} was made by a pre-release build of Snapferry (schema {schema}); let that build finish it, or \
         name another file with --database"
    )]
    PreRelease {
        /// The file.
        path: PathBuf,
        /// A migration that this program no longer has.
        schema: i64,
    },
    /// Some of its files are somebody else's.
    #[error("the database {path:?} cannot be {wanted}: {foreign}; {}", foreign.way())]
    OutOfReach {
        /// The database.
        path: PathBuf,
        /// Its files, or the folder.
        foreign: Foreign,
        /// What was to be done with it.
        wanted: &'static str,
    },
    /// An older version wrote it, and it is not to be changed.
    #[error(
        "the database {path:?} was written by an older Snapferry (schema {schema}); start the daemon of this version, which \
         brings it up to date"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its last migration.
        schema: i64,
    },
    /// Anything else.
    #[error("the database {path:?} cannot be opened")]
    Other {
        /// The file.
        path: PathBuf,
        /// Why.
        source: QueueError,
    },
}

impl OpenError {
    /// As [`QueueError::may_pass`].
    pub fn may_pass(&self) -> bool {
        let cause = if let Self::Other { source, .. } = self { source.may_pass() } else { false };
        cause || matches!(self, Self::NotReadable { .. } | Self::OutOfReach { .. } | Self::LogUnread { .. })
    }
}

/// Why a read or a write did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// The job has moved on: not in the state or attempt that was expected. Nothing was written.
    #[error("job {job} is no longer in the state that this change expected; nothing was written")]
    Stale {
        /// The job.
        job: JobId,
    },
    /// The change is not in the state machine.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// This user may not write it.
    #[error("the database or a file beside it may not be written; `snapferry doctor` names the file and the way out")]
    ReadOnly,
    /// No room on the disk.
    #[error("the disk that holds the database is full; nothing of this change was written. Make room and start again")]
    DiskFull,
    /// The counter file cannot be read or written. Of what was committed nothing is lost, and nothing more is sent.
    #[error(
        "the counter file {file:?} beside the database cannot be used, and without it nothing is sent; put that right and \
             start again, nothing is lost"
    )]
    Counter {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Arc<std::io::Error>,
    },
    /// The file is no longer the one that was opened: what is written now, nobody will ever read.
    #[error(
        "the database file {file:?} was deleted, moved or replaced while it was in use; put it back, or start again on \
         what is there now (what was exported meanwhile is found at Lightsail, and not exported again)"
    )]
    Replaced {
        /// The file that is not there, or another.
        file: PathBuf,
    },
    /// Another process held the database for too long.
    #[error(
        "another program keeps the database locked; end that program, or wait for it and try again (fuser tells which it is)"
    )]
    Busy,
    /// What was read was written at the same time.
    #[error("the database was written while it was read; run the command again")]
    WrittenMeanwhile,
    /// A name that is taken.
    #[error("{0}")]
    Taken(String),
    /// Another job of that snapshot and lane is live. Nothing was written.
    #[error("another job of that snapshot is live; nothing was written")]
    Rival,
    /// A rule of the schema forbids it. Nothing was written.
    #[error("a rule of the database forbids this change; nothing was written")]
    Forbidden(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The lock of loading could not be had.
    #[error(transparent)]
    Lock(#[from] Arc<crate::queue::files::lock::LockError>),
    /// The store was closed.
    #[error("the database was closed")]
    Closed,
    /// The database holds something that this program cannot have written.
    #[error("the database holds {what} that cannot be read: {value:?}")]
    Corrupt {
        /// Which column.
        what: &'static str,
        /// What stands there.
        value: String,
    },
    /// The file is broken.
    #[error(
        "the database file is broken; stop the daemon, see snapferry doctor, and go back to a backup or begin a new file \
         (what was exported is found at Lightsail, and not exported again)"
    )]
    Broken(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// Anything else that the database said.
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
    /// Whether it may be another process that came or went at that moment, so that to read again may help.
    pub fn may_pass(&self) -> bool {
        // SQLITE_CANTOPEN and SQLITE_PROTOCOL: the log was there, and was gone, or the other way round.
        let passing = |error: &sqlx::Error| matches!(primary_code(error), Some(14 | 15));
        let cause = if let Self::Database(error) = self { error.downcast_ref().is_some_and(passing) } else { false };
        cause || matches!(self, Self::WrittenMeanwhile | Self::ReadOnly)
    }

    /// There is a batch of that name.
    pub(crate) fn taken(name: &BatchName) -> Self {
        Self::Taken(format!("there is a batch {name} already; give this one another name with --batch NAME"))
    }
}

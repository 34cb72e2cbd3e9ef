//! The files that the store works in, and whether their names still lead to them. A file that was deleted or replaced goes on
//! taking writes for as long as somebody has it open; nobody else will ever read them.

use super::error::QueueError;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The database, its WAL, and the WAL's index: where they are at all, all three are there as long as a connection is open.
const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];

/// The files behind the names when the store was opened.
#[derive(Debug)]
pub(super) struct Place {
    files: Vec<(PathBuf, Identity)>,
    log: Option<PathBuf>,
}

/// Device and inode: what stays a file's own whatever becomes of its name.
type Identity = (u64, u64);

/// How a log looked: whoever writes to it changes that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogMark {
    /// Its size.
    pub bytes: u64,
    /// When it was written to last, by the file system's clock.
    pub written: SystemTime,
}

impl Place {
    /// How the write-ahead log looks; nothing where it cannot be told.
    pub(super) fn log_mark(&self) -> Option<LogMark> {
        let log = self.log.as_ref()?.metadata().ok()?;
        Some(LogMark { bytes: log.len(), written: log.modified().ok()? })
    }

    /// Where the store at `path` is, now that a connection to it is open.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        // SQLite puts the others beside the file itself, not beside a link to it.
        let real = path.canonicalize()?;
        let mut files = vec![(path.to_owned(), identity(&path.metadata()?))];
        let mut log = None;
        for ending in ENDINGS {
            let mut name = real.clone().into_os_string();
            name.push(ending);
            let file = PathBuf::from(name);
            // A file system without shared memory has no WAL.
            if let Ok(found) = file.metadata() {
                let found = identity(&found);
                if ending == "-wal" {
                    log = Some(file.clone());
                }
                files.push((file, found));
            }
        }
        Ok(Self { files, log })
    }

    /// Whether all of it is still there.
    pub(super) fn check(&self) -> Result<(), QueueError> {
        for (file, opened) in &self.files {
            match file.metadata() {
                Ok(found) if identity(&found) == *opened => {}
                Ok(_) => return Err(QueueError::Replaced { file: file.clone() }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(QueueError::Replaced { file: file.clone() });
                }
                // What cannot be looked at for another reason is no sign of that: the database itself will say.
                Err(_) => {}
            }
        }
        Ok(())
    }
}

fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}
